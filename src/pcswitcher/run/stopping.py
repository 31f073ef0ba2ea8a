"""Stopping a run from within: a CRITICAL line, a disk that gets full; and what must not be stopped half-way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from pcswitcher.model.errors import InterruptedRunError, PcSwitcherError, StoppedRunError
from pcswitcher.model.events import Event, Level, LogLine
from pcswitcher.run.bus import Bus
from pcswitcher.run.graph import reason_of

T = TypeVar("T")


class Stopper:
    """A Sink that stops the task of a run, as a person's Ctrl-C does, when a job tells that it must not go on (J5)."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._task: asyncio.Task[object] | None = None
        self._cause: PcSwitcherError | None = None
        self._is_failure_told = False

    def begin(self) -> None:
        """From now on the current task may be stopped."""
        self._task = asyncio.current_task()
        self._bus.add(self)

    def end(self) -> None:
        """From now on it may not: what is left is to write down how it went."""
        self._task = None

    @property
    def cause(self) -> PcSwitcherError:
        """Why the run was stopped: what was given to ``stop`` first, or else a person."""
        return self._cause or InterruptedRunError("the run was interrupted", "start the same command again")

    def stop(self, error: PcSwitcherError) -> None:
        """Stop the run at its next safe point; it ends with the first ``error``."""
        # Not twice: a second cancellation would end the cleaning that the first one began.
        if self._cause is None and self._task is not None and not self._task.cancelling():
            self._cause = error
            self._task.cancel()

    def take(self, event: Event) -> None:
        """See Sink. A CRITICAL line of whatever runs for a job, here or on a machine, stops the run."""
        if isinstance(event, LogLine) and event.level >= Level.CRITICAL and not self._is_failure_told:
            self.stop(StoppedRunError(f"{event.machine}: {event.message}", "see pc-switcher logs last"))

    def tell_failure(self, job: str, machine: str, error: Exception) -> None:
        """Tell of a job that raised, CRITICAL and with its cause. It fails alone: the others may finish."""
        self._is_failure_told = True
        try:
            self._bus.log(Level.CRITICAL, f"{type(error).__name__}: {reason_of(error)}", machine, job)
        finally:
            self._is_failure_told = False


async def uninterrupted(work: Awaitable[T]) -> T:
    """Await ``work`` to its end, even when this task is told to stop meanwhile."""
    task = asyncio.ensure_future(work)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
    return task.result()
