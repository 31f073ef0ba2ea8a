"""The screen of a run without a terminal: what it shows, what its keys do, what it asks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from textual.app import ComposeResult
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, Label, Static

from pcswitcher.faces.screen.app import Look, RunApp, ScreenLostError
from pcswitcher.faces.screen.dialogs import WarningsScreen
from pcswitcher.faces.screen.widgets import ActivityRow, LogPane
from pcswitcher.model.events import (
    Event,
    JobFinished,
    Level,
    LogLine,
    Outcome,
    Progress,
    RunFinished,
    RunStarted,
    Step,
    StepStarted,
)

TIME = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
STARTED = RunStarted(time=TIME, run="0042", source="atlas", target="vega", version="0.1.0", dry_run=False)
APPLYING = StepStarted(time=TIME, step=Step.APPLY)
LONG_ITEM = "/home/sam/" + "a-long-directory/" * 8 + "file"


def progress(done: int, seconds: float = 0, machine: str = "vega", item: str = "") -> Progress:
    time = TIME + timedelta(seconds=seconds)
    return Progress(time=time, job="files", machine=machine, done=done, total=100, unit="paths", item=item)


def log(message: str, level: Level = Level.INFO) -> LogLine:
    return LogLine(time=TIME, level=level, message=message, machine="vega")


class Watched:
    """A running screen, and what it shows."""

    def __init__(self, app: RunApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    async def take(self, *events: Event) -> None:
        for event in events:
            self.app.take(event)
        await self.settle()

    async def settle(self) -> None:
        """Until what is known is drawn."""
        self.app.draw()
        await self.pilot.pause()
        self.app.draw()  # the first may have changed how much room there is
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    @property
    def lines(self) -> list[str]:
        strips = self.app.screen._compositor.render_strips()
        return [strip.text.rstrip() for strip in strips]

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.lines).replace("│", " ").split())


@asynccontextmanager
async def watching(columns: int = 80, lines: int = 24, moment: datetime = TIME) -> AsyncGenerator[Watched]:
    app = RunApp(Look(clock=lambda: moment, zone=UTC))
    async with app.run_test(size=(columns, lines)) as pilot:
        yield Watched(app, pilot)


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(30):
            await test()

    asyncio.run(limited())


SHOWN = {
    "RunStarted": ["atlas → vega", "run 0042"],
    "StepStarted": ["▸ apply"],
    "StepFinished": ["✓ apply 3 s"],
    "LogLine": ["1 warning", "WARNING: vega [files]: little room free=3%"],
    "Progress": ["files on vega", "25 %", "1.0 KiB of 4.0 KiB · 1 of 7 files", "512 B/s"],
    "PlanLine": ["Files: 3 new (12 B), 1 removed", "removes /home/sam/old", "conflict: /home/sam/notes: its content"],
    "JobStarted": ["files", "3 items · 4.0 KiB"],
    "JobFinished": ["✗ files partial, 3 items in 2.5 s: 1 item stayed", "files: partial, 3 items in 2.5 s"],
    "RunFinished": ["partial: 3 changes made", "→ mend it"],
    "Stalled": ["files on vega", "no progress for 31 s: vega writes to its disk"],
    "LinkHealth": ["vega ● not heard for 12 s"],
    "FreeSpace": ["vega /home 1.0 KiB free (1 %)"],
}


@pytest.mark.parametrize("size", [(80, 24), (140, 50)])
def test_every_event_reaches_the_screen(each_event: Event, size: tuple[int, int]) -> None:
    """U1, U2, J4: 80 by 24 is enough for each."""

    async def test() -> None:
        async with watching(*size) as screen:
            before = screen.lines
            await screen.take(each_event)
            assert screen.lines != before
            for words in SHOWN[type(each_event).__name__]:
                assert words in screen.words

    run(test)


def test_a_whole_run_fits_on_80_by_24(every_event: tuple[Event, ...]) -> None:
    """U1: all steps, bars, machines and the log at once."""

    async def test() -> None:
        async with watching() as screen:
            await screen.take(*every_event[:-1])
            for step in Step:
                assert str(step) in screen.words
            for part in (
                "atlas → vega",
                "1 warning",
                "● not heard",
                "Log: INFO and above",
                "^c Stop",
                "/home 1.0 KiB free",
            ):
                assert part in screen.words

    run(test)


@pytest.mark.parametrize("size", [(20, 6), (40, 12), (59, 19), (60, 20), (300, 100)])
def test_any_size_is_survived_and_the_running_step_is_told(
    size: tuple[int, int], every_event: tuple[Event, ...]
) -> None:
    """U3."""

    async def test() -> None:
        async with watching() as screen:
            await screen.take(*every_event[:3])
            await screen.pilot.resize_terminal(*size)
            await screen.settle()
            if size[1] > 6:
                assert "▸ apply" in screen.words
            await screen.pilot.resize_terminal(80, 24)
            await screen.settle()
            assert "· record" in screen.words

    run(test)


def test_only_what_changes_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """U1: no flicker. A thousand reports of progress between two drawings are one, and touch only their own row."""

    async def test() -> None:
        async with watching() as screen:
            await screen.take(STARTED, APPLYING, progress(1))
            (row,) = screen.app.screen.query(ActivityRow)
            drawn: list[object] = []
            update = Static.update

            def watched(self: Static, *rest: object, **named: object) -> None:
                drawn.append(self)
                update(self, *rest, **named)  # type: ignore[arg-type]

            monkeypatch.setattr(Static, "update", watched)
            for number in range(1000):
                screen.app.take(progress(2 + number % 90))
            screen.app.draw()
            assert drawn == [row]
            screen.app.draw()
            assert drawn == [row], "nothing changed"

    run(test)


def test_an_item_that_does_not_fit_is_whole_when_its_row_has_the_focus() -> None:
    """U1, U4."""

    async def test() -> None:
        async with watching() as screen:
            await screen.take(APPLYING, progress(1, item=LONG_ITEM))
            assert LONG_ITEM not in "".join(screen.words.split())
            await screen.press("tab")
            shown = "".join(line.partition("▐")[2] or line[23:] for line in screen.lines)
            assert LONG_ITEM in "".join(shown.replace("▌", "").replace("█", "").split())
            await screen.press("escape")
            assert "…" in screen.words

    run(test)


def test_the_warnings_open_with_a_key_or_a_click_and_new_ones_join_them() -> None:
    """U1."""

    async def test() -> None:
        async with watching() as screen:
            await screen.take(log("the first " * 12, Level.WARNING))
            await screen.press("w")
            assert isinstance(screen.app.screen, WarningsScreen)
            await screen.take(log("the second", Level.ERROR))
            assert "ERROR: vega: the second" in screen.words
            await screen.press("escape")
            assert not isinstance(screen.app.screen, WarningsScreen)
            await screen.pilot.click("#warnings")
            assert isinstance(screen.app.screen, WarningsScreen)

    run(test)


@pytest.mark.parametrize(
    ("keys", "visible"),
    [
        ((), {"INFO", "WARNING", "ERROR", "CRITICAL"}),
        (("1",), {level.name for level in Level}),
        (("5",), {"ERROR", "CRITICAL"}),
        (("l",), {"WARNING", "ERROR", "CRITICAL"}),
        (("l", "l", "l", "l"), {level.name for level in Level}),
    ],
)
def test_the_log_is_filtered_by_level(keys: tuple[str, ...], visible: set[str]) -> None:
    """U1, L2."""

    async def test() -> None:
        async with watching() as screen:
            await screen.take(*(log(f"<{level.name}>", level) for level in Level))
            await screen.press(*keys)
            assert {level.name for level in Level if f"<{level.name}>" in screen.words} == visible

    run(test)


def test_the_log_follows_its_end_until_one_scrolls_up() -> None:
    """U1."""

    async def test() -> None:
        async with watching() as screen:
            await screen.take(*(log(f"<{number}>") for number in range(100)))
            assert "<99>" in screen.words
            screen.app.screen.query_one(LogPane).focus()
            await screen.press("pageup")
            await screen.pilot.pause(0.5)
            assert "<99>" not in screen.words
            await screen.take(log("<100>"))
            assert "<100>" not in screen.words
            await screen.press("end")
            await screen.pilot.pause(0.5)
            assert "<100>" in screen.words
            await screen.take(log("<101>"))
            assert "<101>" in screen.words

    run(test)


def test_ctrl_c_and_ctrl_q_are_the_signal_they_are_everywhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """I1: also while something is asked."""
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda process, number: sent.append((process, number)))

    async def test() -> None:
        async with watching() as screen:
            await screen.press("ctrl+c", "ctrl+q")
            asking = asyncio.create_task(screen.app.ask_password("vega"))
            await screen.settle()
            await screen.press("ctrl+c")
            asking.cancel()

    run(test)
    assert sent == [(os.getpid(), signal.SIGINT)] * 3


def test_a_stop_is_seen() -> None:
    """I1."""

    async def test() -> None:
        async with watching() as screen:
            screen.app.state.stop()
            await screen.settle()
            assert "Stopping at the next safe point" in screen.words
            assert "Ctrl-C again stops now" in screen.words
            await screen.take(RunFinished(run="1", outcome=Outcome.INTERRUPTED, exit_code=130, message="interrupted"))
            assert "Stopping at" not in screen.words

    run(test)


@pytest.mark.parametrize(
    ("keys", "answer"),
    [(("z", "q", "j", "enter"), "zqj"), (("x", "escape"), None), (("enter",), None)],
)
def test_a_password_is_asked_with_user_and_host_and_never_shown(
    keys: tuple[str, ...], answer: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise 9."""
    monkeypatch.setenv("USER", "sam")

    async def test() -> None:
        async with watching() as screen:
            asking = asyncio.create_task(screen.app.ask_password("vega"))
            await screen.settle()
            assert "sudo password for sam on vega" in screen.words
            for key in keys:
                await screen.press(key)
                assert not {"z", "zq", "zqj"} & set(screen.words.split())
            assert await asking == answer
            await screen.settle()
            assert not screen.app.screen.query(Input)

    run(test)


class Question(Screen[str]):
    """A screen that asks something."""

    def compose(self) -> ComposeResult:
        yield Label("shall we?")

    def key_y(self) -> None:
        self.dismiss("yes")


def test_a_screen_is_asked_above_the_run_and_gives_its_answer() -> None:
    """U4."""

    async def test() -> None:
        async with watching() as screen:
            asking = asyncio.create_task(screen.app.ask(Question()))
            await screen.settle()
            assert "shall we?" in screen.words
            await screen.take(log("meanwhile"))
            await screen.press("y")
            assert await asking == "yes"
            await screen.settle()
            assert "meanwhile" in screen.words

    run(test)


def test_a_question_nobody_waits_for_any_more_goes_away_with_what_is_above_it() -> None:
    """I1: Ctrl-C while it is asked."""

    async def test() -> None:
        async with watching() as screen:
            asking = asyncio.create_task(screen.app.ask(Question()))
            await screen.settle()
            await screen.app.push_screen(Question())
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking
            await screen.settle()
            assert "shall we?" not in screen.words
            assert len(screen.app.screen_stack) == 1

    run(test)


def test_a_question_ends_when_the_terminal_goes_away() -> None:
    """I1: the run must not wait for an answer that cannot come."""

    async def test() -> None:
        async with watching() as screen:
            asking = asyncio.create_task(screen.app.ask(Question()))
            await screen.settle()
        with pytest.raises(ScreenLostError):
            await asking

    run(test)


def test_a_finished_job_keeps_its_row_until_the_next_step() -> None:
    """J7."""

    async def test() -> None:
        async with watching() as screen:
            done = JobFinished(time=TIME, job="files", outcome=Outcome.DONE, reason="", seconds=2, items=4)
            await screen.take(STARTED, APPLYING, progress(1), progress(1, machine="atlas"), done)
            assert "✓ files on vega" in screen.words
            assert "files on atlas" not in screen.words
            await screen.take(StepStarted(time=TIME, step=Step.VERIFY))
            assert "files on vega" not in screen.words

    run(test)
