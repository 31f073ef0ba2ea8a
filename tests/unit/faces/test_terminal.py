"""Asking a person, at a real pseudo-terminal."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import select
import termios
from collections.abc import Generator
from contextlib import nullcontext

import attrs
import pytest
from rich.console import Console

from pcswitcher.faces import terminal
from pcswitcher.faces.terminal import TerminalReviewer, can_draw, is_person, password_asker, question_words, read_line
from pcswitcher.jobs.api import Action, Change, Decision, Details, Finding, Gate, Severity
from pcswitcher.machine.sudo import ask_nobody
from pcswitcher.model.plan import Plan, Section


@attrs.frozen
class Keyboard:
    """The person's end of a pseudo-terminal."""

    descriptor: int
    inner: int

    def type(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def waits(self) -> bool:
        """Whether something that was typed is not read yet."""
        return bool(select.select([self.inner], [], [], 0)[0])

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


FIRST = Finding(severity=Severity.WARNING, machine="vega", message="never synced before", gate=Gate.FIRST_SYNC)
MANY = Finding(severity=Severity.BLOCKING, machine="vega", message="unusually many", gate=Gate.MASS_DELETION)


def plan_of(*removals: str, conflicts: tuple[Change, ...] = (), findings: tuple[Finding, ...] = ()) -> Plan:
    """Three new items, and what is asked about."""
    changes = [Change(item=f"/home/sam/new{number}", action=Action.ADD, size=1024) for number in range(3)]
    changes += [Change(item=item, action=Action.REMOVE, before="a file") for item in removals]
    section = Section(job="files", title="Files", source_state="", target_state="", changes=(*changes, *conflicts))
    return Plan(
        source="atlas",
        target="vega",
        source_id="1" * 32,
        target_id="2" * 32,
        version="0.2.0",
        sections=(section,),
        findings=findings,
    )


def conflict(item: str, action: Action = Action.CHANGE) -> Change:
    return Change(item=item, action=action, before="file, 1 KiB", after="file, 2 KiB", conflict="its content")


async def look_at_nothing(job: str, change: Change) -> Details:
    return Details()


def reviewed(
    keyboard: Keyboard, typed: str, plan: Plan, allowed: frozenset[Gate] = frozenset()
) -> tuple[Plan | None, str]:
    """The decided plan, and what was shown."""
    console = Console(file=io.StringIO(), width=200)
    lines = iter(typed.splitlines(keepends=True))

    async def review() -> Plan | None:
        async def type_all() -> None:
            while (line := next(lines, "")) != "":
                keyboard.type(line)
                # A line that is written before the one before was read would be read with it.
                while keyboard.waits():  # noqa: ASYNC110  # a terminal tells nobody that it was read
                    await asyncio.sleep(0.001)

        async with asyncio.timeout(5):
            typing = asyncio.ensure_future(type_all())
            try:
                return await TerminalReviewer(lambda: nullcontext(console)).review(plan, allowed, look_at_nothing)
            finally:
                typing.cancel()

    decided = asyncio.run(review())
    assert isinstance(console.file, io.StringIO)
    return decided, console.file.getvalue()


@pytest.mark.parametrize(
    ("typed", "answer"),
    [("y\n", True), ("YES\n", True), (" y \n", True), ("n\n", False), ("\n", False), ("yep\n", False), ("j\n", False)],
)
def test_only_a_yes_is_a_yes(keyboard: Keyboard, typed: str, answer: bool) -> None:
    """U4: the default is no."""
    plan = plan_of()
    assert reviewed(keyboard, typed, plan)[0] == (plan if answer else None)


def test_the_end_of_the_input_is_a_no(keyboard: Keyboard) -> None:
    async def review() -> Plan | None:
        asyncio.get_running_loop().call_later(0.01, keyboard.leave)
        async with asyncio.timeout(5):
            reviewer = TerminalReviewer(lambda: nullcontext(Console(file=io.StringIO())))
            return await reviewer.review(plan_of(), frozenset(), look_at_nothing)

    assert asyncio.run(review()) is None


def test_the_question_names_the_host_the_changes_the_removals_and_the_conflicts() -> None:
    """U4."""
    assert question_words(plan_of()) == "Make 3 changes on vega? [y = yes, N = no] "
    assert question_words(plan_of("/old", conflicts=(conflict("/both"),))) == (
        "Make 5 changes on vega, 1 removal among them, 1 conflict to decide? "
        "[y = yes, l = list removals, c = go through conflicts, N = no] "
    )
    plan = plan_of("/old", conflicts=(conflict("/both"),))
    assert question_words(plan.deciding("files", ["/old", "/both"], Decision.SKIP)).startswith(
        "Make 3 changes on vega?"
    )


def test_the_summary_and_the_warnings_stand_above_the_question(keyboard: Keyboard) -> None:
    """U4, J3."""
    warning = Finding(severity=Severity.WARNING, machine="vega", message="sam is logged in on vega")
    shown = reviewed(keyboard, "n\n", plan_of("/old", findings=(warning,)))[1]
    assert "Files: 3 new (3.0 KiB), 1 removed" in shown
    assert "! sam is logged in on vega" in shown


def test_the_removals_are_listed_on_request_and_then_it_asks_again(keyboard: Keyboard) -> None:
    shown = reviewed(keyboard, "l\nn\n", plan_of("/home/sam/[b]old[/b]", "/home/sam/\\x1b"))[1]
    assert "removes /home/sam/[b]old[/b]\n" in shown
    assert "removes /home/sam/\\x1b\n" in shown
    assert shown.count("2 removals among them") == 2


@pytest.mark.parametrize(
    ("word", "decision"), [("remove", Decision.APPLY), ("skip", Decision.SKIP), ("keep", Decision.KEEP)]
)
def test_removals_need_a_word_of_their_own(keyboard: Keyboard, word: str, decision: Decision) -> None:
    """U4: a yes alone removes nothing; each word says what it does and for how long."""
    decided, shown = reviewed(keyboard, f"y\n{word}\n", plan_of("/home/sam/old"))
    assert decided is not None
    assert decided.decisions == {"files": {"/home/sam/old": decision}}
    assert "remove = they are removed on vega" in shown
    assert "skip = vega stays as it is this time; the next sync asks again" in shown
    assert "keep = vega stays as it is in every sync, until pc-switcher unmark" in shown


@pytest.mark.parametrize("word", ["y", "yes", "", "r"])
def test_no_other_word_removes(keyboard: Keyboard, word: str) -> None:
    """U4."""
    decided, shown = reviewed(keyboard, f"y\n{word}\nn\n", plan_of("/home/sam/old"))
    assert decided is None
    assert shown.count("Make 4 changes on vega") == 2


def test_a_conflict_must_be_decided_before_a_yes_counts(keyboard: Keyboard) -> None:
    """Promise 7."""
    plan = plan_of(conflicts=(conflict("/both"),))
    decided, shown = reviewed(keyboard, "y\nn\n", plan)
    assert decided is None
    assert "1 conflict first: c goes through them" in shown


def test_conflicts_are_gone_through_one_by_one_with_what_each_answer_does(keyboard: Keyboard) -> None:
    """U4, promise 7."""
    plan = plan_of(conflicts=tuple(conflict(f"/both{number}") for number in range(3)))
    decided, shown = reviewed(keyboard, "c\na\nx\nn\nk\ny\n", plan)
    assert decided is not None
    assert decided.decisions == {"files": {"/both0": Decision.APPLY, "/both1": Decision.SKIP, "/both2": Decision.KEEP}}
    assert "conflict 1 of 3: /both0" in shown
    assert "vega changed it itself: its content" in shown
    assert "vega has file, 1 KiB, atlas has file, 2 KiB" in shown
    assert "a = vega's becomes atlas's; what vega changed there is lost" in shown
    assert "n = vega keeps its own this time; the next sync asks again" in shown
    assert "k = vega keeps its own in every sync, until pc-switcher unmark" in shown


@pytest.mark.parametrize(("key", "decision"), [("A", Decision.APPLY), ("N", Decision.SKIP), ("K", Decision.KEEP)])
def test_a_capital_letter_answers_all_that_follow(keyboard: Keyboard, key: str, decision: Decision) -> None:
    plan = plan_of(conflicts=tuple(conflict(f"/both{number}") for number in range(30)))
    decided, shown = reviewed(keyboard, f"c\nk\n{key}\ny\n", plan)
    assert decided is not None
    assert decided.decisions["files"] == {
        "/both0": Decision.KEEP,
        **{f"/both{number}": decision for number in range(1, 30)},
    }
    assert "conflict 3 of 30" not in shown


def test_an_answer_for_all_removes_nothing(keyboard: Keyboard) -> None:
    """U4: a removal is never one of many."""
    plan = plan_of(conflicts=(conflict("/both"), conflict("/gone", Action.REMOVE)))
    decided, shown = reviewed(keyboard, "c\nA\ny\nc\na\ny\n", plan)
    assert "1 conflict first" in shown
    assert "a = it is removed on vega" in shown
    assert decided is not None
    assert decided.decisions == {"files": {"/both": Decision.APPLY, "/gone": Decision.APPLY}}


def test_enter_goes_back_from_the_conflicts_with_what_was_decided(keyboard: Keyboard) -> None:
    plan = plan_of(conflicts=(conflict("/both0"), conflict("/both1")))
    shown = reviewed(keyboard, "c\nk\n\nn\n", plan)[1]
    assert "Make 4 changes on vega, 1 conflict to decide?" in shown


@pytest.mark.parametrize("gate", [MANY, FIRST])
def test_a_gate_wants_its_own_word_typed(keyboard: Keyboard, gate: Finding) -> None:
    """F6, K3, U4: a habitual yes does not delete unusually much."""
    plan = plan_of(findings=(gate,))
    assert reviewed(keyboard, f"{gate.gate}\ny\n", plan)[0] == attrs.evolve(plan, opened=(gate.gate,))
    assert reviewed(keyboard, "y\n", plan)[0] is None
    assert reviewed(keyboard, "\n", plan)[0] is None


def test_closed_gates_are_said_before_the_question_and_opened_ones_are_not(keyboard: Keyboard) -> None:
    """K3."""
    plan = plan_of(findings=(FIRST,))
    assert "! never synced before" in reviewed(keyboard, "n\n", plan)[1]
    assert "Type first-sync" not in reviewed(keyboard, "n\n", plan, frozenset({Gate.FIRST_SYNC}))[1]


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
