"""Looking after both machines while a run lasts: awake, undisturbed by updates, with room; and as before at its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from pcswitcher.machine.clocks import read_clocks
from pcswitcher.machine.connection import AgentMachine
from pcswitcher.machine.hold import let_go, start_hold
from pcswitcher.machine.inhibit import inhibit_arguments
from pcswitcher.machine.updates import (
    HoldKind,
    Updates,
    end_leftover_pause,
    has_systemd,
    pause_arguments,
    paused_state,
    plan_pause,
    read_updates,
)
from pcswitcher.model.errors import PcSwitcherError
from pcswitcher.model.events import Level
from pcswitcher.model.settings import Settings
from pcswitcher.run.bus import Bus
from pcswitcher.run.disk import DiskWatch, measure
from pcswitcher.run.machines import Pair
from pcswitcher.run.watch import StallWatch, Watched, watch_clocks, watch_links

RESTORE_PATIENCE = 15.0
"""Seconds updates get to be as before again."""
LOOK_AGAIN = 0.3

Stop = Callable[[PcSwitcherError], None]


@asynccontextmanager
async def cared_for(
    pair: Pair, run: str, settings: Settings, bus: Bus, stop: Stop, *, trees: Sequence[bytes]
) -> AsyncGenerator[None]:
    """Keep both machines awake and their updates paused, and watch them, as long as the block lasts.

    ``trees``: the synced trees, whose disks are watched. ``stop`` is called with the error that ends the run when one
    gets full. What cannot be taken care of is a line in the log, never a failure; so is what cannot be put back.
    """
    reason = f"sync {pair.source.name} → {pair.target.name}, run {run}"
    cares = [_Care(machine, bus) for machine in pair.both]
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_end_all, cares)
        # When one fails the other ends too before it is asked to let go: what it held later would be nobody's.
        async with asyncio.TaskGroup() as beginning:
            for care in cares:
                beginning.create_task(care.begin(reason))
        await stack.enter_async_context(_watching(pair, settings, bus, stop, tuple(trees)))
        yield


async def _end_all(cares: Sequence[_Care]) -> None:
    await asyncio.gather(*(care.end() for care in cares))


@asynccontextmanager
async def _watching(
    pair: Pair, settings: Settings, bus: Bus, stop: Stop, trees: tuple[bytes, ...]
) -> AsyncGenerator[None]:
    stalls = StallWatch()
    bus.add(stalls)
    watched = tuple(Watched(machine=machine, disk=DiskWatch(machine.name, settings.disk)) for machine in pair.both)
    watchers = [partial(watch_links, watched, stalls, bus)]
    for each in watched:
        watchers.append(partial(watch_clocks, each.machine, bus))
        watchers.append(partial(watch_disk, each, trees, settings.disk.interval, bus, stop))
    tasks = [asyncio.create_task(_guarded(watcher, bus)) for watcher in watchers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def watch_disk(watched: Watched, trees: tuple[bytes, ...], interval: float, bus: Bus, stop: Stop) -> None:
    """Look at a machine's room every ``interval`` seconds, until cancelled or the run was stopped for it.

    The first look stops nothing: the checks say what forbids to start, together with everything else they find.
    """
    is_first = True
    while True:
        rooms = await measure(watched.machine, trees)
        events, error = watched.disk.look(rooms)
        for event in events:
            bus.tell(event)
        if error is not None and not is_first:
            stop(error)
            return
        is_first = False
        await asyncio.sleep(interval)


async def _guarded(watcher: Callable[[], Awaitable[None]], bus: Bus) -> None:
    """Let a watcher end without taking the run along."""
    try:
        await watcher()
    except PcSwitcherError as error:
        bus.log(Level.FULL, f"no longer watched: {error}")
    except Exception as error:  # noqa: BLE001 - a mistake in watching is no reason to end a run
        bus.log(Level.ERROR, f"no longer watched: {type(error).__name__}: {error}")


class _Care:
    """What is kept up on one machine, and how it was before."""

    def __init__(self, machine: AgentMachine, bus: Bus) -> None:
        self._machine = machine
        self._bus = bus
        self._held: list[asyncio.Task[None]] = []
        self._before: Updates | None = None
        self._ending = False

    def _log(self, level: Level, message: str) -> None:
        self._bus.log(level, message, self._machine.name)

    async def begin(self, reason: str) -> None:
        """Keep the machine awake, pause its updates."""
        name = self._machine.name
        if not await has_systemd(self._machine):
            self._log(Level.FULL, f"{name} is not run by systemd: it is not kept awake, and no updates are paused")
            return
        await asyncio.gather(self._keep_awake(reason), self._pause_updates())

    async def _keep_awake(self, reason: str) -> None:
        name = self._machine.name
        try:
            await self._hold(inhibit_arguments(reason), f"{name} is no longer kept awake")
        except PcSwitcherError as error:
            self._log(Level.WARNING, f"{name} may sleep or be switched off during the run: {error.message}")
        else:
            self._log(Level.FULL, f"{name} is kept awake and on, also with its lid closed")

    async def _pause_updates(self) -> None:
        name = self._machine.name
        try:
            await end_leftover_pause(self._machine)
            before = await read_updates(self._machine)
            moment = datetime.fromtimestamp((await self._machine.call(read_clocks)).wall, UTC)
            pause = plan_pause(before, moment)
            if before.hold.kind is HoldKind.UNKNOWN:
                self._log(Level.WARNING, f"updates of snaps on {name} are not paused: {before.hold.value}")
            if not pause.begin:
                self._log(Level.FULL, f"{name} has no automatic updates that would need a pause")
                return
            self._before = before
            await self._hold(pause_arguments(pause), f"updates on {name} are no longer paused")
            now_paused = await read_updates(self._machine)
            if now_paused != paused_state(before, pause):
                self._log(Level.WARNING, f"not all updates on {name} could be paused: {update_words(now_paused)}")
            self._log(Level.FULL, f"updates on {name} are paused until the run ends; before: {update_words(before)}")
        except PcSwitcherError as error:
            self._log(Level.WARNING, f"updates on {name} could not be paused: {error.message}")

    async def _hold(self, arguments: tuple[str, ...], when_over: str) -> None:
        holding = await start_hold(self._machine, arguments)
        self._held.append(holding)

        def over(task: asyncio.Task[None]) -> None:
            if self._ending or task.cancelled() or self._machine.is_lost:
                return
            self._log(Level.WARNING, f"{when_over}: {task.exception() or 'it ended'}")

        holding.add_done_callback(over)

    async def end(self) -> None:
        """Let go of everything and see that the machine is as before. Never raises: cleaning goes on (I4)."""
        self._ending = True
        try:
            async with asyncio.timeout(RESTORE_PATIENCE):
                await asyncio.gather(*(let_go(holding) for holding in self._held))
                await self._await_restored()
        except TimeoutError:
            self._tell_not_restored("it did not happen in time")
        except PcSwitcherError as error:
            self._tell_not_restored(error.message)

    async def _await_restored(self) -> None:
        if self._before is None:
            return
        name = self._machine.name
        if self._machine.is_lost:
            self._log(Level.FULL, f"{name} is out of reach; its updates are put back there, without us")
            return
        while True:
            if await read_updates(self._machine) == self._before:
                break
            await asyncio.sleep(LOOK_AGAIN)
        self._log(Level.FULL, f"updates on {name} are as before: {update_words(self._before)}")

    def _tell_not_restored(self, why: str) -> None:
        before = f"; before: {update_words(self._before)}" if self._before else ""
        with contextlib.suppress(Exception):
            self._log(
                Level.WARNING,
                f"{self._machine.name}: it was not seen that everything is as before the run again: {why}{before}",
            )


def update_words(updates: Updates) -> str:
    """What can start updates, in words for the log."""
    hold = updates.hold
    snaps = f"snap refreshes held until {hold.value}" if hold.kind is HoldKind.SET else f"snap refresh hold {hold.kind}"
    timers = f"active: {', '.join(updates.timers)}" if updates.timers else "no timer active"
    return f"{timers}; startable: {', '.join(updates.on_demand) or 'nothing'}; {snaps}"
