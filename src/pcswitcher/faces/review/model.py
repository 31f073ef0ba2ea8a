"""What the review decides about, without a screen: groups of changes, their order, their decisions.

A plan may hold a million changes that are made only when looked at. They are gone through once; kept is what the
tree needs of each, in flat arrays. Items are sorted so that every folder is one stretch of its group: counting,
summing and deciding about a folder is then arithmetic on a stretch, however much is in it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import accumulate, compress
from typing import TypeVar

import attrs

from pcswitcher.jobs.api import Action, Change, Decision, Finding, Gate, Risk
from pcswitcher.model.plan import Decisions, Plan, Section

T = TypeVar("T")
UNDECIDED = 0
"""The code of an item that nobody decided about: applied, or a question where the group asks."""
_CODES = {Decision.APPLY: 1, Decision.SKIP: 2, Decision.KEEP: 3}
_DECISIONS = {code: decision for decision, code in _CODES.items()}
_ACTIONS = tuple(Action)
_ACTION_CODES = {action: code for code, action in enumerate(_ACTIONS)}


class Kind(StrEnum):
    """The groups of a job, in the order they are shown."""

    CONFLICTS = "Conflicts"
    REMOVALS = "Removals"
    NEW = "New"
    CHANGED = "Changed"
    METADATA = "Other metadata"
    PROBLEMS = "Cannot be made equal"
    MARKED = "Machine-specific, left alone"

    @property
    def asks(self) -> bool:
        """Whether each of its items needs an answer before the plan can be accepted."""
        return self in {Kind.CONFLICTS, Kind.REMOVALS}

    @property
    def decides(self) -> bool:
        """Whether there is anything to decide; otherwise it only tells."""
        return self not in {Kind.PROBLEMS, Kind.MARKED}


_KINDS = {
    Action.REMOVE: Kind.REMOVALS,
    Action.ADD: Kind.NEW,
    Action.CHANGE: Kind.CHANGED,
    Action.METADATA: Kind.METADATA,
}


@attrs.frozen
class Tally:
    """How many items of a stretch have which answer."""

    apply: int = 0
    skip: int = 0
    keep: int = 0
    undecided: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.apply + other.apply,
            self.skip + other.skip,
            self.keep + other.keep,
            self.undecided + other.undecided,
        )

    @property
    def total(self) -> int:
        """All of them."""
        return self.apply + self.skip + self.keep + self.undecided


@attrs.define(eq=False)
class Group:
    """The items of one job that are decided about together. All arrays run alike, sorted like a walk of the paths."""

    section: Section
    kind: Kind
    items: list[str] = attrs.field(factory=list[str])
    indexes: array[int] = attrs.field(factory=lambda: array("Q"))
    """Where each stands in the section's changes."""
    sizes: array[int] = attrs.field(factory=lambda: array("Q"))
    risky: bytearray = attrs.field(factory=bytearray)
    actions: bytearray = attrs.field(factory=bytearray)
    codes: bytearray = attrs.field(factory=bytearray)
    """The decisions."""

    def add(self, index: int, change: Change, decision: Decision | None) -> None:
        """Take a change in, before the group is sorted."""
        self.items.append(change.item)
        self.indexes.append(index)
        self.sizes.append(change.size)
        self.risky.append(change.risk is Risk.HIGH)
        self.actions.append(_ACTION_CODES[change.action])
        self.codes.append(_CODES[decision] if decision else UNDECIDED)

    def sort(self) -> None:
        """Bring the items into their order."""
        keys = list(map(sort_key, self.items))
        order = sorted(range(len(keys)), key=keys.__getitem__)
        if order == list(range(len(keys))):
            return
        self.items = [self.items[position] for position in order]
        for name in ("indexes", "sizes"):
            setattr(self, name, array("Q", map(getattr(self, name).__getitem__, order)))
        for name in ("risky", "actions", "codes"):
            setattr(self, name, bytearray(map(getattr(self, name).__getitem__, order)))

    def change(self, position: int) -> Change:
        """The change at a position, as the job made it."""
        return self.section.changes[self.indexes[position]]

    def tally(self) -> Tally:
        """The decisions about all of them."""
        return _tally(self.codes, self.kind, 0, len(self.codes))

    def applied(self) -> dict[Action, tuple[int, int]]:
        """What will be done: by action, how many items and bytes."""
        wanted = bytes(
            code == _CODES[Decision.APPLY] or (code == UNDECIDED and not self.kind.asks) for code in range(4)
        )
        chosen = self.codes.translate(wanted + bytes(252))
        found: dict[Action, tuple[int, int]] = {}
        for code, size in zip(compress(self.actions, chosen), compress(self.sizes, chosen), strict=True):
            count, total = found.get(_ACTIONS[code], (0, 0))
            found[_ACTIONS[code]] = (count + 1, total + size)
        return found

    def decisions(self) -> Iterator[tuple[str, Decision]]:
        """Every item with a decision of its own."""
        return ((item, _DECISIONS[code]) for item, code in zip(self.items, self.codes, strict=True) if code)


@attrs.define(eq=False)
class View:
    """The items of a group that are shown, in the order they are shown."""

    group: Group
    items: Sequence[str]
    positions: Sequence[int]
    """Where each shown item stands in its group."""
    flat: bool
    """Whether folders would make no sense: sorted by something else than the name, or no items at all but words."""
    codes: bytearray
    totals: list[int]
    """The bytes of all items before each one, and of all."""
    actions: bytes

    @classmethod
    def of(cls, group: Group, positions: Sequence[int] | None = None, *, flat: bool = False) -> View:
        """Show these positions of a group; None: all, as they stand."""
        chosen = range(len(group.items)) if positions is None else positions
        return cls(
            group=group,
            items=group.items if positions is None else _pick(group.items, positions),
            positions=chosen,
            flat=flat or not group.kind.decides,
            codes=bytearray(group.codes if positions is None else _pick(group.codes, positions)),
            totals=list(accumulate(group.sizes if positions is None else _pick(group.sizes, positions), initial=0)),
            actions=bytes(group.actions if positions is None else _pick(group.actions, positions)),
        )

    def whole(self) -> Span:
        """All that is shown of the group."""
        return Span(self, 0, len(self.items))

    def change(self, place: int) -> Change:
        """The change at a place of the view."""
        return self.group.change(self.positions[place])


@attrs.frozen
class Span:
    """A stretch of a view: a group, a folder, one item."""

    view: View
    first: int
    end: int

    @property
    def count(self) -> int:
        """How many items."""
        return self.end - self.first

    @property
    def size(self) -> int:
        """Bytes that travel for them."""
        return self.view.totals[self.end] - self.view.totals[self.first]

    def tally(self) -> Tally:
        """The decisions about them."""
        return _tally(self.view.codes, self.view.group.kind, self.first, self.end)

    def removals(self) -> int:
        """How many of them would be removed."""
        return self.view.actions.count(_ACTION_CODES[Action.REMOVE], self.first, self.end)

    def decide(self, decision: Decision) -> None:
        """Give the same answer to all of them."""
        code = _CODES[decision]
        if decision is Decision.APPLY and not self.view.group.kind.asks:
            code = UNDECIDED  # applied is what happens without an answer
        self.view.codes[self.first : self.end] = bytes([code]) * self.count
        group = self.view.group.codes
        if isinstance(self.view.positions, range):
            group[self.first : self.end] = bytes([code]) * self.count
        else:
            for position in self.view.positions[self.first : self.end]:
                group[position] = code

    def decision(self) -> Decision | None:
        """The answer that all of them have; None when they differ or wait for one."""
        tally = self.tally()
        alike = {Decision.APPLY: tally.apply, Decision.SKIP: tally.skip, Decision.KEEP: tally.keep}
        return next((decision for decision, count in alike.items() if count == tally.total), None)


@attrs.define(eq=False)
class Review:
    """A plan under review."""

    plan: Plan
    groups: tuple[Group, ...]
    """Job after job, each in the order they are shown; none is empty."""
    allowed: set[Gate]
    """Gates that are open."""
    changed: bool = False
    """Whether a decision was made in this review."""

    @classmethod
    def of(cls, plan: Plan, allowed: frozenset[Gate]) -> Review:
        """Take a plan in, with the decisions that it brings along."""
        groups = [group for section in plan.sections for group in groups_of(section, plan.decisions)]
        return cls(plan, tuple(groups), set(allowed))

    def waiting(self, kind: Kind) -> list[tuple[Group, int]]:
        """The groups of this kind with items that wait for an answer, and how many."""
        counted = [(group, group.codes.count(UNDECIDED)) for group in self.groups if group.kind is kind]
        return [(group, count) for group, count in counted if count]

    def gates(self) -> tuple[Finding, ...]:
        """What needs its own word and did not get it."""
        return self.plan.closed_gates(frozenset(self.allowed))

    def applied(self) -> dict[Action, tuple[int, int]]:
        """What will be done: by action, how many items and bytes."""
        found: dict[Action, tuple[int, int]] = {}
        for group in self.groups:
            for action, (count, size) in group.applied().items() if group.kind.decides else ():
                before = found.get(action, (0, 0))
                found[action] = (before[0] + count, before[1] + size)
        return {action: found[action] for action in Action if action in found}

    def tally(self) -> Tally:
        """The decisions about everything."""
        return sum((group.tally() for group in self.groups if group.kind.decides), start=Tally())

    def decided(self) -> Plan:
        """The plan with all decisions, and the gates that are open."""
        decisions: dict[str, dict[str, Decision]] = {}
        for group in self.groups:
            decisions.setdefault(group.section.job, {}).update(group.decisions())
        return attrs.evolve(
            self.plan,
            decisions={job: made for job, made in decisions.items() if made},
            opened=tuple(gate for gate in Gate if gate in self.allowed),
        )

    def kept(self) -> Plan:
        """The plan for a file: whoever applies it is not asked about removals, so what was not confirmed is skipped."""
        plan = self.decided()
        for group, _ in self.waiting(Kind.REMOVALS):
            items = [item for item, code in zip(group.items, group.codes, strict=True) if code == UNDECIDED]
            plan = plan.deciding(group.section.job, items, Decision.SKIP)
        return plan


def groups_of(section: Section, decisions: Decisions) -> list[Group]:
    """The changes of a job in groups, and what it only tells."""
    groups = {kind: Group(section, kind) for kind in Kind}
    answers = decisions.get(section.job, {})
    for index, change in enumerate(section.changes):
        group = groups[Kind.CONFLICTS if change.conflict else _KINDS[change.action]]
        group.add(index, change, answers.get(change.item))
    for kind, words in ((Kind.PROBLEMS, section.problems), (Kind.MARKED, section.marked)):
        for number, line in enumerate(words):
            groups[kind].add(number, Change(item=line, action=Action.METADATA), None)
    found = [group for group in groups.values() if group.items]
    for group in found:
        if group.kind.decides:
            group.sort()
    return found


def sort_key(item: str) -> str:
    """What paths are sorted by: a folder stands before everything in it, and nothing else stands between.

    Works because items hold no control characters (``model.text.escape``).
    """
    return item.replace("/", "\0") if item.startswith("/") else item


def _tally(codes: bytearray, kind: Kind, first: int, end: int) -> Tally:
    undecided, apply, skip, keep = (codes.count(code, first, end) for code in range(4))
    return Tally(apply, skip, keep, undecided) if kind.asks else Tally(apply + undecided, skip, keep)


def _pick(values: Sequence[T], positions: Sequence[int]) -> list[T]:
    return [values[position] for position in positions]
