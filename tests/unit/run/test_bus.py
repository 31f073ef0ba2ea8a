"""The way of events, and what is taken out of them."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import typing
from datetime import datetime
from enum import Enum
from io import StringIO
from pathlib import Path
from urllib.parse import quote

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcswitcher.faces.json_lines import JsonFace
from pcswitcher.faces.plain import PlainFace
from pcswitcher.machine.api import AgentLog
from pcswitcher.model.events import Event, Level, LogLine, Step, StepStarted, event_types
from pcswitcher.model.secret import DOTS, Secret
from pcswitcher.run.bus import Bus, masked
from pcswitcher.run.log_file import LogFile


class Heard:
    """A Sink that remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def take(self, event: Event) -> None:
        self.events.append(event)

    @property
    def lines(self) -> list[LogLine]:
        return [event for event in self.events if isinstance(event, LogLine)]


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


def test_a_line_from_an_agent_gets_its_machine_and_job() -> None:
    """L3, J4."""
    heard = Heard()
    bus = Bus(heard)
    bus.agent_log("vega")(AgentLog(level=Level.FULL, message="snapshot", fields={"path": "/x"}))
    bus.agent_log("vega", "files")(AgentLog(level=Level.INFO, message="moved"))
    first, second = heard.lines
    assert (first.machine, first.job, first.level, first.fields) == ("vega", "", Level.FULL, {"path": "/x"})
    assert (second.machine, second.job, second.message) == ("vega", "files", "moved")


@pytest.mark.parametrize("least", list(Level))
def test_lines_below_the_least_level_go_nowhere_but_a_warning_always_does(least: Level) -> None:
    """L1, L2, U5."""
    heard = Heard()
    bus = Bus(heard, level=least)
    for level in Level:
        bus.log(level, "x")
    assert [line.level for line in heard.lines] == [each for each in Level if each >= min(least, Level.WARNING)]
    assert len(bus.warnings) == 3
    assert bus.route.least is least
    assert bus.route.libraries is max(least, Level.WARNING)


TEXT = st.text(max_size=12)
PASSWORDS = st.text(min_size=4, max_size=20).map(lambda text: "hush" + quote(text, safe=""))


def examples(shape: object) -> st.SearchStrategy[object]:
    """Values of the type of an event's field, each text with an address and its password in it."""
    origin, arguments = typing.get_origin(shape), typing.get_args(shape)
    if shape is str:
        return st.builds("{}https://sam:{}@vega/{}".format, TEXT.map(lambda text: text + " "), PASSWORDS, TEXT)
    if origin is tuple:
        assert arguments[1:] == (...,), f"{shape}: say here how it is masked"
        return st.lists(examples(arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(examples(arguments[0]), examples(arguments[1]), max_size=3)
    assert isinstance(shape, type)
    assert issubclass(shape, int | float | datetime | Enum), f"{shape}: is it masked?"
    return st.from_type(shape) if not issubclass(shape, int | float) or issubclass(shape, Enum) else st.just(shape(1))


def events() -> st.SearchStrategy[Event]:
    """Events of every type there is."""
    return st.one_of([st.builds(kind, **fields_of(kind)) for kind in event_types().values()])


def fields_of(kind: type[Event]) -> dict[str, st.SearchStrategy[object]]:
    return {name: examples(shape) for name, shape in typing.get_type_hints(kind).items() if name != "time"}


@given(events())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
def test_no_password_in_an_address_reaches_any_sink(tmp_path_factory: pytest.TempPathFactory, event: Event) -> None:
    """L3, promise 9: whatever the event and the field; screen, pipe, JSON and file alike."""
    folder: Path = tmp_path_factory.mktemp("log")
    log, plain, json_lines, heard = LogFile(folder / "a.jsonl", Level.DEBUG), StringIO(), StringIO(), Heard()
    bus = Bus(log, PlainFace(plain), JsonFace(json_lines), heard, level=Level.DEBUG)
    bus.tell(event)
    log.close()
    told = [plain.getvalue(), json_lines.getvalue(), log.path.read_text("ascii"), repr(heard.events)]
    assert heard.events
    assert not [text for text in told if "hush" in text]


def test_a_secret_that_is_told_by_mistake_is_dots() -> None:
    """L3, promise 9: by its type, wherever it turns up."""
    heard = Heard()
    bus = Bus(heard)
    secret = Secret("hunter2")
    bus.log(Level.INFO, f"with {secret}", password=secret)  # type: ignore[arg-type]
    (line,) = heard.lines
    assert (line.message, line.fields) == (f"with {DOTS}", {"password": DOTS})
    assert json.dumps(attrs.asdict(line), default=str)


def test_an_event_without_anything_to_hide_stays_the_same_object() -> None:
    """L5: nothing is copied for nothing."""
    for event in (
        LogLine(level=Level.FULL, message="add /home/sam/x"),
        LogLine(level=Level.FULL, message="add /home/sam/@types/x", fields={"a": "b@c"}),
        StepStarted(step=Step.APPLY),
    ):
        assert masked(event) is event


def test_what_libraries_log_is_told_from_any_thread() -> None:
    """L2: as a line of this PC, with the library's name; afterwards nothing of it is left."""
    heard = Heard()
    bus = Bus(heard, libraries=Level.INFO)

    async def run() -> None:
        logger = logging.getLogger("textual.something")
        with bus.hearing_libraries("atlas"):
            logger.info("from %s", "here")
            logger.debug("too low")
            thread = threading.Thread(target=logger.critical, args=("https://sam:hush@vega/",))
            thread.start()
            await asyncio.to_thread(thread.join)
            await asyncio.sleep(0)
        logging.getLogger("textual").debug("after")

    before = logging.getLogger().handlers[:], logging.getLogger().level
    asyncio.run(run())
    assert (logging.getLogger().handlers, logging.getLogger().level) == before
    assert [(line.level, line.message, line.machine, line.fields["library"]) for line in heard.lines] == [
        (Level.INFO, "from here", "atlas", "textual.something"),
        (Level.ERROR, f"https://{DOTS}@vega/", "atlas", "textual.something"),
    ]
