"""What a run tells the world: the only thing between the run and the people watching it.

The same events drive the terminal screen, plain text, JSON lines and the log file.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from functools import lru_cache

import attrs

from pcswitcher.model.codec import JsonValue, from_json, to_json
from pcswitcher.model.errors import FormatError

SCHEMA = 1


class Level(IntEnum):
    """Six levels of a log line (requirement L1); the numbers fit Python's logging."""

    DEBUG = 10
    FULL = 15
    INFO = 20
    WARNING = 30
    ERROR = 40
    CRITICAL = 50


class Step(StrEnum):
    """The steps of a run, in order (design §3)."""

    CONNECT = "connect"
    DEPLOY = "deploy"
    LOCK = "lock"
    CHECK = "check"
    SNAPSHOT = "snapshot"
    CAPTURE = "capture"
    DIFF = "diff"
    REVIEW = "review"
    APPLY = "apply"
    VERIFY = "verify"
    POST_SNAPSHOT = "post-snapshot"
    RECORD = "record"


class Outcome(StrEnum):
    """How a job or a run ended."""

    DONE = "done"
    PARTIAL = "partial"
    SKIPPED = "skipped"
    FAILED = "failed"
    PENDING = "pending"
    NOTHING = "nothing to do"
    DECLINED = "declined"
    INTERRUPTED = "interrupted"


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


@attrs.frozen(kw_only=True)
class Event:
    """Something that happened, and when (UTC)."""

    time: datetime = attrs.field(factory=now)


@attrs.frozen(kw_only=True)
class RunStarted(Event):
    """A run begins: its label, both machines' names, our version."""

    run: str
    source: str
    target: str
    version: str
    dry_run: bool


@attrs.frozen(kw_only=True)
class StepStarted(Event):
    """A step of the run begins."""

    step: Step


@attrs.frozen(kw_only=True)
class StepFinished(Event):
    """A step of the run ended well after so many seconds."""

    step: Step
    seconds: float


@attrs.frozen(kw_only=True)
class Progress(Event):
    """How far a job is: ``done`` of ``total`` in ``unit`` (total 0: not known), and what it works on now."""

    job: str
    machine: str
    done: int
    total: int
    unit: str
    item: str = ""
    rate: float = 0.0
    """Units per second, over the last seconds; 0 when not known."""
    items: int = 0
    """Where ``unit`` is bytes: files or other items done so far, of ``items_total`` (0: not counted)."""
    items_total: int = 0


@attrs.frozen(kw_only=True)
class LogLine(Event):
    """One line of the log, from any job on either machine. Fields are plain, secrets never reach here."""

    level: Level
    message: str
    machine: str = ""
    job: str = ""
    fields: dict[str, str] = attrs.field(factory=dict[str, str])


@attrs.frozen(kw_only=True)
class PlanLine(Event):
    """One line of the plan in words, per job: how many of what, how much."""

    job: str
    title: str
    summary: tuple[str, ...]
    removals: tuple[str, ...]
    """Paths or names that would be removed, escaped."""
    conflicts: tuple[str, ...] = ()
    """What the target changed itself, item by item, with what it changed."""
    marked: int = 0
    """Items that differ and are left alone because they are machine-specific."""
    warnings: tuple[str, ...]


@attrs.frozen(kw_only=True)
class JobStarted(Event):
    """A job begins to apply its changes: ``items`` of them, ``size`` bytes to move."""

    job: str
    title: str
    items: int
    size: int
    summary: tuple[str, ...] = ()
    """What it will do, in words: the plan without what was decided to stay."""


@attrs.frozen(kw_only=True)
class JobFinished(Event):
    """A job ended: how, why, how long, how many items."""

    job: str
    outcome: Outcome
    reason: str
    seconds: float
    items: int


@attrs.frozen(kw_only=True)
class RunFinished(Event):
    """The last event: how the run ended, what the person should know, the exit code."""

    run: str
    outcome: Outcome
    exit_code: int
    message: str
    hint: str = ""
    seconds: float = 0.0


@attrs.frozen(kw_only=True)
class LinkHealth(Event):
    """How the connection to a machine is: seconds of the last round trip, seconds since it was last heard."""

    machine: str
    round_trip: float
    silent: float


@attrs.frozen(kw_only=True)
class FreeSpace(Event):
    """How much room a filesystem of a machine has, in bytes. ``path``: one of the synced trees on it, escaped."""

    machine: str
    path: str
    free: int
    total: int


@attrs.frozen(kw_only=True)
class Stalled(Event):
    """A job that makes no progress since so many seconds, and what it waits for, as far as that is known."""

    job: str
    machine: str
    seconds: float
    cause: str


def event_name(event: Event) -> str:
    """The event's type as JSON lines call it: ``StepStarted`` → ``step-started``."""
    return _kind_name(type(event))


def _kind_name(kind: type[Event]) -> str:
    return "".join("-" + letter.lower() if letter.isupper() else letter for letter in kind.__name__).lstrip("-")


@lru_cache(maxsize=1)
def event_types() -> dict[str, type[Event]]:
    """Every type of event by its name in JSON lines."""
    return {_kind_name(kind): kind for kind in Event.__subclasses__()}


def event_to_json(event: Event) -> dict[str, JsonValue]:
    """An event as one JSON object with ``type`` and ``schema`` first."""
    data = to_json(event)
    if not isinstance(data, dict):
        raise TypeError("an event is an object")
    if isinstance(event, LogLine):
        data["level"] = event.level.name
    return {"type": event_name(event), "schema": SCHEMA, **data}


def event_from_json(data: dict[str, JsonValue]) -> Event:
    """The event a JSON line tells of; what it leaves out is at its default. Raises FormatError for anything else."""
    values = {name: value for name, value in data.items() if name not in {"type", "schema"}}
    kind = event_types().get(str(data.get("type")))
    if kind is None:
        raise FormatError("an unknown type of event")
    if kind is LogLine:
        name = str(values.get("level"))
        if name not in Level.__members__:
            raise FormatError("a log line of an unknown level")
        values["level"] = int(Level[name])
    return from_json(kind, values)
