"""What the tests of the faces share: one event of every type."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

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

TIME = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
EVERY_EVENT: tuple[Event, ...] = (
    RunStarted(time=TIME, run="0042", source="atlas", target="vega", version="0.1.0", dry_run=False),
    StepStarted(time=TIME, step=Step.APPLY),
    LogLine(time=TIME, level=Level.WARNING, message="little room", machine="vega", job="files", fields={"free": "3%"}),
    Progress(
        time=TIME, job="files", machine="vega", done=1024, total=4096, unit="bytes", rate=512.0, items=1, items_total=7
    ),
    PlanLine(
        time=TIME,
        job="files",
        title="Files",
        summary=("3 new (12 B)", "1 removed"),
        removals=("/home/sam/old",),
        warnings=(),
    ),
    JobFinished(time=TIME, job="files", outcome=Outcome.PARTIAL, reason="1 item stayed", seconds=2.5, items=3),
    StepFinished(time=TIME, step=Step.APPLY, seconds=2.6),
    RunFinished(
        time=TIME,
        run="0042",
        outcome=Outcome.PARTIAL,
        exit_code=3,
        message="3 changes made",
        hint="mend it",
        seconds=9.0,
    ),
)


@pytest.fixture(name="every_event")
def every_event_fixture() -> tuple[Event, ...]:
    """One event of every type there is."""
    assert {type(event) for event in EVERY_EVENT} == set(Event.__subclasses__())
    return EVERY_EVENT
