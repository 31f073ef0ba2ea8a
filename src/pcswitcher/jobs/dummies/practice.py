"""Taking time on a machine: what a dummy says at which moment, and the function that says it there."""

from __future__ import annotations

import contextlib
import math
import time

import attrs

from pcswitcher.jobs.api import Context, Level, PcSwitcherError, exposed

TICK = 0.1
"""Seconds between two looks at the clock."""
WARNING_AT = 0.3
"""The share of its time after which ``dummy_success`` warns, on each machine."""
ERROR_AT = 0.6
"""The same for its error."""


@attrs.frozen(kw_only=True)
class Line:
    """A line for the log, so many seconds after the beginning."""

    after: float
    level: Level
    message: str


def beginning(seconds: float) -> Line:
    """What every dummy says first."""
    return Line(after=0, level=Level.INFO, message=f"takes {seconds:g} s here")


def everyday_lines(seconds: float) -> tuple[Line, ...]:
    """What goes wrong in a job that succeeds."""
    return (
        Line(after=seconds * WARNING_AT, level=Level.WARNING, message="a warning, on purpose"),
        Line(after=seconds * ERROR_AT, level=Level.ERROR, message="an error, on purpose; the job goes on"),
    )


@exposed
def practise(context: Context, seconds: float, lines: tuple[Line, ...], stubborn: bool) -> None:  # noqa: FBT001 - it is a message
    """Take so many seconds, tell how far it is, and say each line in its time.

    ``stubborn``: go on to the end when the caller wants no answer any more. A line after the end is never said.
    """
    began = time.monotonic()
    waiting = sorted(lines, key=_moment)
    while True:
        passed = min(time.monotonic() - began, seconds)
        with contextlib.suppress(PcSwitcherError) if stubborn else contextlib.nullcontext():
            context.check_cancelled()
            while waiting and waiting[0].after <= passed:
                line = waiting.pop(0)
                context.log(line.level, line.message)
            context.progress(int(passed), math.ceil(seconds), "seconds")
        if passed >= seconds:
            return
        time.sleep(min(TICK, seconds - passed))


def _moment(line: Line) -> float:
    return line.after
