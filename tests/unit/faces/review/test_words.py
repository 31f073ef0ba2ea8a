"""What the review says."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import pytest

from pcswitcher.faces.review.model import Kind, Review, Tally
from pcswitcher.faces.review.words import (
    answer_words,
    answers_words,
    change_words,
    group_words,
    outcome_words,
    tally_words,
    waiting_words,
)
from pcswitcher.jobs.api import Action, Change, Decision
from pcswitcher.model.plan import Plan

CHANGES = [
    Change(item="/item", action=action, conflict=conflict)
    for action, conflict in itertools.product(Action, ["", "its content"])
]


@pytest.mark.parametrize("decision", list(Decision))
@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_every_answer_says_what_happens_where_and_for_how_long(
    decision: Decision, change: Change, plan_of: Callable[..., Plan]
) -> None:
    """U4."""
    words = answer_words(decision, plan_of(), change)
    assert "vega" in words
    assert ("the next sync asks again" in words) is (decision is Decision.SKIP)
    assert ("until pc-switcher unmark" in words) is (decision is Decision.KEEP)
    assert ("is lost" in words) is bool(decision is Decision.APPLY and change.conflict)


def test_no_words_say_source_or_target(plan_of: Callable[..., Plan], sample: Plan) -> None:
    """U4: people read hostnames."""
    plan, review = plan_of(), Review.of(sample, frozenset())
    said = [
        *(answer_words(decision, plan, change) for decision in Decision for change in CHANGES),
        *(answers_words(decision, plan, kind) for decision in Decision for kind in Kind),
        *(group_words(kind, plan) for kind in Kind),
        *(change_words(change, plan) for change in CHANGES),
        *outcome_words(review),
    ]
    assert [words for words in said if re.search(r"\b(source|target)\b", words)] == []


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind.decides])
@pytest.mark.parametrize("decision", list(Decision))
def test_answers_for_a_group_say_it_too(kind: Kind, decision: Decision, plan_of: Callable[..., Plan]) -> None:
    """U4."""
    words = answers_words(decision, plan_of(), kind)
    assert ("the next sync asks again" in words) is (decision is Decision.SKIP)
    assert ("until pc-switcher unmark" in words) is (decision is Decision.KEEP)
    assert ("removed on vega" in words) is (decision is Decision.APPLY and kind is Kind.REMOVALS)


def test_a_tally_shows_only_what_there_is() -> None:
    assert tally_words(Tally(apply=1200, keep=2)) == "1,200 ✓ 2 ⌂"
    assert tally_words(Tally(skip=1, undecided=3)) == "1 ○ 3 ?"


def test_what_still_needs_an_answer_is_counted(sample: Plan) -> None:
    review = Review.of(sample, frozenset())
    assert waiting_words(review) == ["2 conflicts", "5 removals", "the word diverged-target"]


def test_the_outcome_names_what_is_not_done_with_its_duration(plan_of: Callable[..., Plan]) -> None:
    """U4."""
    plan = plan_of(*(Change(item=f"/{name}", action=Action.ADD, size=1024) for name in "abc"))
    plan = plan.deciding("files", ["/a"], Decision.SKIP).deciding("files", ["/b"], Decision.KEEP)
    assert outcome_words(Review.of(plan, frozenset())) == [
        "1 new (1.0 KiB)",
        "1 skipped: vega keeps its own, the next sync asks again",
        "1 kept: vega keeps its own until pc-switcher unmark",
    ]
