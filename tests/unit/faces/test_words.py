"""Events as lines of text."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcswitcher.faces.words import ITEMS_SHOWN, lines_of, link_words, log_words
from pcswitcher.model.events import (
    Event,
    JobFinished,
    Level,
    LogLine,
    Outcome,
    PlanLine,
    Progress,
    RunStarted,
)

LINES = {
    "RunStarted": ["run 0042: atlas → vega (pc-switcher 0.1.0)"],
    "StepStarted": ["apply …"],
    "LogLine": ["WARNING: vega [files]: little room free=3%"],
    "Progress": ["vega [files]: 1.0 KiB of 4.0 KiB, 1 of 7 files, 512 B/s"],
    "PlanLine": [
        "Files: 3 new (12 B), 1 removed",
        "  removes /home/sam/old",
        "  conflict: /home/sam/notes: its content",
        "  ! unusually many",
        "  2 items left alone as machine-specific",
    ],
    "JobStarted": ["files: begins, 3 items, 4.0 KiB"],
    "Stalled": ["vega [files]: no progress for 31 s: vega writes to its disk"],
    "LinkHealth": ["vega: not heard for 12 s"],
    "FreeSpace": ["vega: /home has 1.0 KiB of 100 KiB free (1 %)"],
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
    removals = tuple(f"/home/{number}" for number in range(ITEMS_SHOWN + 1500))
    lines = lines_of(PlanLine(job="files", title="Files", summary=("x",), removals=removals, warnings=()))
    assert len(lines) == ITEMS_SHOWN + 2
    assert lines[-1] == "  and 1,500 more removals"


def test_a_plan_without_changes_says_so() -> None:
    assert lines_of(PlanLine(job="files", title="Files", summary=(), removals=(), warnings=())) == [
        "Files: nothing to do"
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(), level=st.sampled_from(Level))
def test_whatever_text_arrives_every_line_is_one_safe_line(
    each_event: Event, spoil: Callable[[Event, str], Event], text: str, level: Level
) -> None:
    """Faults row 12: hostile text in any field of any event."""
    event = spoil(each_event, text)
    if isinstance(event, LogLine):
        event = attrs.evolve(event, level=level)
    for line in lines_of(event, Level.DEBUG):
        assert not [letter for letter in line if unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


def test_many_conflicts_are_counted_after_the_first() -> None:
    conflicts = tuple(f"/home/{number}" for number in range(ITEMS_SHOWN + 1))
    plan = PlanLine(job="files", title="Files", summary=("x",), removals=(), conflicts=conflicts, warnings=())
    assert lines_of(plan)[-1] == "  and 1 more conflict"


@pytest.mark.parametrize(
    ("round_trip", "silent", "words"),
    [
        (0.0031, 0.1, "answers in 3 ms"),
        (0.0, 0.0, "answers in 1 ms"),
        (1.2, 9.9, "answers in 1,200 ms"),
        (0.1, 10, "not heard for 10 s"),
    ],
)
def test_a_link_tells_its_round_trip_or_for_how_long_it_is_silent(round_trip: float, silent: float, words: str) -> None:
    """U1."""
    assert link_words(round_trip, silent) == words


def test_a_job_that_did_nothing_has_no_counts() -> None:
    """J7, U5: what it was about is its outcome and the reason."""
    nothing = JobFinished(job="settings", outcome=Outcome.NOTHING, reason="", seconds=0.0, items=0)
    skipped = JobFinished(job="settings", outcome=Outcome.SKIPPED, reason="it needs files", seconds=0.0, items=0)
    assert lines_of(nothing) == ["settings: nothing to do"]
    assert lines_of(skipped) == ["settings: skipped: it needs files"]
