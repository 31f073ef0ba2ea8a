"""JSON lines."""

from __future__ import annotations

import io
import json

from pcswitcher.faces.json_lines import JsonFace
from pcswitcher.model.events import SCHEMA, Event, Level, LogLine

NAMES = [
    "run-started",
    "step-started",
    "log-line",
    "progress",
    "plan-line",
    "job-started",
    "stalled",
    "link-health",
    "free-space",
    "job-finished",
    "step-finished",
    "run-finished",
]


def printed(*events: Event) -> list[dict[str, object]]:
    stream = io.StringIO()
    face = JsonFace(stream)
    for event in events:
        face.take(event)
    text = stream.getvalue()
    assert text.isascii()
    return [json.loads(line) for line in text.splitlines()]


def test_every_event_is_one_object_with_type_schema_and_time(every_event: tuple[Event, ...]) -> None:
    """U2, U3."""
    found = printed(*every_event)
    assert [each["type"] for each in found] == NAMES
    assert {each["schema"] for each in found} == {SCHEMA}
    assert {each["time"] for each in found} == {"2026-05-01T12:30:00+00:00"}


def test_the_last_one_tells_the_exit_code(every_event: tuple[Event, ...]) -> None:
    assert printed(*every_event)[-1]["exit_code"] == 3


def test_levels_are_words_and_fields_an_object(every_event: tuple[Event, ...]) -> None:
    (line,) = printed(every_event[2])
    assert (line["level"], line["fields"]) == ("WARNING", {"free": "3%"})


def test_a_newline_in_a_message_stays_within_its_line() -> None:
    """Faults row 12."""
    (line,) = printed(LogLine(level=Level.INFO, message="two\nlines\u2028\x1b[31m\ud800", machine="vega"))
    assert line["message"] == "two\nlines\u2028\x1b[31m\ud800"
