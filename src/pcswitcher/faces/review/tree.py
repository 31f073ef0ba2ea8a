"""The tree of the review on the screen. Draws the rows that are visible and knows no others."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from pcswitcher.faces.review.model import Kind, Span, View
from pcswitcher.faces.review.rows import Key, Row, Rows
from pcswitcher.faces.review.words import MARKS, WAITING, amount_words, tally_words
from pcswitcher.jobs.api import Decision, human_size

AROUND = 16
"""Cells beside the label of an item: the signs for folding, decision and risk before it, its size behind it."""
_KIND_STYLES = {
    Kind.CONFLICTS: "conflicts",
    Kind.REMOVALS: "removals",
    Kind.PROBLEMS: "muted",
    Kind.MARKED: "muted",
}


class PlanTree(ScrollView, can_focus=True):
    """Jobs, groups, folders and items; one of them is under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "move(-1_000_000_000)", "First", show=False),
        Binding("end", "move(1_000_000_000)", "Last", show=False),
        Binding("enter,space", "turn", "Unfold", show=False),
        Binding("right", "unfold", "Unfold", show=False),
        Binding("left", "fold", "Fold", show=False),
        Binding("shift+right", "sideways(8)", "Scroll right", show=False),
        Binding("shift+left", "sideways(-8)", "Scroll left", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"plan-tree--{name}"
        for name in (
            *("cursor", "job", "group", "conflicts", "removals", "folder", "muted", "risk"),
            *("apply", "remove", "skip", "keep", "waiting"),
        )
    }
    DEFAULT_CSS = """
    PlanTree {
        background: $surface;
        color: $foreground;
        scrollbar-size: 0 1;
        & > .plan-tree--job { text-style: bold; }
        & > .plan-tree--group { color: $primary; text-style: bold; }
        & > .plan-tree--conflicts { color: $warning; text-style: bold; }
        & > .plan-tree--removals { color: $error; text-style: bold; }
        & > .plan-tree--muted { text-style: dim; }
        & > .plan-tree--risk { color: $error; text-style: bold; }
        & > .plan-tree--apply { color: $success; }
        & > .plan-tree--remove { color: $error; }
        & > .plan-tree--skip { text-style: dim; }
        & > .plan-tree--keep { color: $accent; }
        & > .plan-tree--waiting { color: $warning; text-style: bold; }
        & > .plan-tree--cursor {
            color: $block-cursor-blurred-foreground;
            background: $block-cursor-blurred-background;
            text-style: bold;
        }
        &:focus > .plan-tree--cursor {
            color: $block-cursor-foreground;
            background: $block-cursor-background;
            text-style: bold;
        }
    }
    """
    cursor: reactive[int] = reactive(0)

    class Moved(Message):
        """Another row is under the cursor, or the same one changed."""

    def __init__(self, rows: Rows, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._rows = rows
        self._resize()

    @property
    def rows(self) -> Rows:
        """What can be scrolled to."""
        return self._rows

    @property
    def current(self) -> Row | None:
        """The row under the cursor; None when there are none."""
        return self._rows.row(self.cursor) if len(self._rows) else None

    def show(self, rows: Rows, key: Key | None = None) -> None:
        """Show other rows, with the cursor on the one with this key where it is among them."""
        self._rows = rows
        self._resize()
        self._go(rows.find(key) or 0 if key else 0)

    def reveal(self, view: View, place: int) -> None:
        """Put the cursor on an item, unfolding what is around it."""
        line = self._rows.reveal(view, place)
        self._resize()
        self._go(line)

    def validate_cursor(self, line: int) -> int:
        """Keep it on a row."""
        return max(0, min(line, len(self._rows) - 1))

    def watch_cursor(self, before: int, now: int) -> None:
        """Draw both rows again and bring the new one into sight."""
        self.refresh_line(before)
        self.refresh_line(now)
        self.scroll_to_region(Region(round(self.scroll_x), now, 1, 1), animate=False, force=True, x_axis=False)
        self.post_message(self.Moved())

    def action_move(self, rows: int) -> None:
        """Move the cursor."""
        self.cursor += rows

    def action_page(self, pages: int) -> None:
        """Move the cursor by what is in sight."""
        self.cursor += pages * max(1, self.scrollable_content_region.height - 1)

    def action_sideways(self, cells: int) -> None:
        """Scroll to the side: long names."""
        self.scroll_to(x=self.scroll_x + cells, animate=False)

    def action_turn(self) -> None:
        """Fold or unfold."""
        if len(self._rows):
            self._rows.toggle(self.cursor)
            self._resize()
            self.post_message(self.Moved())

    def action_unfold(self) -> None:
        """Unfold, or go to what is below."""
        branch = self.current.branch if self.current else None
        if branch and not branch.unfolded:
            self.action_turn()
        elif branch:
            self.cursor += 1

    def action_fold(self) -> None:
        """Fold, or go to what is above."""
        branch = self.current.branch if self.current else None
        if branch and branch.unfolded:
            self.action_turn()
        elif self.current:
            self.cursor = self._rows.parent(self.cursor)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse is; a click on something with more below folds or unfolds it."""
        line = event.y + round(self.scroll_y)
        if line < len(self._rows):
            self.cursor = line
            self.action_turn()

    def render_line(self, y: int) -> Strip:
        """See ScrollView."""
        line, width = y + self.scroll_offset.y, self.scrollable_content_region.width
        if line >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        strip = self._draw(self._rows.row(line), width)
        if line == self.cursor:
            # One colour for all of it: the signs would not be readable on the cursor's.
            cursor = self.get_component_rich_style("plan-tree--cursor")
            return Strip([Segment(segment.text, cursor) for segment in strip], width)
        return Strip(Segment.apply_style(strip, self.rich_style), width)

    def _draw(self, row: Row, width: int) -> Strip:
        right_words, right_style = _right(row)
        right = [Segment(f" {right_words} ", self._style(right_style))] if right_words else [Segment(" ")]
        room = max(8, width - sum(segment.cell_length for segment in right))
        left, x = Strip(self._left(row)), self.scroll_offset.x
        if left.cell_length - x > room:
            left = Strip([*left.crop(x, x + room - 1), Segment("…", self._style("muted"))])
        else:
            left = left.crop(x).extend_cell_length(room)
        return Strip([*left, *right]).adjust_cell_length(width)

    def _left(self, row: Row) -> list[Segment]:
        branch = row.branch
        fold = " " if branch is None else "▾" if branch.unfolded else "▸"
        segments = [Segment("  " * row.entry.depth + fold + " ", self._style("muted"))]
        if row.span is not None:
            segments.append(self._mark(row.span))
        label_style = "folder"
        if branch is not None and row.entry.depth == 0:
            label_style = "job"
        elif branch is not None and row.entry.depth == 1:
            label_style = _KIND_STYLES.get(branch.views[0].group.kind, "group")
        elif branch is None and row.span is not None:
            view = row.span.view
            if view.group.risky[view.positions[row.span.first]]:
                segments.append(Segment("! ", self._style("risk")))
        return [*segments, Segment(row.label, self._style(label_style))]

    def _mark(self, span: Span) -> Segment:
        """The sign of the decision about everything in it; none where the answers differ."""
        if not span.view.group.kind.decides:
            return Segment("· ", self._style("muted"))
        decision, tally = span.decision(), span.tally()
        if decision is Decision.APPLY and span.removals() == span.count:
            return Segment("✗ ", self._style("remove"))
        if decision:
            return Segment(f"{MARKS[decision]} ", self._style(str(decision)))
        return (
            Segment(f"{WAITING} ", self._style("waiting")) if tally.undecided else Segment("~ ", self._style("muted"))
        )

    def _style(self, name: str) -> Style:
        """Colour and weight; the background is the row's."""
        whole = self.get_component_rich_style(f"plan-tree--{name}")
        return Style(color=whole.color, bold=whole.bold, dim=whole.dim)

    def _resize(self) -> None:
        self.virtual_size = Size(self._rows.width + AROUND, len(self._rows))
        self.refresh()

    def _go(self, line: int) -> None:
        if line == self.cursor:
            self.watch_cursor(line, line)
        self.cursor = line


def _right(row: Row) -> tuple[str, str]:
    """How much, at the right end of a row, and the answers where they differ."""
    span = row.span
    if row.branch is None:
        return (human_size(span.size) if span and span.size else ""), "muted"
    if span is None:
        return "", "muted"
    amount = amount_words(span)
    if span.view.group.kind.decides and span.decision() is None:
        tally = span.tally()
        if tally.undecided != tally.total:
            return f"{tally_words(tally)}   {amount}", "muted"
    return amount, "muted"
