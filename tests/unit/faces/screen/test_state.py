"""What events amount to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pcswitcher.faces.screen.state import LINES_KEPT, RunState, StepStatus
from pcswitcher.model.events import (
    Event,
    JobFinished,
    JobStarted,
    Level,
    LogLine,
    Outcome,
    Progress,
    RunFinished,
    RunStarted,
    Stalled,
    Step,
    StepFinished,
    StepStarted,
)

TIME = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)


def state_of(*events: Event) -> RunState:
    state = RunState()
    for event in events:
        state.take(event)
    return state


def progress(done: int, machine: str = "vega", seconds: float = 0) -> Progress:
    time = TIME + timedelta(seconds=seconds)
    return Progress(time=time, job="files", machine=machine, done=done, total=9, unit="paths")


STARTED = RunStarted(run="1", source="atlas", target="vega", version="1", dry_run=False)
ENDED = JobFinished(job="files", outcome=Outcome.DONE, reason="", seconds=1, items=1)


def test_every_event_changes_something(each_event: Event) -> None:
    """U2."""
    assert state_of(each_event).version == 1


def test_a_step_waits_runs_and_is_done() -> None:
    """U1."""
    state = state_of(
        StepStarted(step=Step.CONNECT), StepFinished(step=Step.CONNECT, seconds=2), StepStarted(step=Step.LOCK)
    )
    assert [state.steps[step].status for step in (Step.CONNECT, Step.LOCK, Step.APPLY)] == [
        StepStatus.DONE,
        StepStatus.RUNNING,
        StepStatus.WAITING,
    ]
    assert state.steps[Step.CONNECT].seconds == 2


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.FAILED, StepStatus.FAILED),
        (Outcome.PARTIAL, StepStatus.FAILED),
        (Outcome.INTERRUPTED, StepStatus.STOPPED),
        (Outcome.DECLINED, StepStatus.STOPPED),
    ],
)
def test_the_step_in_which_a_run_ends_badly_is_marked(outcome: Outcome, status: StepStatus) -> None:
    """U1."""
    end = RunFinished(time=TIME + timedelta(seconds=7), run="1", outcome=outcome, exit_code=1, message="")
    state = state_of(StepStarted(time=TIME, step=Step.APPLY), end)
    assert (state.steps[Step.APPLY].status, state.steps[Step.APPLY].seconds) == (status, 7)


def test_bars_go_with_their_step() -> None:
    assert state_of(StepStarted(step=Step.APPLY), progress(1)).activities
    assert not state_of(StepStarted(step=Step.APPLY), progress(1), StepStarted(step=Step.VERIFY)).activities


def test_a_job_has_a_bar_per_machine_and_keeps_the_one_on_the_target_when_it_ends() -> None:
    """U1, J7."""
    running = state_of(
        STARTED, JobStarted(job="files", title="Files", items=3, size=9), progress(1), progress(1, "atlas")
    )
    assert set(running.activities) == {("files", "vega"), ("files", "atlas")}
    running.take(ENDED)
    assert set(running.activities) == {("files", "vega")}
    assert running.activities["files", "vega"].finished == ENDED


def test_a_stall_lasts_until_there_is_progress() -> None:
    """U1: the same progress once more is none."""
    stall = Stalled(job="files", machine="vega", seconds=30, cause="the disk")
    state = state_of(progress(4), stall, progress(4))
    assert state.activities["files", "vega"].stalled == stall
    state.take(progress(5))
    assert state.activities["files", "vega"].stalled is None


def test_many_lines_of_a_low_level_push_out_none_of_a_higher_one() -> None:
    """L2."""
    lines = (LogLine(level=Level.FULL, message=str(number), machine="") for number in range(LINES_KEPT * 2))
    state = state_of(LogLine(level=Level.INFO, message="first", machine=""), *lines)
    texts = [entry.text for entry in state.entries(Level.FULL)]
    assert texts[:2] == ["first", str(LINES_KEPT)]
    assert len(texts) == LINES_KEPT + 1


def test_entries_come_in_their_order_and_only_the_new_ones() -> None:
    levels = [Level.INFO, Level.ERROR, Level.DEBUG, Level.INFO, Level.CRITICAL]
    state = state_of(*(LogLine(level=level, message="", machine="") for level in levels))
    assert [entry.number for entry in state.entries(Level.DEBUG)] == [0, 1, 2, 3, 4]
    assert [entry.number for entry in state.entries(Level.INFO, after=1)] == [3, 4]


def test_warnings_and_errors_are_kept_for_the_list() -> None:
    """U1."""
    state = state_of(*(LogLine(level=level, message=level.name, machine="") for level in Level))
    assert [line.message for line in state.warnings] == ["WARNING", "ERROR", "CRITICAL"]
