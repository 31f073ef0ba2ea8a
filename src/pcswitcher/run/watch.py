"""What is watched beside a run: its jobs' progress, the links, the clocks. Nothing here can fail the run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import attrs

from pcswitcher.machine.clocks import jumps, read_clocks, seconds_words
from pcswitcher.machine.connection import AgentMachine
from pcswitcher.model.events import Event, JobFinished, JobStarted, Level, LinkHealth, Progress, Stalled
from pcswitcher.run.bus import Bus
from pcswitcher.run.disk import DiskWatch

LINK_INTERVAL = 2.0
"""Seconds between two looks at the links and at the jobs."""
CLOCK_INTERVAL = 5.0
STALL = 10.0
"""Seconds without progress that are told as a stall, and again after as many more."""
SILENCE = 7.5
"""Seconds without a word from a machine that are not usual any more: it is asked for one every 5."""


@attrs.define
class _Running:
    moved_at: float
    told_at: float
    position: tuple[object, ...] = ()
    machine: str = ""
    item: str = ""


class StallWatch:
    """Sees the events of a run and tells which running jobs make no progress. ``clock``: seconds, only forward."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._running: dict[str, _Running] = {}

    def take(self, event: Event) -> None:
        """Be a Sink of the run's events."""
        match event:
            case JobStarted(job=job):
                self._running[job] = _Running(self._clock(), self._clock())
            case JobFinished(job=job):
                self._running.pop(job, None)
            case Progress(job=job) if job in self._running:
                self._move(self._running[job], event)
            case _:
                pass

    def _move(self, running: _Running, event: Progress) -> None:
        position = (event.machine, event.done, event.items, event.unit, event.item)
        running.machine, running.item = event.machine, event.item
        if position != running.position:  # a program that repeats where it is does not get on
            running.position = position
            running.moved_at = running.told_at = self._clock()

    def stalled(self, cause: Callable[[str, str], str]) -> tuple[Stalled, ...]:
        """The jobs to be told about now; ``cause`` says why, given the machine and the item last heard of."""
        moment = self._clock()
        found: list[Stalled] = []
        for job, running in self._running.items():
            if moment - running.told_at >= STALL:
                running.told_at = moment
                found.append(
                    Stalled(
                        job=job,
                        machine=running.machine,
                        seconds=moment - running.moved_at,
                        cause=cause(running.machine, running.item),
                    )
                )
        return tuple(found)


@attrs.frozen(kw_only=True)
class Watched:
    """One machine and what is known of it besides."""

    machine: AgentMachine
    disk: DiskWatch


def stall_cause(watched: tuple[Watched, ...], machine: str, item: str) -> str:
    """Why a job that last told of ``item`` on ``machine`` may not get on, as far as can be seen from here."""
    for each in watched:
        if each.machine.silent >= SILENCE:
            return f"nothing was heard from {each.machine.name} for {seconds_words(each.machine.silent)}"
    for each in watched:
        if each.disk.is_low and each.disk.scarcest is not None:
            return f"a disk of {each.machine.name} is nearly full: {each.disk.scarcest.words}"
    if not machine:
        return "the job has not told anything yet"
    return f"{machine} still works on {item}" if item else f"a program on {machine} is still at work"


async def watch_links(watched: tuple[Watched, ...], stalls: StallWatch, bus: Bus) -> None:
    """Tell how the links are, which jobs stall, and that a machine or this program stood still, until cancelled."""
    silence = {each.machine.name: 0.0 for each in watched}
    while True:
        before = time.monotonic()
        await asyncio.sleep(LINK_INTERVAL)
        stood_still = time.monotonic() - before - LINK_INTERVAL
        if stood_still >= STALL:
            bus.log(Level.WARNING, f"this run stood still for {seconds_words(stood_still)}: its PC was frozen or busy")
        for each in watched:
            name, silent = each.machine.name, each.machine.silent
            bus.tell(LinkHealth(machine=name, round_trip=each.machine.round_trip, silent=silent))
            if silent < silence[name] and silence[name] >= STALL:
                bus.log(Level.WARNING, f"{name} gave no sign of life for {seconds_words(silence[name])}", name)
            silence[name] = silent
        for event in stalls.stalled(lambda machine, item: stall_cause(watched, machine, item)):
            bus.tell(event)


async def watch_clocks(machine: AgentMachine, bus: Bus, interval: float = CLOCK_INTERVAL) -> None:
    """Tell when a machine slept or its clock was set, until cancelled. Raises ConnectionLostError."""
    before = await machine.call(read_clocks)
    while True:
        await asyncio.sleep(interval)
        after = await machine.call(read_clocks)
        for words in jumps(machine.name, before, after):
            bus.log(Level.WARNING, words, machine.name)
        before = after
