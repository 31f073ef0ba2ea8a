"""Events as JSON lines: named, versioned, in UTC."""

from __future__ import annotations

import json
from datetime import UTC, timedelta

import pytest

from pcswitcher.model.codec import dump_plain
from pcswitcher.model.events import (
    SCHEMA,
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
    event_name,
    event_to_json,
    now,
)

EVENTS: dict[str, Event] = {
    "run-started": RunStarted(run="0001", source="atlas", target="vega", version="1", dry_run=False),
    "step-started": StepStarted(step=Step.CONNECT),
    "step-finished": StepFinished(step=Step.POST_SNAPSHOT, seconds=0.5),
    "progress": Progress(job="files", machine="vega", done=1, total=2, unit="bytes"),
    "log-line": LogLine(level=Level.FULL, message="x", machine="vega", fields={"a": "b"}),
    "plan-line": PlanLine(job="files", title="Files", summary=("1 file",), removals=("a\\nb",), warnings=()),
    "job-started": JobStarted(job="files", title="Files", items=3, size=7),
    "link-health": LinkHealth(machine="vega", round_trip=0.01, silent=0.5),
    "free-space": FreeSpace(machine="vega", path="/home", free=1, total=2),
    "stalled": Stalled(job="files", machine="vega", seconds=12.0, cause="vega is silent"),
    "job-finished": JobFinished(job="files", outcome=Outcome.DONE, reason="", seconds=1.0, items=3),
    "run-finished": RunFinished(run="0001", outcome=Outcome.FAILED, exit_code=12, message="no"),
}


@pytest.mark.parametrize(("name", "event"), EVENTS.items(), ids=list(EVENTS))
def test_an_event_is_one_named_object_of_the_schema(name: str, event: Event) -> None:
    data = event_to_json(event)
    assert list(data)[:2] == ["type", "schema"]
    assert (data["type"], data["schema"]) == (name, SCHEMA)
    assert event_name(event) == name
    assert json.loads(dump_plain(data)) == data


def test_every_event_is_in_this_list() -> None:
    assert {type(event) for event in EVENTS.values()} == set(Event.__subclasses__())


def test_levels_go_by_name_and_keep_their_order() -> None:
    assert event_to_json(EVENTS["log-line"])["level"] == "FULL"
    assert sorted(Level) == [Level.DEBUG, Level.FULL, Level.INFO, Level.WARNING, Level.ERROR, Level.CRITICAL]


def test_moments_are_in_utc() -> None:
    assert now().tzinfo is UTC
    assert now().utcoffset() == timedelta(0)
    assert str(event_to_json(EVENTS["step-started"])["time"]).endswith("+00:00")
