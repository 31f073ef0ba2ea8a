"""Which items of the review are shown, and in which order."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from enum import StrEnum

import attrs

from pcswitcher.faces.review.model import Group, Review, View


class Order(StrEnum):
    """How the items of a group are ordered."""

    NAME = "name"
    SIZE = "size"
    RISK = "risk"

    @property
    def following(self) -> Order:
        """The next one, round and round."""
        orders = list(Order)
        return orders[(orders.index(self) + 1) % len(orders)]


@attrs.frozen
class Filter:
    """What a person asked to see. ``text``: part of an item, or a pattern with ``*``, ``?`` or ``[…]``."""

    text: str = ""
    order: Order = Order.NAME

    def views(self, review: Review) -> list[View]:
        """The groups that hold something to show."""
        views = (self._view(group) for group in review.groups)
        return [view for view in views if view.items]

    def _view(self, group: Group) -> View:
        positions: Sequence[int] | None = None
        if self.text:
            fits = matcher(self.text)
            positions = [position for position, item in enumerate(group.items) if fits(item)]
        if self.order is Order.NAME or not group.kind.decides:
            return View.of(group, positions)
        largest_first = sorted(
            range(len(group.items)) if positions is None else positions, key=group.sizes.__getitem__, reverse=True
        )
        if self.order is Order.RISK:
            largest_first.sort(key=group.risky.__getitem__, reverse=True)  # stable: by size within equal risk
        return View.of(group, largest_first, flat=True)


def matcher(text: str) -> Callable[[str], object]:
    """Whether an item fits a filter. Upper and lower case are told apart only when there is an upper one in it."""
    if not any(letter in text for letter in "*?["):
        if text == text.lower():
            return lambda item: text in item.lower()
        return lambda item: text in item
    pattern = fnmatch.translate(text if text.startswith("/") else f"*{text}")
    return re.compile(pattern, re.IGNORECASE if text == text.lower() else 0).match
