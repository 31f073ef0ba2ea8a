"""Asking a person at the terminal: a line, a password, a yes."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeAlias

from rich.console import Console
from rich.text import Text

from pcswitcher.jobs.api import Finding, Gate, Severity
from pcswitcher.machine.sudo import AskPassword, ask_nobody
from pcswitcher.model.text import human_count
from pcswitcher.run.plan import Plan

INPUT = 0
"""The descriptor a person types into."""
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
    """Shows the plan's summary and asks for a yes; removals are listed on request."""

    def __init__(self, pause: Pause) -> None:
        self._pause = pause

    async def review(self, plan: Plan, allowed: frozenset[Gate]) -> bool:
        """See Reviewer."""
        with self._pause() as console:
            for finding in plan.closed_gates(allowed):
                console.print(Text(f"! {finding.message}", style="bold yellow"))
                if finding.severity is Severity.BLOCKING and not await _types_word(console, finding):
                    return False
            while True:
                console.print(Text(question_words(plan), style="bold"), end="")
                answer = (await read_line()).strip().lower()
                if answer == "l":
                    list_removals(console, plan)
                else:
                    return answer in {"y", "yes"}


async def _types_word(console: Console, finding: Finding) -> bool:
    """Whether the person accepts by typing the gate's own word: a habitual "y" must not be enough."""
    console.print(Text(f"Type {finding.gate} if that is right, anything else stops: ", style="bold"), end="")
    return (await read_line()).strip() == finding.gate


def question_words(plan: Plan) -> str:
    """The question of the review: what a yes does, and to whom."""
    changes = human_count(plan.items, "change")
    if plan.removals:
        removals = human_count(plan.removals, "removal")
        return f"Make {changes} on {plan.target}, {removals} among them? [y = yes, l = list removals, N = no] "
    return f"Make {changes} on {plan.target}? [y = yes, N = no] "


def list_removals(console: Console, plan: Plan) -> None:
    """Print every removal of the plan."""
    for planned in plan.jobs:
        for path in planned.plan.removals:
            console.print(Text(f"  removes {path}"), soft_wrap=True)


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
