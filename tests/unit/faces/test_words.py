"""Events as lines of text."""

from __future__ import annotations

import unicodedata

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.faces.words import REMOVALS_SHOWN, lines_of, log_words
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
)

LINES = {
    "RunStarted": ["run 0042: atlas → vega (pc-switcher 0.1.0)"],
    "StepStarted": ["apply …"],
    "LogLine": ["WARNING: vega [files]: little room free=3%"],
    "Progress": ["vega [files]: 1.0 KiB of 4.0 KiB, 1 of 7 files, 512 B/s"],
    "PlanLine": ["Files: 3 new (12 B), 1 removed", "  removes /home/sam/old"],
    "JobFinished": ["files: partial, 3 items in 2.5 s: 1 item stayed"],
    "StepFinished": ["apply done in 2.6 s"],
    "RunFinished": ["partial: 3 changes made", "  → mend it"],
}


def test_every_event_has_its_line(every_event: tuple[Event, ...]) -> None:
    """U2."""
    assert {type(event).__name__: lines_of(event) for event in every_event} == LINES


def test_an_event_nobody_knows_gives_no_line() -> None:
    assert lines_of(Event()) == []


def test_a_dry_run_is_called_so() -> None:
    event = RunStarted(run="dry-run-1", source="atlas", target="vega", version="1", dry_run=True)
    assert lines_of(event) == ["dry run: atlas → vega (pc-switcher 1)"]


@pytest.mark.parametrize("level", list(Level))
def test_log_lines_below_the_level_are_left_out(level: Level) -> None:
    """L2."""
    line = LogLine(level=level, message="words", machine="vega")
    assert bool(lines_of(line)) == (level >= Level.INFO)
    assert bool(lines_of(line, Level.DEBUG))


def test_a_machine_named_by_the_message_is_not_named_twice() -> None:
    assert log_words(LogLine(level=Level.INFO, message="vega: ready", machine="vega")) == "vega: ready"


def test_counted_progress_names_its_unit_and_an_unknown_total_is_left_out() -> None:
    event = Progress(job="files", machine="vega", done=1200, total=0, unit="entries")
    assert lines_of(event) == ["vega [files]: 1,200 entries"]


def test_many_removals_are_counted_after_the_first() -> None:
    removals = tuple(f"/home/{number}" for number in range(REMOVALS_SHOWN + 1500))
    lines = lines_of(PlanLine(job="files", title="Files", summary=("x",), removals=removals, warnings=()))
    assert len(lines) == REMOVALS_SHOWN + 2
    assert lines[-1] == "  and 1,500 more removals"


def test_a_plan_without_changes_says_so() -> None:
    assert lines_of(PlanLine(job="files", title="Files", summary=(), removals=(), warnings=())) == [
        "Files: nothing to do"
    ]


@given(st.text(), st.sampled_from(Level))
def test_whatever_text_arrives_every_line_is_one_safe_line(text: str, level: Level) -> None:
    """Faults row 12: hostile text in any field of any event."""
    events = (
        RunStarted(run=text, source=text, target=text, version=text, dry_run=False),
        LogLine(level=level, message=text, machine=text, job=text, fields={"key": text}),
        Progress(job=text, machine=text, done=1, total=2, unit=text),
        PlanLine(job=text, title=text, summary=(text,), removals=(text,), warnings=(text,)),
        JobFinished(job=text, outcome=Outcome.DONE, reason=text, seconds=1, items=1),
        RunFinished(run=text, outcome=Outcome.DONE, exit_code=0, message=text, hint=text),
    )
    for event in events:
        for line in lines_of(event, Level.DEBUG):
            assert not [letter for letter in line if unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


def test_every_field_of_text_is_covered_by_that_test() -> None:
    """A new event type must join the test above."""
    assert {kind.__name__ for kind in Event.__subclasses__()} == LINES.keys()
    assert all(attrs.has(kind) for kind in Event.__subclasses__())
