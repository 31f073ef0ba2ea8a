"""What the review shows, and in which order."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pcswitcher.faces.review.filtering import Filter, Order, matcher
from pcswitcher.faces.review.model import Review
from pcswitcher.jobs.api import Action, Change, Decision, Risk
from pcswitcher.model.plan import Plan


@pytest.mark.parametrize(
    ("text", "item", "fits"),
    [
        ("notes", "/home/sam/Notes.md", True),
        ("Notes", "/home/sam/notes.md", False),
        ("Notes", "/home/sam/Notes.md", True),
        ("*.MD", "/home/sam/notes.md", False),
        ("*.md", "/home/sam/Documents/NOTES.md", True),
        ("*.md", "/home/sam/notes.mdx", False),
        ("note?.md", "/home/sam/notes.md", True),
        ("note[sz].md", "/home/sam/notes.md", True),
        ("/home/*/notes.md", "/home/sam/notes.md", True),
        ("/sam/*", "/home/sam/notes.md", False),
        ("nvidia-*", "nvidia-driver", True),
        (".*", "/home/sam/notes", False),
        ("(", "/home/sam/(1)", True),
    ],
)
def test_part_of_a_name_or_a_pattern_finds_it(text: str, item: str, fits: bool) -> None:
    assert bool(matcher(text)(item)) is fits


def items_of(review: Review, shown: Filter) -> list[list[str]]:
    return [list(view.items) for view in shown.views(review)]


def test_the_orders(plan_of: Callable[..., Plan]) -> None:
    """Largest first; by risk: what needs a look first, largest first among equals."""
    plan = plan_of(
        Change(item="/c", action=Action.ADD, size=5),
        Change(item="/a", action=Action.ADD, size=1, risk=Risk.HIGH),
        Change(item="/b", action=Action.ADD, size=9),
        Change(item="/gone", action=Action.REMOVE),
    )
    review = Review.of(plan, frozenset())
    assert items_of(review, Filter()) == [["/gone"], ["/a", "/b", "/c"]]
    assert items_of(review, Filter(order=Order.SIZE)) == [["/gone"], ["/b", "/c", "/a"]]
    assert items_of(review, Filter(order=Order.RISK)) == [["/gone"], ["/a", "/b", "/c"]]
    assert items_of(review, Filter("a", Order.SIZE)) == [["/a"]]
    assert [Order.NAME.following, Order.SIZE.following, Order.RISK.following] == [Order.SIZE, Order.RISK, Order.NAME]


def test_a_decision_about_what_is_shown_leaves_the_rest(plan_of: Callable[..., Plan]) -> None:
    review = Review.of(plan_of(*(Change(item=f"/{name}", action=Action.ADD) for name in "abcd")), frozenset())
    view = Filter("[bd]", Order.SIZE).views(review)[0]
    view.whole().decide(Decision.KEEP)
    assert review.decided().decisions == {"files": {"/b": Decision.KEEP, "/d": Decision.KEEP}}


def test_nothing_found_is_nothing_shown(plan_of: Callable[..., Plan]) -> None:
    review = Review.of(plan_of(Change(item="/a", action=Action.ADD)), frozenset())
    assert Filter("nowhere").views(review) == []
