"""What the target changed itself since both machines last agreed: the conflicts of one tree. Pure.

A change of the plan is a conflict when the target's entry is not what the base has. Where only the source moved
on, there is nothing to lose; where the base is not known, nobody can tell, and nothing is called a conflict. What a
run that was cut short brought is not the target's own work either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs

from pcswitcher.files.change import TreeDelta
from pcswitcher.files.comparison import differences
from pcswitcher.files.entry import Entry, Kind, parent_of, split_records, unpack_record
from pcswitcher.files.manifest import Capture


@attrs.frozen
class Conflict:
    """Why a change of the plan would undo something the target did. ``words`` say "here" for the source."""

    words: str


REMOVED_THERE = Conflict("removed there, not touched here")
REMOVED_THERE_CHANGED_HERE = Conflict("removed there, changed here")
ADDED_THERE = Conflict("new there, not here")
ADDED_BOTH = Conflict("made on both, each its own")
CHANGED_THERE = Conflict("changed there, not touched here")
CHANGED_THERE_REMOVED_HERE = Conflict("changed there, removed here")
CHANGED_BOTH = Conflict("changed on both, differently")


def find_conflicts(
    delta: TreeDelta,
    base: Capture,
    volatile: Callable[[bytes, bool], bool] = lambda _path, _directory: False,
    brought: Sequence[Capture] = (),
) -> dict[bytes, Conflict]:
    """The conflicts among the changes of ``delta``, by path.

    ``base``: the tree as both last agreed on it. ``volatile``: whether a path (relative, with whether it is a
    directory) never is a conflict. ``brought``: the tree as runs since then, cut short, were bringing it to the
    target. Raises FormatError for a malformed base.
    """
    wanted: dict[bytes, list[bytes]] = {}
    for change in delta.changes:
        wanted.setdefault(parent_of(change.path), []).append(change.path)
    common, *later = (_entries_of(capture, wanted) for capture in (base, *brought))
    found: dict[bytes, Conflict] = {}
    for change in delta.changes:
        path, mask = change.path, delta.flag_mask
        conflict = conflict_of(change.before, change.after, common.get(path), mask)
        if conflict is None or any(same(change.before, entries.get(path), mask) for entries in later):
            continue
        entry = change.before or change.after
        if entry is not None and not volatile(path, entry.kind is Kind.DIRECTORY):
            found[path] = conflict
    return found


def _entries_of(capture: Capture, wanted: Mapping[bytes, Sequence[bytes]]) -> dict[bytes, Entry]:
    """The entries of a capture at some paths, which come by their directories."""
    found: dict[bytes, Entry] = {}
    for block in capture.blocks():
        paths = wanted.get(block.path)
        if paths is None:
            continue
        records = dict(split_records(block.entries, root=not block.path))
        for path in paths:
            record = records.get(path.rpartition(b"/")[2])
            if record is not None:
                found[path] = unpack_record(record, path)
    return found


def conflict_of(target: Entry | None, source: Entry | None, base: Entry | None, mask: int) -> Conflict | None:
    """Judge one path by what the target has, the source has and both had (None: nothing)."""
    if same(target, base, mask) or (target is not None and same(target, source, mask)):
        return None  # the second: both have come to the same, but for the times of a directory
    unchanged_here = same(source, base, mask)
    if target is None:
        return REMOVED_THERE if unchanged_here else REMOVED_THERE_CHANGED_HERE
    if base is None:
        return ADDED_THERE if source is None else ADDED_BOTH
    if source is None:
        return CHANGED_THERE_REMOVED_HERE
    return CHANGED_THERE if unchanged_here else CHANGED_BOTH


def same(one: Entry | None, other: Entry | None, mask: int) -> bool:
    """Whether two states of a path are equal. The mtime of a directory follows its entries: it is nobody's edit."""
    if one is None or other is None:
        return one is other
    if one.kind is not other.kind:
        return False
    found = differences(one, other, mask)
    return not found or (one.kind is Kind.DIRECTORY and found == ("mtime",))
