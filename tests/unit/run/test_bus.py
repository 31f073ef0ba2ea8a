"""The way of events."""

from __future__ import annotations

from pcswitcher.machine.api import AgentLog
from pcswitcher.model.events import Event, Level, LogLine, Step, StepStarted
from pcswitcher.run.bus import Bus


class Heard:
    """A Sink that remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def take(self, event: Event) -> None:
        self.events.append(event)


def test_every_sink_hears_every_event_in_order() -> None:
    """U2."""
    first, second = Heard(), Heard()
    bus = Bus(first)
    bus.tell(StepStarted(step=Step.CHECK))
    bus.add(second)
    bus.log(Level.INFO, "words", "vega", "files", free="3%")
    assert [type(event) for event in first.events] == [StepStarted, LogLine]
    assert second.events == first.events[1:]


def test_warnings_and_worse_are_remembered() -> None:
    """U5."""
    bus = Bus()
    for level in Level:
        bus.log(level, level.name)
    assert [line.message for line in bus.warnings] == ["WARNING", "ERROR", "CRITICAL"]


def test_a_line_from_an_agent_gets_its_machine() -> None:
    """L3."""
    heard = Heard()
    Bus(heard).agent_log("vega")(AgentLog(level=Level.FULL, message="snapshot", fields={"path": "/x"}))
    (line,) = heard.events
    assert isinstance(line, LogLine)
    assert (line.machine, line.level, line.message, line.fields) == ("vega", Level.FULL, "snapshot", {"path": "/x"})
