"""The way of every event from where it happens to every face and file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pcswitcher.machine.api import AgentLog
from pcswitcher.model.events import Event, Level, LogLine


class Sink(Protocol):
    """Takes every event of a run, in order, in the event loop."""

    def take(self, event: Event) -> None:
        """Show or keep one event. Must not block."""
        ...


class Bus:
    """Hands every event to every sink, and remembers the warnings."""

    def __init__(self, *sinks: Sink) -> None:
        self._sinks = list(sinks)
        self.warnings: list[LogLine] = []

    def add(self, sink: Sink) -> None:
        """Let ``sink`` hear everything from now on."""
        self._sinks.append(sink)

    def tell(self, event: Event) -> None:
        """Hand on one event."""
        if isinstance(event, LogLine) and event.level >= Level.WARNING:
            self.warnings.append(event)
        for sink in self._sinks:
            sink.take(event)

    def log(self, level: Level, message: str, machine: str = "", job: str = "", **fields: str) -> None:
        """Write a line into the log."""
        self.tell(LogLine(level=level, message=message, machine=machine, job=job, fields=fields))

    def agent_log(self, machine: str) -> Callable[[AgentLog], None]:
        """A place for the log lines of ``machine``'s agent."""

        def hear(line: AgentLog) -> None:
            self.tell(LogLine(level=line.level, message=line.message, machine=machine, fields=line.fields))

        return hear
