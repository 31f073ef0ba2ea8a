"""What the review asks before something is lost or done. Each ends with an answer or with a way back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, TypeVar

from textual.content import Content
from textual.screen import Screen

from pcswitcher.faces.review.details import MUTED
from pcswitcher.faces.review.dialogs import Choice, Dialog, LineDialog
from pcswitcher.faces.review.model import Group, Kind, Review, Span, View
from pcswitcher.faces.review.words import answers_words, outcome_words
from pcswitcher.faces.words import one_line
from pcswitcher.jobs.api import Action, Decision, Finding, PcSwitcherError, human_count
from pcswitcher.model.plan import Plan
from pcswitcher.run.paths import plan_file, shown

T = TypeVar("T")
Save: TypeAlias = Callable[[Plan, Path], None]
"""Writes a plan into a file. Raises PcSwitcherError, OSError."""
NAMED = 8
"""How many removals the question about them names; the tree behind it shows all."""


async def ask_removal(screen: Screen[T], plan: Plan, span: Span) -> Decision | None:
    """Whether what is in ``span`` may be removed; None: the person wants to look again."""
    return await _ask_removal(
        screen, plan, span, [place for place in range(span.first, span.end) if _goes(span, place)]
    )


async def ask_acceptance(screen: Screen[T], review: Review, redraw: Callable[[], None]) -> bool:
    """Everything that is still to be answered, one after the other, and the last yes."""
    for group, _ in review.waiting(Kind.REMOVALS):
        whole = View.of(group).whole()
        waiting = [place for place in range(whole.count) if not whole.view.codes[place]]
        decision = await _ask_removal(screen, review.plan, whole, waiting)
        if decision is None:
            return False
        review.changed = True
        _answer(group, waiting, decision)
        redraw()
    for finding in review.gates():
        if finding.gate is None or not await _ask_word(screen, review.plan, finding):
            return False
        review.allowed.add(finding.gate)
        redraw()
    return await _ask_last(screen, review)


async def ask_departure(screen: Screen[T], plan: Plan) -> bool:
    """Whether the decisions that were made may be lost."""
    body = Content(f"Nothing is changed on {plan.target}. What you decided here is lost; to keep it, go back: s saves.")
    choices = [Choice("q", "Leave", value=True, grave=True)]
    return await screen.app.push_screen_wait(Dialog("Leave the review?", body, choices)) is True


async def ask_file(screen: Screen[T], review: Review, save: Save) -> bool:
    """Save the plan into a file the person names. False: it was not saved."""
    plan = review.plan

    def attempt(line: str) -> str:
        try:
            path = Path(line).expanduser()
            if not line or path.exists():
                return "There is such a file already; choose another name." if line else "Give it a name."
            save(review.kept(), path)
        except (PcSwitcherError, OSError, RuntimeError) as error:  # RuntimeError: a home folder that is not known
            return one_line(f"It could not be saved: {error}")
        return ""

    waiting = sum(count for _, count in review.waiting(Kind.REMOVALS))
    skipped = f"\n\n{human_count(waiting, 'removal')} you did not confirm: saved as skipped." if waiting else ""
    body = Content(
        f"The plan with your decisions goes into this file, and the review ends. Nothing is changed on {plan.target}. "
        f"Later: pc-switcher apply FILE{skipped}"
    )
    name = shown(plan_file(plan.target, plan.created))
    return await screen.app.push_screen_wait(LineDialog("Save the plan and leave", body, attempt, name)) is not None


async def _ask_removal(screen: Screen[T], plan: Plan, span: Span, places: list[int]) -> Decision | None:
    names = "\n".join(span.view.items[place] for place in places[:NAMED])
    more = f"\nand {len(places) - NAMED:,} more; the tree shows them all" if len(places) > NAMED else ""
    count = human_count(len(places), "item")
    others = span.count - len(places) if span.view.group.kind is Kind.CONFLICTS else 0
    kind = span.view.group.kind
    body = Content.assemble(
        (names, ""),
        (more, MUTED),
        f"\n\n{plan.target} has {'this' if len(places) == 1 else 'these'} and {plan.source} has not.",
        f"\n{human_count(others, 'other item')} become {plan.source}'s." if others else "",
        f"\n\nr  {answers_words(Decision.APPLY, plan, Kind.REMOVALS)}",
        f"\nn  {answers_words(Decision.SKIP, plan, kind)}",
        f"\nk  {answers_words(Decision.KEEP, plan, kind)}",
    )
    choices = [
        Choice("r", "Remove", Decision.APPLY, grave=True),
        Choice("n", "Skip now", Decision.SKIP),
        Choice("k", "Keep", Decision.KEEP),
    ]
    return await screen.app.push_screen_wait(Dialog(f"Remove {count} on {plan.target}?", body, choices))


async def _ask_word(screen: Screen[T], plan: Plan, finding: Finding) -> bool:
    word = str(finding.gate)

    def check(line: str) -> str:
        return "" if line == word else f"Only the word {word} opens this; Esc goes back."

    body = Content.assemble(
        (one_line(finding.message), "$warning"),
        f"\n\nIf that is right, type the word {word}. Else go back: nothing is changed on {plan.target}.",
    )
    return (
        await screen.app.push_screen_wait(LineDialog(f"{finding.machine or plan.target}: be sure", body, check))
        is not None
    )


async def _ask_last(screen: Screen[T], review: Review) -> bool:
    plan = review.plan
    removed = review.applied().get(Action.REMOVE, (0, 0))[0]
    body = Content.assemble(
        "\n".join(outcome_words(review)) or "nothing",
        f"\n\nNothing is changed on {plan.source}. Both keep a snapshot of before.",
    )
    choices = [Choice("y", f"Change {plan.target}", value=True, grave=removed > 0)]
    return await screen.app.push_screen_wait(Dialog(f"On {plan.target}", body, choices)) is True


def _goes(span: Span, place: int) -> bool:
    return Span(span.view, place, place + 1).removals() > 0


def _answer(group: Group, positions: list[int], decision: Decision) -> None:
    view = View.of(group, positions)
    view.whole().decide(decision)
