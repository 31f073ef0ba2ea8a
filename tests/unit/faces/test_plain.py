"""Plain lines."""

from __future__ import annotations

import io
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest

from pcswitcher.faces.json_lines import JsonFace
from pcswitcher.faces.plain import PlainFace
from pcswitcher.faces.words import lines_of
from pcswitcher.model.events import Event, FreeSpace, Level, LinkHealth, LogLine, Progress
from pcswitcher.run.pace import PROGRESS_INTERVAL

TIME = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)


def printed(*events: Event, level: Level = Level.INFO) -> list[str]:
    stream = io.StringIO()
    face = PlainFace(stream, level)
    for event in events:
        face.take(event)
    return stream.getvalue().splitlines()


def progress(done: int, seconds: float, machine: str = "vega") -> Progress:
    time = TIME + timedelta(seconds=seconds)
    return Progress(time=time, job="files", machine=machine, done=done, total=9, unit="paths")


def test_every_event_is_printed_as_its_lines(each_event: Event) -> None:
    """U2, U3: progress from the second on."""
    earlier = [attrs.evolve(each_event, time=TIME)] if isinstance(each_event, Progress) else []
    event = attrs.evolve(each_event, time=TIME + timedelta(seconds=PROGRESS_INTERVAL))
    assert printed(*earlier, event) == lines_of(event) != []


def test_progress_is_printed_once_in_a_while_per_machine() -> None:
    interval = PROGRESS_INTERVAL
    lines = printed(
        progress(1, 0),
        progress(2, interval / 2),
        progress(2, interval / 2, "atlas"),
        progress(3, interval),
        progress(4, interval),
        progress(5, interval, "atlas"),
        progress(6, 2 * interval, "atlas"),
    )
    assert lines == ["vega [files]: 3 of 9 paths", "atlas [files]: 6 of 9 paths"]


def test_progress_after_the_clock_was_set_back_is_printed() -> None:
    assert len(printed(progress(1, 0), progress(2, -3600), progress(3, -3599))) == 1


def space(percent: int, path: str = "/home") -> FreeSpace:
    return FreeSpace(machine="vega", path=path, free=percent, total=100)


def test_free_space_is_printed_only_when_it_crosses_a_threshold() -> None:
    """S8, U1: warn 25 %, stop 15 %."""
    lines = printed(space(80), space(26), space(24), space(20), space(80, "/"), space(14), space(14), space(30))
    assert [re.search(r"\((\d+) %\)", line)[1] for line in lines] == ["24", "14", "30"]  # type: ignore[index]


def link(silent: float, round_trip: float = 0.01, machine: str = "vega") -> LinkHealth:
    return LinkHealth(machine=machine, round_trip=round_trip, silent=silent)


def test_a_link_is_printed_only_when_it_turns_bad_and_when_it_is_good_again() -> None:
    """U1."""
    lines = printed(link(0), link(12), link(17), link(0, machine="lyra"), link(0), link(0), link(0, 2.0))
    assert lines == ["vega: not heard for 12 s", "vega: answers in 10 ms", "vega: answers in 2,000 ms"]


def test_the_level_of_the_screen_holds_for_plain_lines() -> None:
    """L2."""
    full, information = (LogLine(level=level, message=level.name, machine="") for level in (Level.FULL, Level.INFO))
    assert printed(full, information) == ["INFO"]
    assert printed(full, information, level=Level.FULL) == ["FULL", "INFO"]


@pytest.mark.parametrize("kind", [PlainFace, JsonFace])
def test_a_reader_that_went_away_does_not_end_the_run(
    kind: type[PlainFace | JsonFace], every_event: tuple[Event, ...]
) -> None:
    """L5: `pc-switcher sync vega --plain | head` must not stop in the middle of an apply."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as stream:
        face = kind(stream)
        for event in (*every_event, *every_event):
            face.take(event)


def test_a_full_disk_behind_the_output_does_not_end_the_run(every_event: tuple[Event, ...]) -> None:
    """L5."""
    with Path("/dev/full").open("w", encoding="utf-8") as stream:
        face = PlainFace(stream)
        for event in every_event:
            face.take(event)
