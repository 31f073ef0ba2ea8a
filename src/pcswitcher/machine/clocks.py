"""The clocks of a machine, read so that a sleep and a clock that was set can be told.

Decisions never compare the clocks of two machines; that they are apart is only worth a warning.
"""

from __future__ import annotations

import time

import attrs

from pcswitcher.machine.api import Context, exposed

LEAST_JUMP = 2.0
"""Seconds; below it is the ordinary work of a time service."""


@attrs.frozen(kw_only=True)
class Clocks:
    """One reading of the clocks of clock_gettime(2), in seconds."""

    wall: float
    """CLOCK_REALTIME: since 1970, UTC."""
    awake: float
    """CLOCK_MONOTONIC: it stands still while the machine sleeps."""
    running: float
    """CLOCK_BOOTTIME: it goes on while the machine sleeps."""


@exposed
def read_clocks(context: Context) -> Clocks:
    """Read the clocks of this machine."""
    return clocks_here()


def clocks_here() -> Clocks:
    """Read the clocks of this machine."""
    return Clocks(
        wall=time.time(),
        awake=time.clock_gettime(time.CLOCK_MONOTONIC),
        running=time.clock_gettime(time.CLOCK_BOOTTIME),
    )


def slept(before: Clocks, after: Clocks) -> float:
    """Seconds one machine slept between two readings of its clocks."""
    return (after.running - before.running) - (after.awake - before.awake)


def clock_was_set(before: Clocks, after: Clocks) -> float:
    """Seconds by which one machine's time of day was set forward (negative: back) between two readings."""
    return (after.wall - before.wall) - (after.running - before.running)


def jumps(name: str, before: Clocks, after: Clocks) -> tuple[str, ...]:
    """Say what happened to the clocks of the machine ``name`` between two readings; nothing: nothing did."""
    said: list[str] = []
    asleep = slept(before, after)
    if asleep >= LEAST_JUMP:
        said.append(f"{name} slept for {seconds_words(asleep)}")
    jump = clock_was_set(before, after)
    if abs(jump) >= LEAST_JUMP:
        said.append(f"the clock of {name} was set {seconds_words(abs(jump))} {'ahead' if jump > 0 else 'back'}")
    return tuple(said)


def seconds_words(seconds: float) -> str:
    """A stretch of time as people say it: ``40 s``, ``5 min``, ``3.5 h``, ``2.1 days``."""
    for size, unit in ((86400, "days"), (3600, "h")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"
