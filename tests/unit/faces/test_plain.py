"""Plain lines."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from pcswitcher.faces import plain
from pcswitcher.faces.json_lines import JsonFace
from pcswitcher.faces.plain import PROGRESS_INTERVAL, PlainFace
from pcswitcher.faces.words import lines_of
from pcswitcher.model.events import Event, Progress


def progress(done: int, machine: str = "vega") -> Progress:
    return Progress(job="files", machine=machine, done=done, total=9, unit="paths")


def test_every_event_but_the_first_progress_is_printed_as_its_lines(every_event: tuple[Event, ...]) -> None:
    """U2, U3."""
    stream = io.StringIO()
    face = PlainFace(stream)
    for event in every_event:
        face.take(event)
    expected = [line for event in every_event if not isinstance(event, Progress) for line in lines_of(event)]
    assert stream.getvalue().splitlines() == expected


def test_progress_is_printed_once_in_a_while_per_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = 100.0
    monkeypatch.setattr(plain.time, "monotonic", lambda: moment)
    stream = io.StringIO()
    face = PlainFace(stream)
    face.take(progress(1))
    moment += PROGRESS_INTERVAL / 2
    face.take(progress(2))
    face.take(progress(2, "atlas"))
    moment += PROGRESS_INTERVAL / 2
    face.take(progress(3))
    face.take(progress(4))
    face.take(progress(5, "atlas"))
    moment += PROGRESS_INTERVAL
    face.take(progress(6, "atlas"))
    assert stream.getvalue().splitlines() == ["vega [files]: 3 of 9 paths", "atlas [files]: 6 of 9 paths"]


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
