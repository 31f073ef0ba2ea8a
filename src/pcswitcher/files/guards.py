"""Guards: what halts a run before the first write, because it looks like a mistake and not like a wish.

Pure: they look at what was captured, never at a disk. What only the disk can tell (a root that is missing, no
directory, on another filesystem) the scan refuses itself.
"""

from __future__ import annotations

from enum import StrEnum

import attrs

from pcswitcher.files.change import Action, TreeDelta


class GuardKind(StrEnum):
    """What looks wrong."""

    EMPTY_SOURCE = "empty source"
    """The source's tree is empty, the target's is not: it is probably not mounted."""
    MASS_DELETION = "mass deletion"
    """Unusually much would be deleted."""


@attrs.frozen(kw_only=True)
class GuardLimits:
    """How many deletions are usual."""

    max_deletions: int
    max_deletion_percent: int
    """Of the target's entries in scope."""


@attrs.frozen(kw_only=True)
class GuardFinding:
    """What a guard saw in one tree."""

    kind: GuardKind
    deletions: int
    entries: int
    """The target's entries in scope."""


def check_delta(delta: TreeDelta, limits: GuardLimits) -> tuple[GuardFinding, ...]:
    """Look at what would happen to one tree; nothing found means nothing unusual."""
    deletions = delta.count(Action.DELETE)
    found = GuardFinding(kind=GuardKind.MASS_DELETION, deletions=deletions, entries=delta.target_entries)
    # The root itself is an entry, so a tree of one entry is empty.
    if delta.source_entries <= 1 < delta.target_entries and deletions:
        return (attrs.evolve(found, kind=GuardKind.EMPTY_SOURCE),)
    many = deletions > limits.max_deletions
    large_share = deletions * 100 > delta.target_entries * limits.max_deletion_percent and deletions >= FEW
    return (found,) if many or large_share else ()


FEW = 50
"""So few deletions are never unusual, whatever share of a small tree they are."""
