"""What the tests of the faces share: one event of every type there is, found by looking."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import attrs
import pytest

from pcswitcher.model.events import (
    Event,
    FreeSpace,
    JobFinished,
    JobStarted,
    Level,
    LinkHealth,
    LogLine,
    Outcome,
    PlanLine,
    Progress,
    RunFinished,
    RunStarted,
    Stalled,
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
        conflicts=("/home/sam/notes: its content",),
        marked=2,
        warnings=("unusually many",),
    ),
    JobStarted(time=TIME, job="files", title="Files", items=3, size=4096),
    Stalled(time=TIME, job="files", machine="vega", seconds=31, cause="vega writes to its disk"),
    LinkHealth(time=TIME, machine="vega", round_trip=0.25, silent=12.0),
    FreeSpace(time=TIME, machine="vega", path="/home", free=1024, total=102_400),
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


def event_types(base: type[Event] = Event) -> set[type[Event]]:
    """Every type of event, also of types below types."""
    return {kind for each in base.__subclasses__() for kind in (each, *event_types(each))}


@pytest.fixture(name="every_event")
def every_event_fixture() -> tuple[Event, ...]:
    """One event of every type there is. A new type fails here until it is put above, and then until it has words."""
    assert {type(event) for event in EVERY_EVENT} == event_types()
    return EVERY_EVENT


@pytest.fixture(params=EVERY_EVENT, ids=lambda event: type(event).__name__)
def each_event(request: pytest.FixtureRequest) -> Event:
    """The same, one after the other."""
    event: Event = request.param
    return event


def spoiled(event: Event, text: str) -> Event:
    """The event with ``text`` in every field that holds text, wherever it holds it."""

    def spoil(value: object) -> object:
        match value:
            case str() if type(value) is str:
                return text
            case tuple():
                return tuple(map(spoil, value)) or (text,)
            case dict():
                return {"key": text}
            case _:
                return value

    return attrs.evolve(event, **{each.name: spoil(getattr(event, each.name)) for each in attrs.fields(type(event))})


@pytest.fixture
def spoil() -> Callable[[Event, str], Event]:
    """Puts hostile text into every field of an event."""
    return spoiled
