"""The snapshots of a run on both machines, when one of them fails."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from pcswitcher.jobs.api import World
from pcswitcher.machine.api import Exposed
from pcswitcher.model.errors import ConnectionLostError
from pcswitcher.run.bus import Bus
from pcswitcher.run.machines import prefer_cause
from pcswitcher.run.snapshotting import RunSnapshots
from pcswitcher.snapshots.layout import PlaceKind
from pcswitcher.snapshots.names import Moment


class Slow:
    """A machine that is still at a snapshot when the other one is lost already."""

    name = "atlas"

    def __init__(self) -> None:
        self.at_work = False

    async def call(self, function: Exposed[..., object], *_: object) -> object:
        self.at_work = True
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)  # it takes a moment to stop
            self.at_work = False
        return ()


class Lost:
    """A machine that goes away."""

    name = "vega"

    async def call(self, function: Exposed[..., object], *_: object) -> object:
        await asyncio.sleep(0.01)
        raise ConnectionLostError("vega: gone")


def test_when_one_machine_fails_the_other_is_no_longer_at_it() -> None:
    """Faults row 1: a snapshot made after the cleaning up would stay for ever."""
    layout = SimpleNamespace(snapshots=SimpleNamespace(kind=PlaceKind.SUBVOLUME), names=("@",))
    slow = Slow()
    sides = [SimpleNamespace(machine=machine, layout=layout) for machine in (slow, Lost())]
    world = cast("World", SimpleNamespace(source=sides[0], target=sides[1]))

    async def take() -> None:
        try:
            await RunSnapshots("0001", Bus()).take(world, Moment.PRE)
        finally:
            assert not slow.at_work

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(take())
    assert str(prefer_cause(caught.value)) == "vega: gone"
