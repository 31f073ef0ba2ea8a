"""The pane beside the tree: everything about the row under the cursor, and the three answers as buttons."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from pcswitcher.faces.review.model import Review, Span
from pcswitcher.faces.review.rows import Row
from pcswitcher.faces.review.words import (
    LABELS,
    MARKS,
    answer_words,
    answers_words,
    group_words,
    tally_words,
)
from pcswitcher.faces.words import one_line
from pcswitcher.jobs.api import Change, Decision, Details, Risk, Severity, human_count, human_size
from pcswitcher.model.plan import Plan

KEYS = {Decision.APPLY: "a", Decision.SKIP: "n", Decision.KEEP: "k"}
MUTED = "dim"
_DIFFERENCE_STYLES = {"+": "$success", "-": "$error", "@": "$accent"}


class DetailsPane(Vertical):
    """What is known about the row under the cursor; text wraps, and scrolls when there is more."""

    DEFAULT_CSS = """
    DetailsPane {
        & > VerticalScroll { padding: 0 1; scrollbar-size-vertical: 1; }
        & > Horizontal { height: 1; padding: 0 1; }
        & Button { width: auto; min-width: 0; margin-right: 1; padding: 0; }
    }
    """

    def compose(self) -> ComposeResult:
        """See Widget."""
        with VerticalScroll(can_focus=True):
            yield Static(id="about")
            yield Static(id="closer")
        with Horizontal():
            for decision, key in KEYS.items():
                button = Button(f"{key} {LABELS[decision]}", id=f"decide-{decision}", compact=True)
                button.action = f"screen.decide('{decision}')"
                button.can_focus = False  # for the mouse; the keys stay with the tree
                yield button

    def show(self, review: Review, row: Row | None) -> None:
        """Tell about a row; what was found by looking closer at another one goes."""
        self.query_one("#about", Static).update(about(review, row) if row else Content("Nothing fits the filter."))
        self.query_one("#closer", Static).update("")
        self.query_one(VerticalScroll).scroll_home(animate=False)
        span = row.span if row else None
        self.query_one(Horizontal).display = span is not None and span.view.group.kind.decides

    def show_closer(self, found: Content) -> None:
        """Add what was found by looking closer."""
        self.query_one("#closer", Static).update(found)


def about(review: Review, row: Row) -> Content:
    """What the plan itself tells about a row."""
    span = row.span
    if span is None:
        return about_job(review, row)
    if row.branch is not None:
        return about_span(review, row, span)
    if not span.view.group.kind.decides:
        return Content.assemble((row.label, "bold"), "\n\n", group_words(span.view.group.kind, review.plan))
    return about_change(review.plan, span.view.change(span.first), span)


def about_job(review: Review, row: Row) -> Content:
    """How much of what a job would do."""
    views = row.branch.views if row.branch else []
    lines = [
        Content.assemble((f"{view.group.kind}: ", MUTED), _tally(view.whole()) or f"{len(view.items):,}")
        for view in views
    ]
    return Content("\n").join([Content.styled(f"{row.label}\n", "bold"), *lines])


def about_span(review: Review, row: Row, span: Span) -> Content:
    """What is in a group or folder, and what an answer for all of it does."""
    kind, plan = span.view.group.kind, review.plan
    path = row.branch.prefix if row.branch else ""
    parts = [
        Content.styled(path or row.label, "bold"),
        Content(group_words(kind, plan)) if not path else Content.styled(str(kind), MUTED),
        Content(human_count(span.count, "item") + (f", {human_size(span.size)}" if span.size else "")),
    ]
    if kind.decides:
        parts.append(Content.styled(_tally(span), MUTED))
        parts += [
            _answer(decision, answers_words(decision, plan, kind), chosen=span.decision() is decision)
            for decision in Decision
        ]
    return Content("\n\n").join(parts)


def about_change(plan: Plan, change: Change, span: Span) -> Content:
    """One change: what, why, from what to what, and what each answer does."""
    parts = [Content.styled(change.item, "bold")]
    if change.conflict:
        parts.append(Content.styled(f"{plan.target} changed it itself: {change.conflict}", "$warning"))
    if change.risk is Risk.HIGH:
        parts.append(Content.styled("! look twice: a mistake here costs much", "$error"))
    now = [(plan.target, change.before or "nothing"), (plan.source, change.after or "nothing")]
    now += [("differs", change.why)] if change.why else []
    now += [("travels", human_size(change.size))] if change.size else []
    parts.append(_table(now))
    chosen = span.decision()
    parts.append(
        Content("\n").join(_answer(each, answer_words(each, plan, change), chosen=chosen is each) for each in Decision)
    )
    return Content("\n\n").join(parts)


def closer(plan: Plan, change: Change, details: Details) -> Content:
    """What looking closer found: a table, the rule, the difference of text."""
    parts: list[Content] = []
    for name, before, after in details.rows:
        if (before, after) != (change.before, change.after):  # which stands above already
            table = _table([(plan.target, before or "nothing"), (plan.source, after or "nothing")])
            parts.append(Content.assemble((f"{name}\n" if name else "", MUTED), table))
    if details.rule:
        parts.append(Content.assemble(("rule\n", MUTED), details.rule))
    if details.difference:
        lines = map(one_line, details.difference)
        parts.append(Content("\n").join(Content.styled(line, _DIFFERENCE_STYLES.get(line[:1], "")) for line in lines))
    return Content("\n") + Content("\n\n").join(parts)


def finding_lines(review: Review, *, hints: bool = False) -> list[Content]:
    """What the checks found, gates first; each with its machine, and how it is accepted or mended."""
    closed = review.gates()
    others = [each for each in review.plan.findings if each not in closed and each.severity is not Severity.ADVICE]
    lines: list[Content] = []
    for finding in (*closed, *others):
        words = one_line(finding.message)
        place = "" if not finding.machine or words.startswith(finding.machine) else f"{finding.machine}: "
        needs = f"needs the word {finding.gate} · " if finding in closed else ""
        hint = f"\n  → {one_line(finding.hint)}" if hints and finding.hint else ""
        lines.append(Content.assemble((f"! {needs}{place}{words}", "bold $warning" if needs else ""), hint))
    return lines


def _answer(decision: Decision, words: str, *, chosen: bool) -> Content:
    style = "bold" if chosen else MUTED
    mark = f"{MARKS[decision]} " if chosen else ""
    return Content.styled(f"{mark}{LABELS[decision]}: {words}", style)


def _table(rows: list[tuple[str, str]]) -> Content:
    width = max(cell_len(name) for name, _ in rows)
    return Content("\n").join(
        Content.assemble((set_cell_size(name, width) + "  ", MUTED), one_line(words)) for name, words in rows
    )


def _tally(span: Span) -> str:
    return tally_words(span.tally()) if span.view.group.kind.decides else ""
