"""Asking a person at the terminal: a line, a password, a yes."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeAlias

import attrs
from rich.console import Console
from rich.text import Text

from pcswitcher.faces.review.model import Kind
from pcswitcher.faces.review.words import answer_words, answers_words
from pcswitcher.faces.words import one_line
from pcswitcher.jobs.api import Action, Change, Decision, Finding, Gate, Severity
from pcswitcher.machine.sudo import AskPassword, ask_nobody
from pcswitcher.model.plan import Plan, Section
from pcswitcher.model.text import human_count
from pcswitcher.run.review import Inspect

INPUT = 0
"""The descriptor a person types into."""
CONFLICT_KEYS = {"a": Decision.APPLY, "n": Decision.SKIP, "k": Decision.KEEP}
REMOVAL_WORDS = {"remove": Decision.APPLY, "skip": Decision.SKIP, "keep": Decision.KEEP}
Pause: TypeAlias = Callable[[], AbstractContextManager[Console]]
"""Gives the terminal away for a question."""


def is_person() -> bool:
    """Whether a person can be asked: both ends are a terminal."""
    return os.isatty(INPUT) and sys.stdout.isatty()


def can_draw() -> bool:
    """Whether the terminal can do more than print."""
    return is_person() and os.environ.get("TERM", "dumb") != "dumb"


def plain_pause() -> AbstractContextManager[Console]:
    """A Pause where nothing is drawn that could be in the way."""
    return nullcontext(Console())


async def read_line() -> str:
    """Wait for a line from the terminal without holding up the event loop; empty at its end."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(INPUT, ready.set)
    try:
        await ready.wait()
        return os.read(INPUT, 4096).decode("utf-8", "replace").rstrip("\n")
    finally:
        loop.remove_reader(INPUT)


def password_asker(pause: Pause | None = None) -> AskPassword:
    """An AskPassword that asks at the terminal, without showing what is typed; without a person it asks nobody."""
    if not is_person():
        return ask_nobody

    async def ask(hostname: str) -> str | None:
        with (pause or plain_pause)() as console, _no_echo():
            console.print(Text(f"sudo password for {os.environ.get('USER', 'you')} on {hostname}: "), end="")
            answer = await read_line()
            console.print()
        return answer or None

    return ask


class TerminalReviewer:
    """The review by lines: a summary, the conflicts one by one, words for what is grave, and a yes at the end."""

    def __init__(self, pause: Pause) -> None:
        self._pause = pause

    async def review(self, plan: Plan, allowed: frozenset[Gate], inspect: Inspect) -> Plan | None:
        """See Reviewer."""
        with self._pause() as console:
            for line in summary_lines(plan):
                console.print(Text(line), soft_wrap=True)
            for finding in plan.closed_gates(allowed):
                console.print(Text(f"! {one_line(finding.message)}", style="bold yellow"), soft_wrap=True)
                if finding.gate is None or not await _types_word(console, finding):
                    return None
                allowed |= {finding.gate}
            while True:
                console.print(Text(question_words(plan), style="bold"), end="")
                match (await read_line()).strip().lower():
                    case "l":
                        list_removals(console, plan)
                    case "c":
                        plan = await _decide_conflicts(console, plan)
                    case "y" | "yes" if plan.undecided():
                        words = human_count(len(plan.undecided()), "conflict")
                        console.print(Text(f"{words} first: c goes through them", style="yellow"))
                    case "y" | "yes":
                        decided = await _confirm_removals(console, plan)
                        if decided is not None:
                            return attrs.evolve(decided, opened=tuple(gate for gate in Gate if gate in allowed))
                    case _:
                        return None


async def _types_word(console: Console, finding: Finding) -> bool:
    """Whether the person accepts by typing the gate's own word: a habitual "y" must not be enough."""
    console.print(Text(f"Type {finding.gate} if that is right, anything else stops: ", style="bold"), end="")
    return (await read_line()).strip() == finding.gate


async def _confirm_removals(console: Console, plan: Plan) -> Plan | None:
    """The plan with an answer about its removals; None: the person wants to think again."""
    waiting = _open_removals(plan)
    count = sum(map(len, waiting.values()))
    if not count:
        return plan
    console.print(Text(f"{human_count(count, 'item')} would be removed on {plan.target}."))
    for word, decision in REMOVAL_WORDS.items():
        words = answers_words(decision, plan, Kind.REMOVALS)
        console.print(Text(f"  {word} = {words}"), soft_wrap=True)
    console.print(Text("Type one of these words, anything else goes back: ", style="bold"), end="")
    answer = REMOVAL_WORDS.get((await read_line()).strip().lower())
    if answer is None:
        return None
    for job, items in waiting.items():
        plan = plan.deciding(job, items, answer)
    return plan


async def _decide_conflicts(console: Console, plan: Plan) -> Plan:
    """Go through the conflicts that have no answer, until all have one or the person has enough."""
    waiting = plan.undecided()
    for number, (job, change) in enumerate(waiting, start=1):
        for line in conflict_lines(plan, change, f"{number} of {len(waiting)}"):
            console.print(Text(line), soft_wrap=True)
        answer = ""
        while answer.lower() not in CONFLICT_KEYS:
            console.print(
                Text("[a, n, k; A, N, K = so for all that follow, A without removals; Enter = back] ", style="bold"),
                end="",
            )
            answer = (await read_line()).strip()
            if not answer:
                return plan
        decision = CONFLICT_KEYS[answer.lower()]
        if answer.isupper():
            return _decide_all(plan, waiting[number - 1 :], decision)
        plan = plan.deciding(job, [change.item], decision)
    return plan


def _decide_all(plan: Plan, waiting: Sequence[tuple[str, Change]], decision: Decision) -> Plan:
    """The same answer for all these conflicts; a removal is never one of many."""
    by_job: dict[str, list[str]] = {}
    for job, change in waiting:
        if decision is not Decision.APPLY or change.action is not Action.REMOVE:
            by_job.setdefault(job, []).append(change.item)
    for job, items in by_job.items():
        plan = plan.deciding(job, items, decision)
    return plan


def _open_removals(plan: Plan) -> dict[str, list[str]]:
    """Items that a yes would remove and nobody spoke about, by job."""
    found: dict[str, list[str]] = {}
    for section in plan.sections:
        answered = plan.decisions.get(section.job, {})
        items = [change.item for change in section.totals.removals if change.item not in answered]
        if items:
            found[section.job] = items
    return found


def summary_lines(plan: Plan) -> list[str]:
    """The plan in words, a line per job, and what the checks found."""
    lines = [one_line(f"{section.title}: {_section_words(section)}") for section in plan.sections]
    lines += [one_line(f"! {finding.message}") for finding in plan.findings if _only_warns(finding)]
    return lines


def _section_words(section: Section) -> str:
    if section.failure:
        return f"not planned, it stays as it is: {section.failure}"
    return ", ".join(section.totals.words) or "nothing to do"


def _only_warns(finding: Finding) -> bool:
    return finding.gate is None and finding.severity is Severity.WARNING


def conflict_lines(plan: Plan, change: Change, place: str) -> list[str]:
    """One conflict, and what each answer does."""
    return [
        f"conflict {place}: {change.item}",
        f"  {plan.target} changed it itself: {change.conflict}",
        f"  {plan.target} has {change.before or 'nothing'}, {plan.source} has {change.after or 'nothing'}",
        *(f"  {key} = {answer_words(decision, plan, change)}" for key, decision in CONFLICT_KEYS.items()),
    ]


def question_words(plan: Plan) -> str:
    """The question of the review: what a yes does, and to whom."""
    refused = sum(each is not Decision.APPLY for made in plan.decisions.values() for each in made.values())
    parts, keys = [f"Make {human_count(plan.items - refused, 'change')} on {plan.target}"], ["y = yes"]
    removals = sum(
        plan.decision(section.job, change) not in {Decision.SKIP, Decision.KEEP}
        for section in plan.sections
        for change in section.totals.removals
    )
    if removals:
        parts.append(f"{human_count(removals, 'removal')} among them")
        keys.append("l = list removals")
    waiting = len(plan.undecided())
    if waiting:
        parts.append(f"{human_count(waiting, 'conflict')} to decide")
        keys.append("c = go through conflicts")
    return f"{', '.join(parts)}? [{', '.join([*keys, 'N = no'])}] "


def list_removals(console: Console, plan: Plan) -> None:
    """Print every removal of the plan."""
    for section in plan.sections:
        for change in section.totals.removals:
            console.print(Text(f"  removes {change.item}"), soft_wrap=True)


@contextmanager
def _no_echo() -> Generator[None]:
    before = termios.tcgetattr(INPUT)
    silent = list(before)
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(INPUT, termios.TCSADRAIN, silent)
    try:
        yield
    finally:
        termios.tcsetattr(INPUT, termios.TCSADRAIN, before)
