"""What libraries log."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable

import pytest

from pcswitcher.machine import probe
from pcswitcher.machine.api import AgentLog
from pcswitcher.machine.libraries import lines_of, route_libraries
from pcswitcher.machine.session import open_local
from pcswitcher.machine.sudo import ask_nobody
from pcswitcher.machine.trace import LogRoute
from pcswitcher.model.events import Level


def record(level: int, message: str = "words", *, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("asyncio", level, __file__, 1, message, None, info)


@pytest.mark.parametrize(
    ("number", "level"),
    [
        (5, Level.DEBUG),
        (logging.DEBUG, Level.DEBUG),
        (17, Level.FULL),
        (logging.INFO, Level.INFO),
        (logging.WARNING, Level.WARNING),
        (logging.ERROR, Level.ERROR),
        (logging.CRITICAL, Level.ERROR),
        (99, Level.ERROR),
    ],
)
def test_a_librarys_level_is_the_nearest_below_and_never_one_that_ends_the_run(number: int, level: Level) -> None:
    """L2, J5."""
    assert lines_of(record(number)) == [AgentLog(level=level, message="words", fields={"library": "asyncio"})]


def test_an_exception_is_named_and_its_trace_is_a_line_at_debug() -> None:
    """L1, L2."""
    try:
        int("odd")
    except ValueError:
        error = sys.exception()
    told, trace = lines_of(record(logging.ERROR, error=error))
    assert told.fields == {"library": "asyncio", "error": "ValueError: invalid literal for int() with base 10: 'odd'"}
    assert trace.level is Level.DEBUG
    assert "test_libraries.py" in trace.fields["trace"]


def test_words_whose_arguments_do_not_fit_are_told_as_they_are() -> None:
    """L2."""
    odd = logging.LogRecord("x", logging.WARNING, __file__, 1, "%d of %d", ("no number",), None)
    assert lines_of(odd)[0].message == "%d of %d"


def test_a_listener_that_fails_ends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """L5: and nothing is printed into the screen."""

    def fail(_: AgentLog) -> None:
        raise RuntimeError("no")

    with route_libraries(fail, Level.INFO):
        logging.getLogger("x").warning("words")
    captured = capsys.readouterr()
    assert captured.err + captured.out == ""


@pytest.mark.root
@pytest.mark.usefixtures("root")
@pytest.mark.timeout(60)
def test_what_libraries_log_in_an_agent_reaches_the_log_of_the_run() -> None:
    """L2, L3: from its level on, with the name of the PC; nothing is left on the agent's standard error."""
    heard: list[tuple[str, AgentLog]] = []

    def to(hostname: str) -> Callable[[AgentLog], None]:
        return lambda line: heard.append((hostname, line))

    async def run() -> str:
        route = LogRoute(to=to, least=Level.FULL, libraries=Level.INFO)
        machine = await open_local(ask_nobody, log=route)
        try:
            for level in (logging.DEBUG, logging.INFO, logging.CRITICAL):
                await machine.call(probe.complain, "some.library", level, f"at {level}")
            await machine.call(probe.echo, "", b"")
            return machine.name
        finally:
            await machine.close()

    name = asyncio.run(run())
    fields = {"library": "some.library"}
    assert heard == [
        (name, AgentLog(level=Level.INFO, message="at 20", fields=fields)),
        (name, AgentLog(level=Level.ERROR, message="at 50", fields=fields)),
    ]
