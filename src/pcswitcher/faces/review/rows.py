"""The tree of the review as rows, without a screen. Only what is unfolded is made.

A run of items that stand below one another is one entry here, however many they are; the row of each is worked out
when it is drawn. So unfolding a folder of 50,000 files costs one look at their names.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby

import attrs
from rich.cells import cell_len

from pcswitcher.faces.review.model import Span, View, sort_key
from pcswitcher.faces.review.words import amount_words
from pcswitcher.model.plan import Section

UNFOLD_ALL = 40
"""At most so many items are all shown at once."""

Key = tuple[str, str, str]
"""Job, group and folder: what a branch is, whatever is shown of it."""


@attrs.define(eq=False)
class Branch:
    """A row that can be unfolded: a job, a group or a folder."""

    key: Key
    label: str
    depth: int
    views: Sequence[View]
    """A job: its groups. Else one."""
    span: Span | None
    """What is in it, where that is one stretch: a group or a folder."""
    prefix: str = ""
    """The path of a folder, with a slash at its end."""
    unfolded: bool = False
    height: int = 1

    @property
    def section(self) -> Section:
        """The job it belongs to."""
        return self.views[0].group.section

    @property
    def width(self) -> int:
        """Cells that its label takes, with what is in it, beyond what an item takes."""
        return cell_len(self.label) + (len(amount_words(self.span)) - 8 if self.span else 0)

    def spans(self) -> list[Span]:
        """Everything in it."""
        return [self.span] if self.span else [view.whole() for view in self.views]


@attrs.define(eq=False)
class Leaves:
    """Rows of items that follow one another in one folder."""

    span: Span
    prefix: str
    depth: int
    width: int
    """Cells that the longest label takes."""

    @property
    def height(self) -> int:
        """How many rows."""
        return self.span.count

    def item(self, number: int) -> Span:
        """One of them."""
        return Span(self.span.view, self.span.first + number, self.span.first + number + 1)

    def label(self, number: int) -> str:
        """How one of them is called below its folder."""
        return _label(self.span.view.items[self.span.first + number], self.prefix)


Entry = Branch | Leaves


@attrs.frozen
class Row:
    """One line of the tree."""

    entry: Entry
    number: int
    """Which of the rows of its entry."""

    @property
    def branch(self) -> Branch | None:
        """The branch it is; None for an item."""
        return self.entry if isinstance(self.entry, Branch) else None

    @property
    def span(self) -> Span | None:
        """What a decision on this row is about; None for a job: a decision is about a group, a folder or an item."""
        return self.entry.span if isinstance(self.entry, Branch) else self.entry.item(self.number)

    @property
    def label(self) -> str:
        """How it is called."""
        return self.entry.label if isinstance(self.entry, Branch) else self.entry.label(self.number)

    @property
    def key(self) -> Key:
        """What it is, whatever else is shown: the same row in another order or filter has the same."""
        if isinstance(self.entry, Branch):
            return self.entry.key
        view = self.entry.span.view
        return (*_group_key(view)[:2], view.items[self.entry.span.first + self.number])


class Rows:
    """All rows that can be scrolled to."""

    def __init__(self, views: Sequence[View], unfolded: set[Key]) -> None:
        self._unfolded = unfolded
        self._all = sum(len(view.items) for view in views) <= UNFOLD_ALL
        self._entries: list[Entry] = []
        for _, jobs_views in groupby(views, key=lambda view: view.group.section.job):
            self._entries += self._grown(_job(list(jobs_views)))
        self._count_up()

    def __len__(self) -> int:
        return self._starts[-1]

    @property
    def width(self) -> int:
        """Cells that the longest label takes, with its indentation."""
        return max((entry.width + 2 * entry.depth for entry in self._entries), default=0)

    def row(self, line: int) -> Row:
        """The row at a line."""
        place = bisect_right(self._starts, line) - 1
        return Row(self._entries[place], line - self._starts[place])

    def toggle(self, line: int) -> None:
        """Fold or unfold the branch at a line."""
        place = bisect_right(self._starts, line) - 1
        branch = self._entries[place]
        if not isinstance(branch, Branch):
            return
        if branch.unfolded:
            end = self._end(place)
            self._unfolded.discard(branch.key)
            branch.unfolded = False
            del self._entries[place + 1 : end]
        else:
            self._unfolded.add(branch.key)
            self._entries[place : place + 1] = self._grown(branch)
        self._count_up()
        if branch.unfolded and isinstance(only := self._entries[place + 1], Branch) and not only.unfolded:
            alone = self._end(place + 1) == self._end(place)
            if alone:  # nobody wants to unfold by hand what is all there is
                self.toggle(line + 1)

    def parent(self, line: int) -> int:
        """The line of the branch that a row is below; its own when it is below none."""
        place = bisect_right(self._starts, line) - 1
        depth = self._entries[place].depth
        while place and self._entries[place].depth >= depth:
            place -= 1
        return self._starts[place]

    def find(self, key: Key) -> int | None:
        """The line of a branch or item that is unfolded; None when it is not there."""
        for start, entry in zip(self._starts, self._entries, strict=False):
            if isinstance(entry, Branch):
                if entry.key == key:
                    return start
            elif key[:2] == _group_key(entry.span.view)[:2]:
                items = entry.span.view.items
                for place in range(entry.span.first, entry.span.end):
                    if items[place] == key[2]:
                        return start + place - entry.span.first
        return None

    def reveal(self, view: View, place: int) -> int:
        """Unfold whatever is around an item, and give its line."""
        line = 0
        while True:
            entry = self.row(line).entry
            if isinstance(entry, Branch):
                inside = view in entry.views and (entry.span is None or entry.span.first <= place < entry.span.end)
                if inside and not entry.unfolded:
                    self.toggle(line)
                line = line + 1 if inside else self._starts[self._end(bisect_right(self._starts, line) - 1)]
            elif entry.span.view is view and entry.span.first <= place < entry.span.end:
                return line + place - entry.span.first
            else:
                line += entry.height

    def _grown(self, branch: Branch) -> Iterator[Entry]:
        """A branch and, where it is unfolded, everything below it."""
        branch.unfolded = self._all or branch.key in self._unfolded
        yield branch
        if branch.unfolded:
            for child in children(branch):
                if isinstance(child, Branch):
                    yield from self._grown(child)
                else:
                    yield child

    def _end(self, place: int) -> int:
        """Where what is below the branch at a place ends."""
        depth = self._entries[place].depth
        end = place + 1
        while end < len(self._entries) and self._entries[end].depth > depth:
            end += 1
        return end

    def _count_up(self) -> None:
        self._starts = list(accumulate((entry.height for entry in self._entries), initial=0))


def children(branch: Branch) -> Iterator[Entry]:
    """What stands below a branch: groups below a job, folders and items below the others."""
    span = branch.span
    if span is None:
        for view in branch.views:
            yield Branch(_group_key(view), str(view.group.kind), branch.depth + 1, [view], view.whole())
        return
    if span.view.flat:
        yield _leaves(span, "", branch.depth + 1)
        return
    start = span.first
    for first, end in folders(span, branch.prefix):
        if start < first:
            yield _leaves(Span(span.view, start, first), branch.prefix, branch.depth + 1)
        yield _folder(Span(span.view, first, end), branch)
        start = end
    if start < span.end:
        yield _leaves(Span(span.view, start, span.end), branch.prefix, branch.depth + 1)


def folders(span: Span, prefix: str) -> Iterator[tuple[int, int]]:
    """The stretches that are folders directly below ``prefix`` and hold more than one item."""
    items, place = span.view.items, span.first
    if items[place] == prefix[:-1]:
        place += 1  # the folder itself
    while place < span.end - 1:
        item, following = items[place], items[place + 1]
        slash = item.find("/", len(prefix)) if item.startswith("/") else -1
        # Almost all rows of a large folder are plain files, and go past here with two look-ups.
        if slash < 0 and not following.startswith(item):
            place += 1
            continue
        child = item if slash < 0 else item[:slash]
        if not following.startswith(child + "/"):
            place += 1
            continue
        end = bisect_left(items, sort_key(child + "/")[:-1] + "\1", place + 1, span.end, key=sort_key)
        yield place, end
        place = end


def _folder(span: Span, above: Branch) -> Branch:
    """A folder; one in which there is nothing but another is joined with it."""
    first, last = span.view.items[span.first], span.view.items[span.end - 1]
    steps = []
    for one, other in zip(first.split("/"), last.split("/"), strict=False):
        if one != other:
            break
        steps.append(one)
    prefix = "/".join(steps) + "/"
    key = (*above.key[:2], prefix)
    return Branch(key, prefix[len(above.prefix) :], above.depth + 1, above.views, span, prefix)


def _job(views: list[View]) -> Branch:
    section = views[0].group.section
    return Branch((section.job, "", ""), section.title, 0, views, None)


def _group_key(view: View) -> Key:
    return (view.group.section.job, view.group.kind, "")


def _leaves(span: Span, prefix: str, depth: int) -> Leaves:
    items = span.view.items[span.first : span.end]
    longest = max(len(item) if item.isascii() else cell_len(item) for item in items) - len(prefix)
    return Leaves(span, prefix, depth, max(longest, 1))


def _label(item: str, prefix: str) -> str:
    return item[len(prefix) :] or "."
