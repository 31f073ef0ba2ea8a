"""What is drawn, as text."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from pcswitcher.faces.screen import drawing, theme
from pcswitcher.faces.screen.state import RunState
from pcswitcher.model.events import (
    Event,
    FreeSpace,
    Level,
    LinkHealth,
    LogLine,
    Progress,
    RunStarted,
    Stalled,
    Step,
    StepFinished,
    StepStarted,
)
from pcswitcher.model.settings import DiskSettings

TIME = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
DISK = DiskSettings()


def state_of(*events: Event) -> RunState:
    state = RunState()
    for event in events:
        state.take(event)
    return state


def progress(done: int, total: int, unit: str = "bytes", seconds: float = 0, item: str = "") -> Progress:
    time = TIME + timedelta(seconds=seconds)
    return Progress(time=time, job="files", machine="vega", done=done, total=total, unit=unit, item=item)


def activity(*events: Event, width: int = 78, seconds: float = 0, whole: bool = False) -> str:
    """The one activity of these events, drawn so many seconds after the beginning."""
    (only,) = state_of(*events).activities.values()
    return drawing.activity_text(only, TIME + timedelta(seconds=seconds), width, whole=whole).plain


def test_a_bar_tells_its_share_its_amount_its_rate_and_a_range() -> None:
    """U1."""
    words = activity(*(progress(second * 1024, 102_400, seconds=second) for second in range(13)), seconds=12)
    assert "files on vega" in words
    assert " 12 %" in words
    assert "12 KiB of 100 KiB · 1.0 KiB/s" in words
    assert "about 90 s left" in words or "about 1 min left" in words or "left" in words


@pytest.mark.parametrize(("done", "total"), [(5, 0), (12, 10)])
def test_an_amount_without_an_honest_total_has_no_share_and_no_end(done: int, total: int) -> None:
    """U1: no fake percentage."""
    words = activity(progress(done, total, "paths"), progress(done, total, "paths", seconds=9), seconds=9)
    assert "%" not in words
    assert "left" not in words
    assert f"{done} of {total} paths" in words if total else f"{done} paths" in words


@pytest.mark.parametrize(("done", "share"), [(0, "0 %"), (999_999, "99 %"), (1_000_000, "100 %")])
def test_a_share_is_a_hundred_only_when_all_is_done(done: int, share: str) -> None:
    words = activity(progress(done, 1_000_000))
    assert f" {share}" in words
    assert ("╸" not in words and "─" not in words) == (done == 1_000_000)


def test_a_stall_names_its_cause_and_goes_on_counting() -> None:
    """U1."""
    stall = Stalled(time=TIME, job="files", machine="vega", seconds=30, cause="vega does not answer")
    assert "no progress for 42 s: vega does not answer" in activity(progress(1, 2), stall, seconds=12)


def test_a_long_item_loses_its_middle_and_is_whole_with_the_focus() -> None:
    """U4: nothing truncated without a way to see all."""
    item = "/home/sam/" + "a-directory/" * 20 + "photo.jpg"
    short = activity(progress(1, 2, item=item))
    assert item not in short
    assert "…" in short
    assert "photo.jpg" in short
    whole = activity(progress(1, 2, item=item), whole=True)
    assert item in "".join(line.strip() for line in whole.splitlines())


@given(st.text(), st.integers(0, 60))
def test_a_shortened_text_never_needs_more_room_than_it_has(text: str, width: int) -> None:
    assert cell_len(drawing.middle(text, width)) <= max(width, 0)


@given(st.lists(st.text(alphabet="abc ", min_size=1, max_size=30)), st.integers(10, 80))
def test_parts_in_a_flow_are_all_there(parts: list[str], width: int) -> None:
    words = " ".join(line.plain for line in drawing.flow(parts, width))
    for part in parts:
        for word in part.split():
            assert word in words or width < 40


@given(st.integers(0, 10**15), st.integers(0, 10**15), st.integers(20, 200))
def test_an_activity_never_needs_more_columns_than_it_has(done: int, total: int, width: int) -> None:
    """U3."""
    lines = activity(progress(done, total, item="/x/" * 90), width=width).splitlines()
    assert max(map(cell_len, lines)) <= width


@pytest.mark.parametrize(
    ("free", "style"), [(30, theme.PLAIN), (25, theme.PLAIN), (24, theme.CAREFUL), (15, theme.CAREFUL), (14, theme.BAD)]
)
def test_free_space_is_coloured_by_the_thresholds(free: int, style: object) -> None:
    """U1, S8."""
    state = state_of(FreeSpace(machine="vega", path="/home", free=free, total=100))
    text = drawing.machines_text(state, DISK, TIME)
    assert f"/home {free} B free ({free} %)" in text.plain
    styles = {span.style for span in text.spans if "free" in text.plain[span.start : span.end]}
    assert (styles or {theme.PLAIN}) == {style}


def test_a_link_that_falls_silent_says_so_without_another_event() -> None:
    """U1."""
    state = state_of(LinkHealth(time=TIME, machine="vega", round_trip=0.003, silent=1))
    assert "answers in 3 ms" in drawing.machines_text(state, DISK, TIME).plain
    assert "not heard for 13 s" in drawing.machines_text(state, DISK, TIME + timedelta(seconds=12)).plain


def test_both_machines_come_in_the_order_of_the_run() -> None:
    started = RunStarted(run="1", source="atlas", target="vega", version="1", dry_run=False)
    spaces = (FreeSpace(machine=name, path="/", free=50, total=100) for name in ("vega", "atlas"))
    lines = drawing.machines_text(state_of(*spaces, started), DISK, TIME).plain.splitlines()
    assert [line.split()[0] for line in lines] == ["atlas", "vega"]


def test_the_rail_tells_what_is_done_what_runs_and_what_comes() -> None:
    """U1."""
    state = state_of(
        StepStarted(time=TIME, step=Step.CONNECT),
        StepFinished(time=TIME, step=Step.CONNECT, seconds=75),
        StepStarted(time=TIME, step=Step.DEPLOY),
    )
    lines = drawing.rail_text(state, TIME + timedelta(seconds=12)).plain.splitlines()
    assert len(lines) == len(Step)
    assert lines[0].split() == ["✓", "connect", "1:15"]
    assert lines[1].split() == ["▸", "deploy", "12", "s"]
    assert lines[2].split() == ["·", "lock"]
    assert {cell_len(line) for line in lines} == {drawing.RAIL - 2}
    assert drawing.step_text(state, TIME).plain.split() == ["▸", "deploy", "step", "2", "of", str(len(Step))]


def test_warnings_and_errors_are_counted_apart() -> None:
    levels = [Level.INFO, Level.WARNING, Level.WARNING, Level.ERROR, Level.CRITICAL]
    state = state_of(*(LogLine(level=level, message=f"m{number}", machine="") for number, level in enumerate(levels)))
    assert drawing.warnings_text(state).plain == "2 errors, 2 warnings"
    assert drawing.all_warnings(state).plain.splitlines() == [
        "• WARNING: m1",
        "• WARNING: m2",
        "• ERROR: m3",
        "• CRITICAL: m4",
    ]


def test_a_long_line_of_the_log_goes_on_below_its_beginning() -> None:
    """U4."""
    message = "word " * 40
    entry = state_of(LogLine(time=TIME, level=Level.INFO, message=message.strip(), machine="")).entries(Level.INFO)[0]
    lines = drawing.entry_text(entry, UTC, 40).plain.splitlines()
    assert lines[0].startswith("12:30:00  word")
    assert {line[:10] for line in lines[1:]} == {" " * 10}
    assert " ".join(line[10:].strip() for line in lines) == message.strip()


HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e[bold]x[/bold] :smile:\nsecond"


def test_control_characters_and_markup_are_shown_and_not_obeyed(
    each_event: Event, spoil: Callable[[Event, str], Event]
) -> None:
    """Faults row 12: whatever event carries them, wherever it is drawn."""
    state = state_of(spoil(each_event, HOSTILE))
    texts = [
        drawing.title_text(state),
        drawing.machines_text(state, DISK, TIME),
        drawing.all_warnings(state),
        *(drawing.activity_text(each, TIME, 70, whole=True) for each in state.activities.values()),
        *(drawing.entry_text(entry, UTC, 70) for entry in state.entries(Level.DEBUG)),
    ]
    for text in texts:
        assert not [
            letter for letter in text.plain if unicodedata.category(letter) in {"Cc", "Cf", "Cs"} and letter != "\n"
        ]
