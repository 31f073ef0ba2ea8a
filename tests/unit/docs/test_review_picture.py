"""The picture of the review is what the program would draw today, and its page names its keys."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from pcswitcher.faces.review.filtering import Order
from pcswitcher.faces.review.model import Kind
from pcswitcher.faces.review.screen import ReviewScreen
from pcswitcher.model.plan import ConflictPolicy

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "reference" / "review.md").read_text(encoding="utf-8")


def test_the_picture_shows_what_the_review_shows_today() -> None:
    """Mend with: python docs/images/make_review.py. Compared by its words: how textual draws them may change."""
    made = runpy.run_path(str(DOCS / "images" / "make_review.py"))
    committed = (DOCS / "images" / "review.svg").read_text(encoding="utf-8")
    assert made["words"](made["draw"]()) == made["words"](committed)
    assert "@font-face" not in committed


@pytest.mark.parametrize("binding", ReviewScreen.BINDINGS, ids=lambda binding: str(binding.key))
def test_every_key_is_explained(binding) -> None:
    """U4."""
    key = {"slash": "/", "escape": "Esc"}.get(binding.key, binding.key)
    assert f"`{key}`" in PAGE


@pytest.mark.parametrize("word", [*map(str, Kind), *(f"`{policy}`" for policy in ConflictPolicy), *map(str, Order)])
def test_every_group_policy_and_order_is_explained(word: str) -> None:
    assert word in PAGE
