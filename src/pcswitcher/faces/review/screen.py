"""The review screen: the whole plan, a decision about everything in it, and the one yes at the end."""

from __future__ import annotations

import asyncio
from typing import ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from pcswitcher.faces.review.details import MUTED, DetailsPane, about, closer, finding_lines
from pcswitcher.faces.review.dialogs import Dialog, Pager
from pcswitcher.faces.review.filtering import Filter
from pcswitcher.faces.review.model import UNDECIDED, Kind, Review, Span, View
from pcswitcher.faces.review.questions import Save, ask_acceptance, ask_departure, ask_file, ask_removal
from pcswitcher.faces.review.rows import Key, Rows
from pcswitcher.faces.review.tree import PlanTree
from pcswitcher.faces.review.words import plan_words, waiting_words
from pcswitcher.faces.words import one_line
from pcswitcher.jobs.api import Change, Decision, Gate, human_count
from pcswitcher.model.errors import PcSwitcherError
from pcswitcher.model.plan import Plan
from pcswitcher.run.review import Inspect

LOOK_DELAY = 0.15
"""Seconds the cursor rests on an item before the machines are asked about it: who scrolls past asks nothing."""
FINDINGS_SHOWN = 2
"""Lines of findings above the tree; a key shows all."""


class Keys(Footer):
    """All keys, in two rows: one would be too long for 80 columns."""

    def compose(self) -> ComposeResult:
        """See Footer, which makes it a grid of one row."""
        yield from super().compose()
        self.styles.grid_size_columns = 5


class ReviewScreen(Screen[Plan | None]):
    """Shows a plan and gives it back with the decisions; None when it was declined, or saved for later."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "decide('apply')", "Apply"),
        Binding("n", "decide('skip')", "Skip now"),
        Binding("k", "decide('keep')", "Keep"),
        Binding("d", "page", "Details"),
        Binding("w", "findings", "Warnings"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("o", "order", "Order"),
        Binding("s", "save", "Save, quit"),
        Binding("q", "leave", "Quit"),
        Binding("escape", "escape", "Quit", show=False),
        Binding("y", "accept", "Accept"),
    ]
    DEFAULT_CSS = """
    ReviewScreen {
        background: $background;
        & > #title { height: 1; padding: 0 1; background: $panel; }
        & > #findings { height: auto; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & > #filter { display: none; }
        & > #filter.-shown { display: block; }
        & > #body { height: 1fr; border-top: solid $primary; }
        & PlanTree { width: 11fr; }
        & DetailsPane { width: 9fr; border-left: solid $primary; }
        & > #waiting { height: 1; padding: 0 1; background: $panel; text-wrap: nowrap; text-overflow: ellipsis; }
        & Keys { layout: grid; height: 2; }
    }
    """

    def __init__(self, plan: Plan, allowed: frozenset[Gate], inspect: Inspect, save: Save) -> None:
        super().__init__()
        self._plan = plan
        self._allowed = allowed
        self._inspect = inspect
        self._save = save
        self._filter = Filter()
        self._unfolded: set[Key] = set()
        self._views: list[View] = []
        self._closer: tuple[str, Content] = ("", Content())
        self.review: Review | None = None
        """The plan under review; None until it was gone through."""

    def compose(self) -> ComposeResult:
        """See Screen."""
        yield Static(id="title")
        yield Static(id="findings")
        yield Input(id="filter", compact=True, placeholder="part of a name, or a pattern like *.odt; Esc shows all")
        with Horizontal(id="body"):
            yield PlanTree(Rows([], set()))
            yield DetailsPane()
        yield Static(id="waiting")
        yield Keys(show_command_palette=False)

    @property
    def plan_tree(self) -> PlanTree:
        """The tree."""
        return self.query_one(PlanTree)

    def on_mount(self) -> None:
        """Go through the plan beside the event loop: a large one takes a while, and the run must stay alive."""
        self.plan_tree.loading = True
        self._read()

    @work
    async def _read(self) -> None:
        review = await asyncio.to_thread(Review.of, self._plan, self._allowed)
        self.review = review
        words = plan_words(review)
        self.query_one("#title", Static).update(
            Content.assemble((f"{self._plan.source} → {self._plan.target}", "bold"), f"   {words}")
        )
        self._unfolded |= {(group.section.job, "", "") for group in review.groups}
        self._unfolded |= {(group.section.job, str(group.kind), "") for group in review.groups if group.kind.asks}
        self.plan_tree.loading = False
        self.redraw()
        self.plan_tree.focus()

    def redraw(self) -> None:
        """Show what the review holds now, with the cursor where it was."""
        if self.review is None:
            return
        self._views = self._filter.views(self.review)
        row = self.plan_tree.current
        self.plan_tree.show(Rows(self._views, self._unfolded), row.key if row else None)
        self._tell()

    def _tell(self) -> None:
        """Say what is still to be answered, and what a yes would do."""
        if self.review is None:
            return
        lines = finding_lines(self.review)
        shown = lines if len(lines) <= FINDINGS_SHOWN else lines[: FINDINGS_SHOWN - 1]
        if len(lines) > len(shown):
            shown = [*shown, Content.styled(f"  and {len(lines) - len(shown)} more: w shows all", MUTED)]
        self.query_one("#findings", Static).update(Content("\n").join(shown))
        self.query_one("#findings").display = bool(shown)
        waiting = waiting_words(self.review)
        words = Content.styled("Before y: " + " · ".join(waiting), "$warning")
        if not waiting:
            words = Content.styled(f"Nothing is changed on {self._plan.target} before you press y.", "$success")
        if self._filter != Filter():
            found = sum(len(view.items) for view in self._views if view.group.kind.decides)
            words = Content.assemble(f"{found:,} shown, by {self._filter.order}   ", words)
        self.query_one("#waiting", Static).update(words)

    def _say(self, words: str) -> None:
        """Say why a key did nothing, until something is decided."""
        self.query_one("#waiting", Static).update(Content.styled(words, "bold $warning"))

    @on(PlanTree.Moved)
    def _show_details(self) -> None:
        if self.review is None:
            return
        row = self.plan_tree.current
        self._closer = ("", Content())
        self.query_one(DetailsPane).show(self.review, row)
        self.workers.cancel_group(self, "look")
        if row and row.branch is None and row.span and row.span.view.group.kind.decides:
            self._look(row.span.view.group.section.job, row.span.view.change(row.span.first))

    @work(group="look", exclusive=True)
    async def _look(self, job: str, change: Change) -> None:
        """Ask the machines for more about an item; moving on cancels it."""
        await asyncio.sleep(LOOK_DELAY)
        try:
            found = closer(self._plan, change, await self._inspect(job, change))
        except PcSwitcherError as error:
            found = Content.styled(f"\ncould not look closer: {one_line(str(error))}", "$warning")
        except Exception as error:  # noqa: BLE001  # a mistake in one job's look at one item must not end the run
            found = Content.styled(
                f"\ncould not look closer: {type(error).__name__}: {one_line(str(error))}", "$warning"
            )
        self._closer = (change.item, found)
        self.query_one(DetailsPane).show_closer(found)

    def action_decide(self, answer: str) -> None:
        """Give an answer for what is under the cursor: an item, a folder or a group.

        At once, unless it is asked about: the next key may be here already, and must find it decided.
        """
        row, decision = self.plan_tree.current, Decision(answer)
        if self.review is None or row is None:
            return
        span = row.span
        if span is None or not span.view.group.kind.decides:
            self._say("Choose a group, a folder or an item.")
        elif decision is Decision.APPLY and span.removals() and span.decision() is not Decision.APPLY:
            self._decide_removal(span)
        else:
            self._decide(span, decision)

    @work(exclusive=True, group="question")
    async def _decide_removal(self, span: Span) -> None:
        decision = await ask_removal(self, self._plan, span)
        if decision is not None:
            self._decide(span, decision)

    def _decide(self, span: Span, decision: Decision) -> None:
        if self.review is None:
            return
        span.decide(decision)
        self.review.changed = True
        self.plan_tree.refresh()
        self._tell()
        self.query_one(DetailsPane).show(self.review, self.plan_tree.current)
        self.query_one(DetailsPane).show_closer(self._closer[1])

    def action_page(self) -> None:
        """Everything about the row under the cursor, over the whole screen."""
        row = self.plan_tree.current
        if self.review and row:
            self.app.push_screen(Pager(about(self.review, row) + "\n" + self._closer[1]))

    def action_findings(self) -> None:
        """All warnings, whole."""
        if self.review is None:
            return
        lines = finding_lines(self.review, hints=True) or [Content("There are none.")]
        self.app.push_screen(Dialog[None]("Warnings", Content("\n\n").join(lines), []))

    def action_filter(self) -> None:
        """Type what is to be shown."""
        box = self.query_one("#filter", Input)
        box.add_class("-shown")
        box.focus()

    @on(Input.Changed, "#filter")
    def _narrow(self, event: Input.Changed) -> None:
        self._filter = Filter(event.value.strip(), self._filter.order)
        self.redraw()

    @on(Input.Submitted, "#filter")
    def _narrowed(self) -> None:
        self.plan_tree.focus()
        if not self._filter.text:
            self.query_one("#filter").remove_class("-shown")

    def action_order(self) -> None:
        """Order by name, size, risk, round and round."""
        self._filter = Filter(self._filter.text, self._filter.order.following)
        self.redraw()

    def action_escape(self) -> None:
        """Show everything again; when everything is shown: leave."""
        box = self.query_one("#filter", Input)
        if box.has_class("-shown"):
            box.value = ""
            box.remove_class("-shown")
            self.plan_tree.focus()
        else:
            self.action_leave()

    @work(exclusive=True, group="question")
    async def action_leave(self) -> None:
        """Decline the plan; asks first when decisions would be lost."""
        if self.review is None or not self.review.changed or await ask_departure(self, self._plan):
            self.dismiss(None)

    @work(exclusive=True, group="question")
    async def action_save(self) -> None:
        """Save the plan with its decisions and leave; nothing is changed."""
        if self.review and await ask_file(self, self.review, self._save):
            self.dismiss(None)

    @work(exclusive=True, group="question")
    async def action_accept(self) -> None:
        """Ask what is still to be asked, tell once more what will be done, and give the plan back."""
        review = self.review
        if review is None:
            return
        for group, count in review.waiting(Kind.CONFLICTS):
            self._show_all()
            view = next(each for each in self._views if each.group is group)
            self.plan_tree.reveal(view, view.codes.index(UNDECIDED))
            self._say(
                f"First: {human_count(count, 'conflict')} in {group.section.title}. a, n or k, each or the group."
            )
            return
        if await ask_acceptance(self, review, self.redraw):
            self.dismiss(review.decided())

    def _show_all(self) -> None:
        """Take the filter away."""
        self._filter = Filter()
        box = cast("Input", self.query_one("#filter"))
        box.value = ""
        box.remove_class("-shown")
        self.redraw()
