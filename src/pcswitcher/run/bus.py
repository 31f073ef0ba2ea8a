"""The way of every event from where it happens to every face and file."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import attrs

from pcswitcher.machine.api import AgentLog
from pcswitcher.machine.libraries import route_libraries
from pcswitcher.machine.trace import LogRoute
from pcswitcher.model.events import Event, Level, LogLine
from pcswitcher.model.secret import Secret, mask

AnyEvent = TypeVar("AnyEvent", bound=Event)


class Sink(Protocol):
    """Takes every event of a run, in order, in the event loop."""

    def take(self, event: Event) -> None:
        """Show or keep one event. Must not block."""
        ...


class Bus:
    """Hands every event to every sink, and remembers the warnings.

    ``level`` is the least level any of the sinks wants: log lines below it are not even made where that costs
    something (commands and their output). ``libraries`` is the one of what libraries log, on top of it. Passwords in
    addresses are masked here, for every face, file and program alike (``model.secret``).
    """

    def __init__(self, *sinks: Sink, level: Level = Level.FULL, libraries: Level = Level.WARNING) -> None:
        self.level = level
        self.warnings: list[LogLine] = []
        self.route = LogRoute(to=self.agent_log, least=level, libraries=max(level, libraries))
        """For the machines of the run."""
        self._sinks = list(sinks)

    def add(self, sink: Sink) -> None:
        """Let ``sink`` hear everything from now on."""
        self._sinks.append(sink)

    def tell(self, event: Event) -> None:
        """Hand on one event. A line below the least level is dropped; from WARNING on none is."""
        if isinstance(event, LogLine):
            if event.level < self.level and event.level < Level.WARNING:
                return
            event = masked(event)
            if event.level >= Level.WARNING:
                self.warnings.append(event)
        else:
            event = masked(event)
        for sink in self._sinks:
            sink.take(event)

    def log(self, level: Level, message: str, machine: str = "", job: str = "", **fields: str) -> None:
        """Write a line into the log."""
        self.tell(LogLine(level=level, message=message, machine=machine, job=job, fields=fields))

    def agent_log(self, machine: str, job: str = "") -> Callable[[AgentLog], None]:
        """A place for the log lines of ``machine``'s agent, or of one of its calls for ``job``."""

        def hear(line: AgentLog) -> None:
            self.tell(LogLine(level=line.level, message=line.message, machine=machine, job=job, fields=line.fields))

        return hear

    @contextmanager
    def hearing_libraries(self, machine: str) -> Generator[None]:
        """While this lasts, what libraries log in this process on ``machine`` is told; within a running event loop."""
        loop = asyncio.get_running_loop()
        hear = self.agent_log(machine)

        def tell(line: AgentLog) -> None:
            # From whatever thread; sinks live in the event loop, which may have ended by then.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(hear, line)

        with route_libraries(tell, self.route.libraries):
            yield


def masked(event: AnyEvent) -> AnyEvent:
    """An event with the passwords of all addresses in it masked, whatever field holds them."""
    if isinstance(event, LogLine) and not (event.fields or "@" in event.message + event.machine + event.job):
        return event  # most of the lines there are, and the only events that come in great numbers
    values = {field.name: getattr(event, field.name) for field in attrs.fields(type(event))}
    changes: dict[str, Any] = {name: shown for name, value in values.items() if (shown := _masked(value)) != value}
    return attrs.evolve(event, **changes) if changes else event


def _masked(value: object) -> object:
    match value:
        case str():
            return mask(value) if "@" in value else value
        case Secret():
            return str(value)
        case tuple() | list():
            return type(value)(_masked(each) for each in value)
        case dict():
            return {_masked(name): _masked(each) for name, each in value.items()}
        case _:
            return value
