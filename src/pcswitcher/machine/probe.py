"""Small exposed functions that show a connection works: for `doctor` and for the contract tests."""

from __future__ import annotations

import logging
import time

from pcswitcher.machine.api import Context, exposed
from pcswitcher.model.errors import ApplyError, CheckError
from pcswitcher.model.events import Level


@exposed
def echo(context: Context, text: str, name: bytes) -> tuple[str, bytes]:
    """Give back what was sent."""
    return text, name


@exposed
def count(context: Context, total: int) -> int:
    """Report progress from 0 to ``total`` and a log line at the end."""
    for done in range(total + 1):
        context.progress(done, total, "steps", b"step %d" % done)
    context.log(Level.INFO, "counted", total=str(total))
    return total


@exposed
def stream(context: Context, chunks: int, size: int) -> int:
    """Send ``chunks`` chunks of ``size`` bytes; gives the bytes sent. Measures a link."""
    chunk = bytes(size)
    for _ in range(chunks):
        context.send(chunk)
    return chunks * size


@exposed
def refuse(context: Context, message: str, hint: str) -> None:
    """Raise one of our own errors."""
    raise CheckError(message, hint)


@exposed
def crash(context: Context, message: str) -> None:
    """Raise an error nobody foresaw."""
    raise ZeroDivisionError(message)


@exposed
def wait(context: Context, seconds: float) -> None:
    """Do nothing for so long, or until cancelled. Raises ApplyError when the time is up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        context.check_cancelled()
        time.sleep(0.01)
    raise ApplyError("nobody cancelled the wait")


@exposed
def complain(context: Context, library: str, level: int, message: str) -> None:
    """Log through Python's ``logging``, as a library does."""
    logging.getLogger(library).log(level, message)
