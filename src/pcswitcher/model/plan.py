"""The plan of a run as plain data: what would change, what stands against it, and what a person decided.

A job makes the changes, a face shows them, a person or a policy decides; nobody needs to know more of the others
than what stands here. ``run.plan`` keeps plans in files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Self

import attrs

from pcswitcher.model.events import now
from pcswitcher.model.text import human_size


class Gate(StrEnum):
    """What ``--yes`` does not accept: each needs its own word (``--allow``)."""

    FIRST_SYNC = "first-sync"
    STALE_SOURCE = "stale-source"
    DIVERGED_TARGET = "diverged-target"
    MASS_DELETION = "mass-deletion"


class Severity(StrEnum):
    """Whether a finding stops the run, belongs in front of the person, or only into `doctor`."""

    ADVICE = "advice"
    WARNING = "warning"
    BLOCKING = "blocking"


@attrs.frozen(kw_only=True)
class Finding:
    """Something a check found: on which machine, what and why, and the command that mends it."""

    severity: Severity
    machine: str
    message: str
    hint: str = ""
    gate: Gate | None = None
    """The word that accepts it; None: it cannot be accepted."""

    @property
    def stops(self) -> bool:
        """Whether it ends the run, whatever anybody says."""
        return self.severity is Severity.BLOCKING and self.gate is None


class Action(StrEnum):
    """What happens to one item on the target."""

    ADD = "add"
    CHANGE = "change"
    METADATA = "metadata"
    REMOVE = "remove"

    @property
    def words(self) -> str:
        """As it stands in a sentence: "12 new"."""
        return _ACTION_WORDS[self]


_ACTION_WORDS = {
    Action.ADD: "new",
    Action.CHANGE: "changed",
    Action.METADATA: "with other metadata",
    Action.REMOVE: "removed",
}


class Risk(StrEnum):
    """How much a mistake about this item would cost."""

    LOW = "low"
    HIGH = "high"
    """A person should look: it is executed, it guards access, it cannot be made again."""


class Decision(StrEnum):
    """What happens to a change of the plan."""

    APPLY = "apply"
    """The target's item becomes the source's."""
    SKIP = "skip"
    """Nothing happens now; the next run asks again."""
    KEEP = "keep"
    """The item is machine-specific: nothing happens, now and later, until `pc-switcher unmark`."""


class ConflictPolicy(StrEnum):
    """Who answers a conflict (``--conflicts``)."""

    ASK = "ask"
    """The review."""
    SOURCE = "source"
    """The source's item is taken."""
    TARGET = "target"
    """The target's item stays, now."""
    STOP = "stop"
    """The run ends before anything is changed."""


@attrs.frozen(kw_only=True)
class Change:
    """One line of the plan: what would happen to one item on the target, and why. Text is safe for a terminal."""

    item: str
    """Names the item within its job, as people read and type it: a path, a package. Unique in the plan of its job."""
    action: Action
    before: str = ""
    """What the target has, in words; empty: nothing."""
    after: str = ""
    """What the source has, in words; empty: nothing."""
    why: str = ""
    """What differs."""
    size: int = 0
    """Bytes that travel for it."""
    risk: Risk = Risk.LOW
    conflict: str = ""
    """What the target changed itself since both last agreed; empty: no conflict."""


@attrs.frozen(kw_only=True)
class Section:
    """What one job would do."""

    job: str
    title: str
    source_state: str
    """Digest of the state captured on the source: what the plan was made from."""
    target_state: str
    changes: Sequence[Change] = ()
    problems: tuple[str, ...] = ()
    """Items that differ and will not be made equal, each with its reason."""
    marked: tuple[str, ...] = ()
    """Items that differ and are left alone because they are machine-specific."""
    failure: str = ""
    """Why the job could not be planned; empty: it was."""

    @cached_property
    def totals(self) -> Totals:
        """The changes, gone through once: there may be a million, and a lazy sequence makes each when it is asked."""
        return Totals.of(self.changes)


@attrs.frozen(kw_only=True)
class Totals:
    """What changes come to."""

    counts: Mapping[Action, int]
    """How many, by action."""
    sizes: Mapping[Action, int]
    """Bytes that travel, by action."""
    removals: tuple[Change, ...]
    """What would be removed on the target."""
    conflicts: tuple[Change, ...]
    """What the target changed itself."""

    @classmethod
    def of(cls, changes: Iterable[Change]) -> Self:
        """Go through the changes."""
        counts: Counter[Action] = Counter()
        sizes: Counter[Action] = Counter()
        removals: list[Change] = []
        conflicts: list[Change] = []
        for change in changes:
            counts[change.action] += 1
            sizes[change.action] += change.size
            if change.action is Action.REMOVE:
                removals.append(change)
            if change.conflict:
                conflicts.append(change)
        return cls(counts=counts, sizes=sizes, removals=tuple(removals), conflicts=tuple(conflicts))

    @property
    def size(self) -> int:
        """Bytes that travel."""
        return sum(self.sizes.values())

    @property
    def words(self) -> tuple[str, ...]:
        """In words, by action: "12 new (3.4 MiB)"."""
        return tuple(
            f"{self.counts[action]:,} {action.words}"
            + (f" ({human_size(self.sizes[action])})" if self.sizes[action] else "")
            for action in Action
            if self.counts[action]
        )


Decisions = Mapping[str, Mapping[str, Decision]]
"""By job, then by item; an item that is not there is applied, or undecided when it is a conflict."""

PLAN_FORMAT = 1


@attrs.frozen(kw_only=True)
class Plan:
    """All changes, conflicts and warnings of one run, with the decisions about them."""

    format: int = PLAN_FORMAT
    host: str = ""
    """The other PC as it was typed: how it is reached."""
    source: str
    """Host name, for people."""
    target: str
    source_id: str
    """Machine id, for decisions."""
    target_id: str
    version: str
    """Of the program that made it."""
    created: datetime = attrs.field(factory=now)
    sections: tuple[Section, ...]
    findings: tuple[Finding, ...] = ()
    """Of all checks and all jobs, warnings and gates."""
    reviewed: bool = True
    """Whether a person went through it, removals too; else its changes still need a yes."""
    opened: tuple[Gate, ...] = ()
    """Gates that were opened by their word when it was reviewed."""
    decisions: dict[str, dict[str, Decision]] = attrs.field(factory=dict[str, dict[str, Decision]])

    @property
    def items(self) -> int:
        """How many items would change."""
        return sum(len(section.changes) for section in self.sections)

    @property
    def problems(self) -> tuple[str, ...]:
        """What differs and will not be made equal."""
        return tuple(problem for section in self.sections for problem in section.problems)

    @property
    def unplanned(self) -> tuple[Section, ...]:
        """Jobs that could not be planned: they failed, or need one that did."""
        return tuple(section for section in self.sections if section.failure)

    @property
    def removals(self) -> int:
        """How many items would be removed."""
        return sum(len(section.totals.removals) for section in self.sections)

    def section(self, job: str) -> Section:
        """What a job would do. Raises KeyError for a job that is not in the plan."""
        for section in self.sections:
            if section.job == job:
                return section
        raise KeyError(job)

    def decision(self, job: str, change: Change) -> Decision | None:
        """What was decided about a change; None: a conflict nobody answered."""
        explicit = self.decisions.get(job, {}).get(change.item)
        return explicit if explicit or change.conflict else Decision.APPLY

    def undecided(self) -> tuple[tuple[str, Change], ...]:
        """Conflicts without an answer, each with its job."""
        return tuple(
            (section.job, change)
            for section in self.sections
            for change in section.totals.conflicts
            if self.decision(section.job, change) is None
        )

    def deciding(self, job: str, items: Sequence[str], decision: Decision) -> Plan:
        """The plan with the same decision about ``items`` of one job."""
        answers = {**self.decisions.get(job, {}), **dict.fromkeys(items, decision)}
        return attrs.evolve(self, decisions={**self.decisions, job: answers})

    def closed_gates(self, allowed: frozenset[Gate]) -> tuple[Finding, ...]:
        """What needs its own word and was not given it."""
        return tuple(each for each in self.findings if each.gate is not None and each.gate not in allowed)
