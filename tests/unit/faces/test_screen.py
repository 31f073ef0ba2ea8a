"""The screen, without a terminal: what it shows."""

from __future__ import annotations

import io

import attrs
import pytest
from rich.console import Console

from pcswitcher.faces.screen import ScreenFace
from pcswitcher.model.events import (
    Event,
    JobFinished,
    Level,
    LogLine,
    Outcome,
    PlanLine,
    Progress,
    RunFinished,
    RunStarted,
    Step,
    StepFinished,
    StepStarted,
)


def console_of(width: int) -> Console:
    return Console(record=True, force_terminal=True, width=width, height=40, file=io.StringIO())


def shown(width: int, *events: Event) -> str:
    """All that was printed, and the live part at the end."""
    console = console_of(width)
    screen = ScreenFace(console)
    for event in events:
        screen.take(event)
    console.print(screen.render())
    return console.export_text()


@pytest.mark.parametrize("width", [80, 120])
def test_every_event_reaches_it(width: int, every_event: tuple[Event, ...]) -> None:
    """U1, U2."""
    words = " ".join(shown(width, *every_event[:-1]).split())
    for part in (
        "run 0042: atlas → vega (pc-switcher 0.1.0)",
        "WARNING: vega [files]: little room free=3%",
        "1 warning",
        "Files: 3 new (12 B), 1 removed",
        "removes /home/sam/old",
        "files: partial, 3 items in 2.5 s: 1 item stayed",
        "✓ apply 3 s",
        "files on vega",
        "1.0 KiB of 4.0 KiB",
        "512 B/s",
    ):
        assert part in words, part
    words = " ".join(shown(width, *every_event).split())
    assert "partial: 3 changes made → mend it" in words
    assert "files on vega" not in words


def test_the_rail_tells_what_is_done_what_runs_and_what_comes() -> None:
    """U1."""
    words = shown(
        120, StepStarted(step=Step.CONNECT), StepFinished(step=Step.CONNECT, seconds=0.2), StepStarted(step=Step.DEPLOY)
    )
    assert "✓ connect" in words
    assert "▸ deploy" in words
    assert "· apply" in words


def test_details_stay_in_the_log_and_information_is_shown() -> None:
    """L2."""
    full, information = (LogLine(level=level, message=level.name, machine="vega") for level in (Level.FULL, Level.INFO))
    words = shown(80, full, information)
    assert "FULL" not in words
    assert "INFO" in words


def test_bars_go_with_their_step() -> None:
    bar = Progress(job="files", machine="vega", done=1, total=2, unit="paths")
    assert "files on vega" in shown(80, StepStarted(step=Step.APPLY), bar)
    assert "files on vega" not in shown(80, StepStarted(step=Step.APPLY), bar, StepStarted(step=Step.VERIFY))


def test_an_amount_without_a_total_is_only_counted() -> None:
    words = shown(100, Progress(job="files", machine="vega", done=12345, total=0, unit="entries"))
    assert "12,345 entries" in words
    assert " of " not in words


def test_time_left_is_told_where_the_rate_is_known() -> None:
    words = shown(120, Progress(job="files", machine="vega", done=10, total=910, unit="bytes", rate=1.0))
    assert "15 min left" in words


HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e[bold]x[/bold] :smile:"


@pytest.mark.parametrize(
    "event",
    [
        LogLine(level=Level.INFO, message=HOSTILE, machine=HOSTILE, job=HOSTILE),
        PlanLine(job="files", title=HOSTILE, summary=(HOSTILE,), removals=(HOSTILE,), warnings=()),
        Progress(job=HOSTILE, machine=HOSTILE, done=1, total=2, unit="paths", item=HOSTILE),
        JobFinished(job=HOSTILE, outcome=Outcome.DONE, reason=HOSTILE, seconds=1, items=1),
        RunFinished(run=HOSTILE, outcome=Outcome.DONE, exit_code=0, message=HOSTILE, hint=HOSTILE),
        RunStarted(run=HOSTILE, source=HOSTILE, target=HOSTILE, version=HOSTILE, dry_run=False),
    ],
    ids=lambda event: type(event).__name__,
)
def test_control_characters_and_markup_are_shown_and_not_obeyed(event: Event) -> None:
    """Faults row 12."""
    console = Console(force_terminal=True, width=300, color_system=None, file=io.StringIO())
    screen = ScreenFace(console)
    screen.take(event)
    console.print(screen.render())
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "\x1b]" not in text
    assert "\x1b[2J" not in text
    assert not {"\x07", "\x9b", "\u202e"} & set(text)
    assert "\\x1b]0;owned\\x07" in text
    assert "[bold]x[/bold] :smile:" in text


def test_the_live_screen_survives_a_resize_and_a_question(every_event: tuple[Event, ...]) -> None:
    """U3."""
    console = console_of(120)
    with ScreenFace(console) as screen:
        for width in (120, 20, 5, 200):
            console.width = width
            for event in every_event:
                screen.take(event)
            with screen.paused() as paused:
                paused.print("yes?")
    text = console.export_text()
    assert text.count("yes?") == 4
    assert text.count("mend it") == 4


def test_every_outcome_has_a_colour_of_its_kind(every_event: tuple[Event, ...]) -> None:
    finished = every_event[-1]
    for outcome in Outcome:
        console = console_of(80)
        ScreenFace(console).take(attrs.evolve(finished, outcome=outcome))
        styled = console.export_text(styles=True)
        good = outcome in {Outcome.DONE, Outcome.NOTHING, Outcome.PENDING}
        assert ("\x1b[1;32m" if good else "\x1b[1;31m") in styled
