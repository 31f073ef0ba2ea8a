"""Ctrl-C, SIGTERM and a closed terminal: once stops in order, twice stops now."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Coroutine
from typing import TypeVar

from pcswitcher.model.errors import ExitCode
from pcswitcher.model.events import Level
from pcswitcher.run.bus import Bus

T = TypeVar("T")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def interruptible(work: Coroutine[object, object, T], bus: Bus, restore: Callable[[], None]) -> T:
    """Await ``work``. The first signal cancels it; the second ends this process at once.

    Ending at once is safe: the agents see their input close and end what they started. ``restore`` gives the
    terminal back before that.
    """
    task = asyncio.ensure_future(work)
    seen = 0

    def stop() -> None:
        nonlocal seen
        seen += 1
        if seen > 1:
            restore()
            os._exit(ExitCode.INTERRUPTED)
        # First, since telling may fail: a closed terminal sends SIGHUP and takes no words.
        task.cancel()
        with contextlib.suppress(OSError):
            bus.log(Level.WARNING, "stopping at the next safe point and cleaning up; press Ctrl-C again to stop now")

    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        return await task
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
