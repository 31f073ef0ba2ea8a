"""Ctrl-C, SIGTERM and a closed terminal: once stops in order, twice stops now."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import TypeVar

from pcswitcher.model.errors import ExitCode
from pcswitcher.model.events import Level
from pcswitcher.run.bus import Bus

T = TypeVar("T")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOPPING = "stopping at the next safe point and cleaning up; press Ctrl-C again to stop now"


def _heard_by_nobody(_: signal.Signals) -> None:
    """Nobody wants to know of the first signal."""


async def interruptible(
    work: Coroutine[object, object, T],
    bus: Bus,
    restore: Callable[[], None],
    hear: Callable[[signal.Signals], None] = _heard_by_nobody,
) -> T:
    """Await ``work``. The first signal cancels it and is handed to ``hear``; the second ends this process at once.

    Ending at once is safe: the agents see their input close and end what they started. ``restore`` gives the
    terminal back before that. The handlers are Python's own, not the event loop's: the second signal must work
    while the loop is busy. What was ignored before stays ignored: that is what nohup(1) asks for.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    seen = 0

    def stop_in_order(number: signal.Signals) -> None:
        # First, since telling may fail: a closed terminal sends SIGHUP and takes no words.
        task.cancel()
        with contextlib.suppress(OSError):
            hear(number)
            bus.log(Level.WARNING, STOPPING)

    def handle(number: int, _: FrameType | None) -> None:
        nonlocal seen
        seen += 1
        if seen > 1:
            restore()
            os._exit(ExitCode.INTERRUPTED)
        loop.call_soon_threadsafe(stop_in_order, signal.Signals(number))

    before = {number: signal.getsignal(number) for number in SIGNALS}
    heard = [number for number in SIGNALS if before[number] is not signal.SIG_IGN]
    for number in heard:
        signal.signal(number, handle)
    try:
        return await task
    finally:
        for number in heard:
            signal.signal(number, before[number])
