"""Stalls, links and clocks: what is told beside a run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from pcswitcher.machine import clocks
from pcswitcher.machine.fake import FakeMachine, open_fake
from pcswitcher.model.events import Event, JobFinished, JobStarted, LinkHealth, LogLine, Outcome, Progress, Stalled
from pcswitcher.model.settings import DiskSettings
from pcswitcher.run import watch
from pcswitcher.run.bus import Bus
from pcswitcher.run.disk import DiskWatch
from pcswitcher.run.watch import StallWatch, Watched, stall_cause, watch_clocks, watch_links
from pcswitcher.snapshots.room import Room


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Heard:
    """Keeps every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def take(self, event: Event) -> None:
        self.events.append(event)


def progress(done: int, item: str = "", job: str = "files") -> Progress:
    return Progress(job=job, machine="vega", done=done, total=9, unit="B", item=item)


STARTED = JobStarted(job="files", title="Files", items=9, size=9)
FINISHED = JobFinished(job="files", outcome=Outcome.DONE, reason="", seconds=1, items=9)


def because(machine: str, item: str) -> str:
    return f"{machine} {item}"


def test_a_running_job_without_progress_is_told_again_and_again() -> None:
    """Issue §3: stalls are named with their cause."""
    clock = Clock()
    stalls = StallWatch(clock)
    stalls.take(STARTED)
    clock.now += 5
    stalls.take(progress(1, "a"))
    clock.now += 9.9
    assert stalls.stalled(because) == ()
    clock.now += 0.2
    (first,) = stalls.stalled(because)
    assert (first.job, first.machine, first.cause) == ("files", "vega", "vega a")
    assert first.seconds == pytest.approx(10.1)
    assert stalls.stalled(because) == ()
    clock.now += 10.1
    assert stalls.stalled(because)[0].seconds == pytest.approx(20.2)


def test_to_repeat_where_one_is_is_no_progress_and_to_move_ends_a_stall() -> None:
    clock = Clock()
    stalls = StallWatch(clock)
    stalls.take(STARTED)
    stalls.take(progress(1, "a"))
    clock.now += 9
    stalls.take(progress(1, "a"))
    clock.now += 1
    assert stalls.stalled(because)
    stalls.take(progress(2, "a"))
    clock.now += 9
    assert stalls.stalled(because) == ()


def test_a_job_that_does_not_run_cannot_stall() -> None:
    clock = Clock()
    stalls = StallWatch(clock)
    stalls.take(progress(1))
    clock.now += 60
    assert stalls.stalled(because) == ()
    stalls.take(STARTED)
    stalls.take(FINISHED)
    clock.now += 60
    assert stalls.stalled(because) == ()


def watched(machine: FakeMachine, percent_free: int = 90) -> Watched:
    disk = DiskWatch(machine.name, DiskSettings())
    disk.look([Room(path=b"/home", filesystem="1", total=100, free=percent_free)])
    return Watched(machine=machine, disk=disk)


def with_machines(test: Callable[[FakeMachine, FakeMachine], None]) -> None:
    async def run() -> None:
        atlas, vega = await open_fake("atlas"), await open_fake("vega")
        try:
            test(atlas, vega)
        finally:
            await atlas.close()
            await vega.close()

    asyncio.run(run())


def test_the_cause_of_a_stall_is_as_good_as_can_be_known() -> None:
    """Issue §3: a silent link, a full disk, else who is at work on what."""

    def test(atlas: FakeMachine, vega: FakeMachine) -> None:
        well = (watched(atlas), watched(vega))
        assert stall_cause(well, "vega", "/home/sam/big") == "vega still works on /home/sam/big"
        assert stall_cause(well, "vega", "") == "a program on vega is still at work"
        assert stall_cause(well, "", "") == "the job has not told anything yet"
        full = (watched(atlas), watched(vega, 20))
        assert stall_cause(full, "vega", "x") == "a disk of vega is nearly full: /home: 20 B of 100 B free"
        vega._heard -= 12
        assert stall_cause(full, "vega", "x") == "nothing was heard from vega for 12 s"

    with_machines(test)


async def told_by(watching: Callable[[Bus], asyncio.Task[None]], enough: Callable[[list[Event]], bool]) -> list[Event]:
    heard = Heard()
    bus = Bus(heard)
    task = watching(bus)
    async with asyncio.timeout(10):
        while True:
            if enough(heard.events):
                break
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait({task})
    return heard.events


def messages(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, LogLine)]


def test_links_are_told_and_so_is_a_machine_that_was_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faults rows 2 and 11: a frozen PC that comes back."""
    monkeypatch.setattr(watch, "LINK_INTERVAL", 0.02)

    async def run() -> list[Event]:
        vega = await open_fake("vega")
        vega._heard -= 15
        try:

            def come_back(events: list[Event]) -> bool:
                if len(events) == 2:
                    vega._heard = time.monotonic()
                return bool(messages(events))

            return await told_by(
                lambda bus: asyncio.create_task(watch_links((watched(vega),), StallWatch(), bus)), come_back
            )
        finally:
            await vega.close()

    events = asyncio.run(run())
    health = [event for event in events if isinstance(event, LinkHealth)]
    assert health[0].machine == "vega"
    assert health[0].silent >= 15
    assert messages(events) == ["vega gave no sign of life for 15 s"]


def test_a_program_that_stood_still_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faults row 11: this PC was frozen."""
    monkeypatch.setattr(watch, "LINK_INTERVAL", 0.01)
    monkeypatch.setattr(watch, "STALL", 0.2)

    async def run() -> list[Event]:
        vega = await open_fake("vega")

        def freeze_once(events: list[Event]) -> bool:
            if len(events) == 1:
                time.sleep(0.3)
            return bool(messages(events))

        try:
            return await told_by(
                lambda bus: asyncio.create_task(watch_links((watched(vega),), StallWatch(), bus)), freeze_once
            )
        finally:
            await vega.close()

    assert any("this run stood still" in words for words in messages(asyncio.run(run())))


def test_a_sleep_is_told_with_the_name_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faults row 11."""
    asleep = 0.0

    def here() -> clocks.Clocks:
        nonlocal asleep
        asleep += 40
        return clocks.Clocks(wall=asleep, awake=0, running=asleep)

    monkeypatch.setattr(clocks, "clocks_here", here)

    async def run() -> list[Event]:
        vega = await open_fake("vega")
        try:
            return await told_by(
                lambda bus: asyncio.create_task(watch_clocks(vega, bus, interval=0.01)),
                lambda events: bool(messages(events)),
            )
        finally:
            await vega.close()

    assert messages(asyncio.run(run()))[0] == "vega slept for 40 s"


def test_a_stall_reaches_the_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LINK_INTERVAL", 0.01)
    monkeypatch.setattr(watch, "STALL", 0.03)

    async def run() -> list[Event]:
        vega = await open_fake("vega")
        stalls = StallWatch()
        stalls.take(STARTED)
        try:
            return await told_by(
                lambda bus: asyncio.create_task(watch_links((watched(vega),), stalls, bus)),
                lambda events: any(isinstance(event, Stalled) for event in events),
            )
        finally:
            await vega.close()

    assert any(isinstance(event, Stalled) for event in asyncio.run(run()))
