"""What the review decides about, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import overload

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.faces.review.model import Kind, Review, Span, Tally, View, sort_key
from pcswitcher.jobs.api import Action, Change, Decision, Gate
from pcswitcher.model.plan import Plan, Section

NAMES = st.sampled_from(["a", "b", "a-b", "a.b", "A", "ä", "x y", "z0"])
PATHS = st.lists(NAMES, min_size=1, max_size=5).map(lambda names: "/" + "/".join(names))
ITEMS = st.one_of(PATHS, NAMES)
CHANGES = st.lists(
    st.builds(
        Change,
        item=ITEMS,
        action=st.sampled_from(Action),
        size=st.integers(0, 10**12),
        conflict=st.sampled_from(["", "its content"]),
    ),
    max_size=30,
    unique_by=lambda change: change.item,
)


def review_of(changes: Sequence[Change], decisions: dict[str, Decision] | None = None) -> Review:
    section = Section(job="files", title="Files", source_state="", target_state="", changes=changes)
    plan = Plan(
        source="atlas",
        target="vega",
        source_id="",
        target_id="",
        version="",
        sections=(section,),
        decisions={"files": decisions} if decisions else {},
    )
    return Review.of(plan, frozenset())


def group_of(review: Review, kind: Kind) -> View:
    return next(View.of(group) for group in review.groups if group.kind is kind)


class Counted(Sequence[Change]):
    """Changes that are made when they are looked at, and counted."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.made = 0

    def __len__(self) -> int:
        return self.number

    @overload
    def __getitem__(self, index: int) -> Change: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Change]: ...
    def __getitem__(self, index: int | slice) -> Change | Sequence[Change]:
        assert isinstance(index, int)
        if index >= self.number:
            raise IndexError
        self.made += 1
        return Change(item=f"/home/sam/{index:06}", action=Action.ADD, size=index)


@given(CHANGES)
def test_every_change_is_in_one_group_and_knows_its_change(changes: list[Change]) -> None:
    review = review_of(changes)
    seen = [group.change(position) for group in review.groups for position in range(len(group.items))]
    assert sorted(seen, key=lambda change: change.item) == sorted(changes, key=lambda change: change.item)
    for group in review.groups:
        assert group.items == [group.change(position).item for position in range(len(group.items))]
        assert list(group.sizes) == [group.change(position).size for position in range(len(group.items))]
        for position in range(len(group.items)):
            change = group.change(position)
            assert (group.kind is Kind.CONFLICTS) == bool(change.conflict)
            if group.kind is Kind.REMOVALS:
                assert change.action is Action.REMOVE
    assert [group.kind for group in review.groups] == sorted(
        (group.kind for group in review.groups), key=list(Kind).index
    )


@given(st.lists(PATHS, unique=True, max_size=30))
def test_a_folder_is_one_stretch_of_the_order(paths: list[str]) -> None:
    ordered = sorted(paths, key=sort_key)
    for folder in {path[: path.rindex("/")] for path in paths}:
        inside = [item == folder or item.startswith(folder + "/") for item in ordered]
        assert [each for each, _ in groupby(inside)].count(True) <= 1


@given(CHANGES, st.data())
def test_decisions_of_a_plan_come_back_as_they_came(changes: list[Change], data: st.DataObject) -> None:
    """A saved review is continued where it was left."""
    decisions = {change.item: data.draw(st.sampled_from(Decision)) for change in changes if data.draw(st.booleans())}
    review = review_of(changes, decisions)
    decided = review.decided()
    for change in changes:
        assert decided.decision("files", change) == review.plan.decision("files", change)
    assert decided.undecided() == review.plan.undecided()


@given(CHANGES, st.data())
def test_a_decision_about_a_stretch_is_about_exactly_that(changes: list[Change], data: st.DataObject) -> None:
    review = review_of(changes)
    if not review.groups:
        return
    group = data.draw(st.sampled_from(review.groups))
    chosen = data.draw(st.one_of(st.none(), st.lists(st.sampled_from(range(len(group.items))), unique=True)))
    view = View.of(group, chosen, flat=chosen is not None)
    first = data.draw(st.integers(0, len(view.items)))
    end = data.draw(st.integers(first, len(view.items)))
    decision = data.draw(st.sampled_from([Decision.SKIP, Decision.KEEP]))
    span = Span(view, first, end)
    span.decide(decision)
    about = set(view.items[first:end])
    assert review.decided().decisions.get("files", {}) == dict.fromkeys(about, decision)
    tally = span.tally()
    assert (tally.skip if decision is Decision.SKIP else tally.keep) == tally.total == len(about)
    assert review.tally().total == len(changes)
    assert span.size == sum(change.size for change in changes if change.item in about)


def test_plain_changes_are_applied_and_conflicts_and_removals_wait() -> None:
    """U4, promise 7: neither is ever the default."""
    review = review_of(
        [
            Change(item="/new", action=Action.ADD),
            Change(item="/old", action=Action.REMOVE),
            Change(item="/both", action=Action.CHANGE, conflict="its content"),
            Change(item="/gone-here", action=Action.REMOVE, conflict="its content"),
        ]
    )
    assert review.tally() == Tally(apply=1, undecided=3)
    assert [(group.kind, count) for kind in Kind for group, count in review.waiting(kind) if kind.asks] == [
        (Kind.CONFLICTS, 2),
        (Kind.REMOVALS, 1),
    ]
    assert group_of(review, Kind.CONFLICTS).whole().removals() == 1


def test_what_will_be_done_is_counted_by_what_happens() -> None:
    changes = [Change(item=f"/new{number}", action=Action.ADD, size=10) for number in range(3)]
    changes.append(Change(item="/old", action=Action.REMOVE))
    changes.append(Change(item="/both", action=Action.CHANGE, conflict="its content", size=7))
    review = review_of(changes)
    assert review.applied() == {Action.ADD: (3, 30)}
    for kind in (Kind.CONFLICTS, Kind.REMOVALS):
        group_of(review, kind).whole().decide(Decision.APPLY)
    Span(group_of(review, Kind.NEW), 0, 1).decide(Decision.SKIP)
    assert review.applied() == {Action.ADD: (2, 20), Action.CHANGE: (1, 7), Action.REMOVE: (1, 0)}


def test_applying_a_plain_change_again_leaves_no_trace() -> None:
    review = review_of([Change(item="/new", action=Action.ADD)])
    span = group_of(review, Kind.NEW).whole()
    span.decide(Decision.KEEP)
    span.decide(Decision.APPLY)
    assert review.decided().decisions == {}


def test_problems_and_marked_items_are_told_and_not_decided_about() -> None:
    plan = review_of([]).plan
    section = attrs.evolve(plan.sections[0], problems=("/b: no", "/a: no"), marked=("/m",))
    review = Review.of(attrs.evolve(plan, sections=(section,)), frozenset())
    assert [(group.kind, group.items) for group in review.groups] == [
        (Kind.PROBLEMS, ["/b: no", "/a: no"]),
        (Kind.MARKED, ["/m"]),
    ]
    assert review.tally().total == 0
    assert review.applied() == {}


def test_a_large_plan_is_gone_through_once() -> None:
    """Issue 3 section 2: changes may be made only when looked at; counted, not timed."""
    changes = Counted(50_000)
    review = review_of(changes)
    assert changes.made == 50_000
    view = group_of(review, Kind.NEW)
    view.whole().decide(Decision.SKIP)
    assert view.whole().size == sum(range(50_000))
    assert len(review.decided().decisions["files"]) == 50_000
    assert changes.made == 50_000
    assert view.change(17).item == "/home/sam/000017"
    assert changes.made == 50_001


@pytest.mark.parametrize("gate", list(Gate))
def test_a_gate_is_closed_until_it_is_allowed(gate: Gate, plan_of: Callable[..., Plan]) -> None:
    """K3."""
    from pcswitcher.jobs.api import Finding, Severity

    finding = Finding(severity=Severity.WARNING, machine="vega", message="look", gate=gate)
    review = Review.of(plan_of(findings=(finding,)), frozenset())
    assert review.gates() == (finding,)
    review.allowed.add(gate)
    assert review.gates() == ()
