"""What libraries log through Python's ``logging``, brought into the run's log."""

from __future__ import annotations

import contextlib
import logging
import traceback
from collections.abc import Generator
from contextlib import contextmanager

from pcswitcher.machine.api import AgentLog
from pcswitcher.machine.trace import LogSink
from pcswitcher.model.events import Level


@contextmanager
def route_libraries(tell: LogSink, least: Level) -> Generator[None]:
    """While this lasts, what any library logs at ``least`` or above goes to ``tell``, from whatever thread.

    Without it Python would print warnings on standard error, in the middle of a screen or of an agent's last words.
    """
    logger = logging.getLogger()
    handler = _Handler(tell)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(int(least))
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


class _Handler(logging.Handler):
    def __init__(self, tell: LogSink) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Hand on a record; the trace of its exception, if it has one, in a line of its own at DEBUG."""
        with contextlib.suppress(Exception):  # a library's words must never end what it was doing
            for line in lines_of(record):
                self._tell(line)


def lines_of(record: logging.LogRecord) -> list[AgentLog]:
    """A library's record as lines of the log. A library cannot stop a run, so nothing it says is CRITICAL."""
    level = max((each for each in Level if each <= record.levelno), default=Level.DEBUG)
    fields = {"library": record.name}
    try:
        message = record.getMessage()
    except (TypeError, ValueError, KeyError):  # arguments that do not fit its words
        message = str(record.msg)
    lines = [AgentLog(level=min(level, Level.ERROR), message=message, fields=fields)]
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        fields["error"] = "".join(traceback.format_exception_only(error)).strip()
        trace = "".join(traceback.format_exception(error)).strip()
        lines.append(AgentLog(level=Level.DEBUG, message="where that happened", fields={**fields, "trace": trace}))
    return lines
