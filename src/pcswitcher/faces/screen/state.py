"""What the events of a run so far amount to: what the screen shows, without a screen.

All moments are the events' own, so the same events always give the same state.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import Enum, auto
from operator import attrgetter

import attrs

from pcswitcher.faces.screen.pace import Pace
from pcswitcher.faces.words import lines_of, log_words
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

LINES_KEPT = 2000
"""Of each level: a run that logs every file must not push out what matters. The log file has all."""
GOOD = frozenset({Outcome.DONE, Outcome.NOTHING, Outcome.PENDING})


class StepStatus(Enum):
    """How far a step is."""

    WAITING = auto()
    RUNNING = auto()
    DONE = auto()
    FAILED = auto()
    STOPPED = auto()


@attrs.define
class StepState:
    """A step of the run: how far, since when, how long it took (seconds)."""

    status: StepStatus = StepStatus.WAITING
    started: datetime | None = None
    seconds: float = 0.0


@attrs.define(kw_only=True)
class Activity:
    """What a job does on a machine in the step that runs."""

    job: str
    machine: str
    began: datetime
    items: int = 0
    """What it began with, as ``JobStarted`` told."""
    size: int = 0
    progress: Progress | None = None
    pace: Pace = attrs.field(factory=Pace)
    stalled: Stalled | None = None
    finished: JobFinished | None = None

    @property
    def name(self) -> str:
        """Which job and where."""
        return f"{self.job} on {self.machine}" if self.machine else self.job


@attrs.frozen
class Entry:
    """A line of the log pane."""

    number: int
    time: datetime
    level: Level
    said: LogLine | str

    @property
    def text(self) -> str:
        """One line, safe for a terminal. Made only when it is shown: of a hundred thousand lines, few are."""
        return log_words(self.said) if isinstance(self.said, LogLine) else self.said


class RunState:
    """Folds events, one after the other. ``version`` grows with every change."""

    def __init__(self) -> None:
        self.version = 0
        self.run: RunStarted | None = None
        self.steps = {step: StepState() for step in Step}
        self.activities: dict[tuple[str, str], Activity] = {}
        self.links: dict[str, LinkHealth] = {}
        self.spaces: dict[tuple[str, str], FreeSpace] = {}
        self.warnings: list[LogLine] = []
        self.finished: RunFinished | None = None
        self.stopping = False
        """Whether a person asked to stop."""
        self._entries: dict[Level, deque[Entry]] = {level: deque(maxlen=LINES_KEPT) for level in Level}
        self._count = 0

    def take(self, event: Event) -> None:
        """Take what happened."""
        self.version += 1
        match event:
            case RunStarted():
                self.run = event
                self._say(event, Level.INFO)
            case StepStarted() | StepFinished():
                self._take_step(event)
            case LogLine():
                if event.level >= Level.WARNING:
                    self.warnings.append(event)
                self._enter(event.time, event.level, event)
            case PlanLine():
                self._say(event, Level.INFO)
            case LinkHealth():
                self.links[event.machine] = event
            case FreeSpace():
                self.spaces[event.machine, event.path] = event
            case RunFinished():
                self._take_end(event)
            case _:
                self._take_activity(event)

    def stop(self) -> None:
        """A person asked to stop."""
        self.version += 1
        self.stopping = True

    @property
    def machines(self) -> tuple[str, ...]:
        """The machines of the run: the source, the target, then whoever else was heard of."""
        known = dict.fromkeys([self.run.source, self.run.target] if self.run else [])
        return tuple(known | dict.fromkeys([*self.links, *(machine for machine, _ in self.spaces)]))

    def entries(self, level: Level, after: int = -1) -> Sequence[Entry]:
        """The log's lines from ``level`` on, oldest first: the last ones, without those up to number ``after``."""
        kept = [self._newer(each, after) for each in Level if each >= level]
        return list(heapq.merge(*kept, key=attrgetter("number")))

    def _newer(self, level: Level, after: int) -> Iterator[Entry]:
        newest_first = reversed(self._entries[level])
        found: list[Entry] = []
        for entry in newest_first:
            if entry.number <= after:
                break
            found.append(entry)
        return reversed(found)

    def _enter(self, time: datetime, level: Level, said: LogLine | str) -> None:
        self._entries[level].append(Entry(self._count, time, level, said))
        self._count += 1

    def _say(self, event: Event, level: Level) -> None:
        for line in lines_of(event):
            self._enter(event.time, level, line)

    def _take_step(self, event: StepStarted | StepFinished) -> None:
        state = self.steps[event.step]
        if isinstance(event, StepStarted):
            state.status, state.started = StepStatus.RUNNING, event.time
            self.activities.clear()
        else:
            state.status, state.seconds = StepStatus.DONE, event.seconds

    def _take_end(self, event: RunFinished) -> None:
        self.finished = event
        self.activities.clear()
        stopped = event.outcome in {Outcome.INTERRUPTED, Outcome.DECLINED, Outcome.PENDING}
        for state in self.steps.values():
            if state.status is StepStatus.RUNNING:
                state.status = StepStatus.STOPPED if stopped else StepStatus.FAILED
                state.seconds = (event.time - state.started).total_seconds() if state.started else 0.0
        self._say(event, Level.INFO if event.outcome in GOOD else Level.ERROR)

    def _take_activity(self, event: Event) -> None:
        match event:
            case JobStarted():
                activity = self._activity(event.job, self.run.target if self.run else "", event.time)
                activity.items, activity.size = event.items, event.size
            case Progress():
                activity = self._activity(event.job, event.machine, event.time)
                if activity.stalled and (activity.progress is None or event.done > activity.progress.done):
                    activity.stalled = None
                activity.progress = event
                activity.pace.add(event.time.timestamp(), event.done)
            case Stalled():
                self._activity(event.job, event.machine, event.time).stalled = event
                self._say(event, Level.FULL)
            case JobFinished():
                self._finish(event)
            case _:
                pass

    def _finish(self, event: JobFinished) -> None:
        """Its bars end; the one on the target stays, to tell how it went."""
        self._say(event, Level.INFO if event.outcome in GOOD | {Outcome.SKIPPED} else Level.ERROR)
        target = self.run.target if self.run else ""
        for key in [key for key in self.activities if key[0] == event.job and key[1] != target]:
            del self.activities[key]
        activity = self._activity(event.job, target, event.time)
        activity.finished, activity.stalled = event, None

    def _activity(self, job: str, machine: str, time: datetime) -> Activity:
        return self.activities.setdefault((job, machine), Activity(job=job, machine=machine, began=time))
