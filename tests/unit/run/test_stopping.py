"""Stopping a run from within."""

from __future__ import annotations

import asyncio

import pytest

from pcswitcher.model.errors import CheckError, InterruptedRunError, PcSwitcherError, StoppedRunError
from pcswitcher.model.events import Level, LogLine
from pcswitcher.run.bus import Bus
from pcswitcher.run.stopping import Stopper, uninterrupted


class Kept:
    """A Sink that keeps the lines."""

    def __init__(self) -> None:
        self.lines: list[LogLine] = []

    def take(self, event: object) -> None:
        if isinstance(event, LogLine):
            self.lines.append(event)


async def stopped_by(bus: Bus, stopper: Stopper, *lines: LogLine) -> PcSwitcherError | None:
    """Run something that tells ``lines`` and would go on; why it was stopped, None when it was not."""

    async def work() -> None:
        stopper.begin()
        for line in lines:
            bus.tell(line)
            await asyncio.sleep(0)

    try:
        await asyncio.create_task(work())
    except asyncio.CancelledError:
        return stopper.cause
    return None


def test_a_critical_line_stops_the_run_like_a_persons_ctrl_c() -> None:
    """J5."""
    bus = Bus()
    line = LogLine(level=Level.CRITICAL, message="the pool is gone", machine="vega", job="vms")
    cause = asyncio.run(stopped_by(bus, Stopper(bus), line))
    assert isinstance(cause, StoppedRunError)
    assert "vega: the pool is gone" in cause.message


@pytest.mark.parametrize("level", [level for level in Level if level is not Level.CRITICAL])
def test_no_lesser_line_stops_it(level: Level) -> None:
    """J5."""
    bus = Bus(level=Level.DEBUG)
    assert asyncio.run(stopped_by(bus, Stopper(bus), LogLine(level=level, message="x", machine="vega"))) is None


def test_a_job_that_raised_is_told_critical_with_its_cause_and_fails_alone() -> None:
    """J5: independent jobs may finish."""

    async def scenario() -> list[LogLine]:
        bus, kept = Bus(), Kept()
        bus.add(kept)
        stopper = Stopper(bus)
        stopper.begin()
        stopper.tell_failure("apt", "vega", ValueError("no such package"))
        await asyncio.sleep(0)  # a cancellation would arrive here
        return kept.lines

    lines = asyncio.run(scenario())
    assert [(line.level, line.message, line.machine, line.job) for line in lines] == [
        (Level.CRITICAL, "ValueError: no such package", "vega", "apt")
    ]


def test_the_first_cause_is_the_one_the_run_ends_with() -> None:
    async def scenario() -> PcSwitcherError:
        bus = Bus()
        stopper = Stopper(bus)

        async def work() -> None:
            stopper.begin()
            stopper.stop(CheckError("vega: /home is nearly full"))
            stopper.stop(StoppedRunError("later"))
            await asyncio.sleep(1)

        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(work())
        return stopper.cause

    assert asyncio.run(scenario()).message == "vega: /home is nearly full"


def test_without_a_cause_it_was_a_person() -> None:
    """I1."""
    assert isinstance(Stopper(Bus()).cause, InterruptedRunError)


def test_once_it_only_writes_down_how_it_went_nothing_stops_it() -> None:
    async def scenario() -> str:
        stopper = Stopper(Bus())
        stopper.begin()
        stopper.end()
        stopper.stop(CheckError("too late"))
        await asyncio.sleep(0)
        return "written"

    assert asyncio.run(scenario()) == "written"


def test_what_must_not_be_stopped_half_way_comes_to_its_end() -> None:
    """I1: at the next safe point."""
    done: list[str] = []

    async def write() -> str:
        await asyncio.sleep(0.02)
        done.append("written")
        return "written"

    async def scenario() -> str:
        task = asyncio.create_task(uninterrupted(write()))
        for _ in range(3):
            await asyncio.sleep(0.001)
            task.cancel()
        return await task

    assert asyncio.run(scenario()) == "written"
    assert done == ["written"]


def test_its_failure_is_its_failure() -> None:
    async def fail() -> None:
        raise ValueError("no room")

    with pytest.raises(ValueError, match="no room"):
        asyncio.run(uninterrupted(fail()))


def test_a_run_that_is_stopping_already_is_not_stopped_again() -> None:
    """I1, J5: a person's Ctrl-C, then a CRITICAL line while jobs end: the cleaning goes on, and it was the person."""

    async def scenario() -> tuple[str, PcSwitcherError]:
        bus = Bus()
        stopper = Stopper(bus)
        said: list[str] = []

        async def work() -> None:
            stopper.begin()
            try:
                await asyncio.Event().wait()
            finally:
                bus.tell(LogLine(level=Level.CRITICAL, message="the pool is gone", machine="vega", job="vms"))
                await asyncio.sleep(0.01)
                said.append("cleaned")

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return said[0], stopper.cause

    cleaned, cause = asyncio.run(scenario())
    assert cleaned == "cleaned"
    assert isinstance(cause, InterruptedRunError)
