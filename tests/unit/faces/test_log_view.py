"""Logs as a person reads them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.faces.log_view import Wanted, read_level, read_since, shown
from pcswitcher.model.errors import UsageError
from pcswitcher.model.events import Event, Level, LogLine, event_to_json, now
from pcswitcher.model.text import printable
from pcswitcher.run.log_file import line_of

MOMENT = datetime(2026, 3, 1, 20, 15, 30, 123_456, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A PC two hours east of Greenwich."""
    monkeypatch.setenv("TZ", "EET-2")
    time.tzset()
    yield
    os.environ.pop("TZ", None)
    monkeypatch.undo()
    time.tzset()


def view(*events: Event, wanted: Wanted | None = None) -> list[str]:
    """The events as lines, after a way through a log."""
    told = (json.loads(line_of(event)) for event in events)
    return [line for _, lines in shown(told, wanted or Wanted(level=Level.DEBUG)) for line in lines]


def line(level: Level, message: str = "words", **fields: str) -> LogLine:
    return LogLine(time=MOMENT, level=level, message=message, machine="vega", job="files", fields=fields)


def test_a_line_has_its_time_here_its_level_and_where_it_comes_from() -> None:
    """L4."""
    assert view(line(Level.WARNING, "little room", free="3%")) == [
        "2026-03-01 22:15:30.123 WARNING  vega [files]: little room free=3%"
    ]


def test_what_a_command_printed_stands_below_it_line_by_line() -> None:
    """L1, L4."""
    assert view(line(Level.DEBUG, "command 7 ended", stdout="one\ntwo \x1b[31m", stderr="three", status="0")) == [
        "2026-03-01 22:15:30.123 DEBUG    vega [files]: command 7 ended status=0",
        "  stdout | one",
        "  stdout | two \\x1b[31m",
        "  stderr | three",
    ]


def test_every_type_of_event_is_shown_as_on_the_screen(every_event: tuple[Event, ...]) -> None:
    """U2, L4: none is left out, none is told as its JSON."""
    for event in every_event:
        lines = view(event)
        assert lines
        assert lines[0].startswith(f"{event.time.astimezone():%Y-%m-%d %H:%M:%S}")
        assert "type=" not in "".join(lines)
        assert "=" not in lines[0] or isinstance(event, LogLine)


def test_an_event_of_another_version_is_shown_as_it_is() -> None:
    """L4."""
    told = iter([{"type": "new\x1b", "schema": 2, "time": "t", "what": "x\ny"}])
    assert [lines for _, lines in shown(told, Wanted(level=Level.CRITICAL))] == [["t new\\x1b what=x y"]]


@pytest.mark.parametrize("least", list(Level))
def test_lines_below_the_level_are_left_out_and_how_the_run_went_is_not(
    every_event: tuple[Event, ...], least: Level
) -> None:
    """L4."""
    lines = view(*(line(level, level.name) for level in Level), wanted=Wanted(level=least))
    assert [text.split()[2] for text in lines] == [level.name for level in Level if level >= least]
    told = "\n".join(view(*every_event, wanted=Wanted(level=least)))
    assert "apply …" in told
    assert "no progress for 31 s" in told
    assert ("answers in" in told or "not heard" in told) == (least is Level.DEBUG)


def test_a_log_is_narrowed_to_a_job_a_pc_and_a_time() -> None:
    """L4."""
    here = LogLine(time=MOMENT, level=Level.INFO, message="here", machine="atlas")
    late = LogLine(time=MOMENT + timedelta(seconds=1), level=Level.INFO, message="late", machine="atlas", job="apt")

    def words(wanted: Wanted) -> list[str]:
        return [text.split()[-1] for text in view(here, line(Level.INFO, "there"), late, wanted=wanted)]

    assert words(Wanted(machine="atlas")) == ["here", "late"]
    assert words(Wanted(job="files")) == ["there"]
    assert words(Wanted(job="apt", machine="atlas")) == ["late"]
    assert words(Wanted(job="apt", machine="vega")) == []
    assert words(Wanted(since=MOMENT + timedelta(milliseconds=500))) == ["late"]
    assert words(Wanted(since=MOMENT.replace(microsecond=123_000))) == ["here", "there", "late"]


def test_a_level_is_known_by_its_name_in_any_case() -> None:
    assert read_level("warning") is read_level("WARNING") is Level.WARNING
    with pytest.raises(UsageError, match="there is no level LOUD"):
        read_level("LOUD")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01T22:15", datetime(2026, 3, 1, 20, 15, tzinfo=UTC)),
        ("2026-03-01 22:15:30", datetime(2026, 3, 1, 20, 15, 30, tzinfo=UTC)),
        ("2026-03-01", datetime(2026, 2, 28, 22, 0, tzinfo=UTC)),
        ("2026-03-01T20:15:00+01:00", datetime(2026, 3, 1, 20, 15, tzinfo=timezone(timedelta(hours=1)))),
    ],
)
def test_a_time_without_a_zone_is_of_this_pc(text: str, moment: datetime) -> None:
    """L4."""
    assert read_since(text) == moment


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("2 h", 7200), ("3d", 259_200)])
def test_a_time_may_be_told_by_how_long_ago_it_is(text: str, seconds: int) -> None:
    """L4."""
    before = now()
    ago = (before - read_since(text)).total_seconds()
    assert seconds - 20 < ago <= seconds


@pytest.mark.parametrize("text", ["", "soon", "10", "10y", "9999999999d", "2026-13-01"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no moment"):
        read_since(text)


@given(st.text(), st.dictionaries(st.sampled_from(["stdout", "x\x1b", "trace"]), st.text()))
def test_whatever_was_logged_is_safe_on_a_terminal(message: str, fields: dict[str, str]) -> None:
    """Faults row 22."""
    event = LogLine(level=Level.INFO, message=message, fields=fields)
    for _, lines in shown(iter([json.loads(line_of(event)), event_to_json(event)]), Wanted()):
        assert all(printable(text) == text and "\n" not in text for text in lines)
