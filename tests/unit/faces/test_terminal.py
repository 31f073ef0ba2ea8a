"""Asking a person, at a real pseudo-terminal."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import termios
from collections.abc import Generator
from contextlib import nullcontext

import attrs
import pytest
from rich.console import Console

from pcswitcher.faces import terminal
from pcswitcher.faces.terminal import TerminalReviewer, can_draw, is_person, password_asker, question_words, read_line
from pcswitcher.jobs.api import Finding, Gate, JobPlan, Severity
from pcswitcher.machine.sudo import ask_nobody
from pcswitcher.run.plan import Plan, PlannedJob


@attrs.frozen
class Keyboard:
    """The person's end of a pseudo-terminal."""

    descriptor: int
    inner: int

    def type(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def leave(self) -> None:
        """Press Ctrl-D on an empty line: the end of the input."""
        os.write(self.descriptor, b"\x04")

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.inner)[3] & termios.ECHO)


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Generator[Keyboard]:
    """A pseudo-terminal in the place of standard input."""
    outer, inner = pty.openpty()
    monkeypatch.setattr(terminal, "INPUT", inner)
    yield Keyboard(outer, inner)
    os.close(outer)
    os.close(inner)


def plan_of(removals: tuple[str, ...] = (), findings: tuple[Finding, ...] = ()) -> Plan:
    plan: JobPlan[object] = JobPlan(delta=None, items=3, removals=removals)
    job = object()
    return Plan(source="atlas", target="vega", jobs=(PlannedJob(job, plan),), findings=findings)  # type: ignore[arg-type]


def reviewed(keyboard: Keyboard, typed: str, plan: Plan, allowed: frozenset[Gate] = frozenset()) -> tuple[bool, str]:
    """The decision, and what was shown."""
    console = Console(file=io.StringIO(), width=200)

    async def review() -> bool:
        for line in typed.splitlines(keepends=True):
            asyncio.get_running_loop().call_later(0.01, keyboard.type, line)
        async with asyncio.timeout(5):
            return await TerminalReviewer(lambda: nullcontext(console)).review(plan, allowed)

    answer = asyncio.run(review())
    assert isinstance(console.file, io.StringIO)
    return answer, console.file.getvalue()


@pytest.mark.parametrize(
    ("typed", "answer"),
    [("y\n", True), ("YES\n", True), (" y \n", True), ("n\n", False), ("\n", False), ("yep\n", False), ("j\n", False)],
)
def test_only_a_yes_is_a_yes(keyboard: Keyboard, typed: str, answer: bool) -> None:
    """U4: the default is no."""
    assert reviewed(keyboard, typed, plan_of())[0] is answer


def test_the_end_of_the_input_is_a_no(keyboard: Keyboard) -> None:
    async def review() -> bool:
        asyncio.get_running_loop().call_later(0.01, keyboard.leave)
        async with asyncio.timeout(5):
            reviewer = TerminalReviewer(lambda: nullcontext(Console(file=io.StringIO())))
            return await reviewer.review(plan_of(), frozenset())

    assert asyncio.run(review()) is False


def test_the_question_names_the_host_the_changes_and_the_removals() -> None:
    """U4."""
    assert question_words(plan_of()) == "Make 3 changes on vega? [y = yes, N = no] "
    assert "1 removal among them" in question_words(plan_of(("/home/sam/old",)))


def test_the_removals_are_listed_on_request_and_then_it_asks_again(keyboard: Keyboard) -> None:
    answer, shown = reviewed(keyboard, "l\ny\n", plan_of(("/home/sam/[b]old[/b]", "/home/sam/\\x1b")))
    assert answer
    assert "removes /home/sam/[b]old[/b]\n" in shown
    assert "removes /home/sam/\\x1b\n" in shown
    assert shown.count("2 removals among them") == 2


@pytest.mark.parametrize(("typed", "accepted"), [("mass-deletion\ny\n", True), ("y\n", False), ("\n", False)])
def test_a_guard_wants_its_own_word_typed(keyboard: Keyboard, typed: str, accepted: bool) -> None:
    """F6, U4: a habitual yes does not delete unusually much."""
    gate = Finding(severity=Severity.BLOCKING, machine="vega", message="unusually many", gate=Gate.MASS_DELETION)
    assert reviewed(keyboard, typed, plan_of(findings=(gate,)))[0] is accepted


def test_closed_gates_are_said_before_the_question_and_opened_ones_are_not(keyboard: Keyboard) -> None:
    """K3."""
    gate = Finding(severity=Severity.WARNING, machine="vega", message="never synced before", gate=Gate.FIRST_SYNC)
    assert "! never synced before" in reviewed(keyboard, "n\n", plan_of(findings=(gate,)))[1]
    opened = frozenset({Gate.FIRST_SYNC})
    assert "never synced" not in reviewed(keyboard, "n\n", plan_of(findings=(gate,)), opened)[1]


def test_a_line_that_is_no_utf8_is_no_crash(keyboard: Keyboard) -> None:
    async def read() -> str:
        os.write(keyboard.descriptor, b"\xff\xfe\n")
        async with asyncio.timeout(5):
            return await read_line()

    assert asyncio.run(read()) == "\ufffd\ufffd"


def test_a_password_is_not_echoed_and_the_terminal_is_given_back(
    keyboard: Keyboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise 9."""
    monkeypatch.setattr(terminal, "is_person", lambda: True)
    console = Console(file=io.StringIO())
    echoing: list[bool] = []

    async def ask() -> str | None:
        def answer() -> None:
            echoing.append(keyboard.echoes())
            keyboard.type("pass word\n")

        asyncio.get_running_loop().call_later(0.01, answer)
        async with asyncio.timeout(5):
            return await password_asker(lambda: nullcontext(console))("vega")

    assert asyncio.run(ask()) == "pass word"
    assert echoing == [False]
    assert keyboard.echoes()
    assert isinstance(console.file, io.StringIO)
    assert "on vega: " in console.file.getvalue()
    assert "pass word" not in console.file.getvalue()


def test_without_a_person_nobody_is_asked() -> None:
    """Tests run without a terminal on both ends."""
    assert not is_person()
    assert not can_draw()
    assert password_asker() is ask_nobody


@pytest.mark.parametrize(("term", "draws"), [("xterm", True), ("dumb", False), (None, False)])
def test_a_terminal_that_can_only_print_is_not_drawn_on(
    monkeypatch: pytest.MonkeyPatch, term: str | None, draws: bool
) -> None:
    """U3; faults row 39."""
    monkeypatch.setattr(terminal, "is_person", lambda: True)
    if term is None:
        monkeypatch.delenv("TERM", raising=False)
    else:
        monkeypatch.setenv("TERM", term)
    assert can_draw() is draws
