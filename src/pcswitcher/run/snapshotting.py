"""The snapshots of one run on both machines: taken, and dropped again when the run changes nothing."""

from __future__ import annotations

import asyncio

import attrs

from pcswitcher.jobs.api import Side, World
from pcswitcher.machine.api import Machine
from pcswitcher.model.events import Level
from pcswitcher.run.bus import Bus
from pcswitcher.run.record import SnapshotRecord, snapshot_records
from pcswitcher.snapshots.layout import PlaceKind
from pcswitcher.snapshots.names import Moment
from pcswitcher.snapshots.snapshots import (
    create_snapshots,
    delete_snapshots,
    prepare_snapshots,
    remove_empty_place,
)


class RunSnapshots:
    """Takes the snapshots of the run ``label``."""

    def __init__(self, label: str, bus: Bus) -> None:
        self._label = label
        self._bus = bus
        self._new_places: list[Machine] = []
        """Machines that had no place for snapshots before this run."""
        self.taken: tuple[SnapshotRecord, ...] = ()

    async def take(self, world: World, moment: Moment) -> World:
        """Snapshot every subvolume in scope on both; gives the world as it is read from there.

        Raises a group with the SnapshotError when one fails; nobody has changed anything then.
        """
        # When one fails the other ends too before anybody cleans up: a snapshot that comes later would stay for ever.
        async with asyncio.TaskGroup() as both:
            taking = [both.create_task(self._take(side, moment)) for side in (world.source, world.target)]
        source, target = (each.result() for each in taking)
        for side in (source, target):
            self.taken = (*self.taken, *snapshot_records(side.machine.name, side.snapshots))
        return attrs.evolve(world, source=source, target=target)

    async def drop(self, machine: Machine) -> None:
        """Delete this run's snapshots on one machine, and the place for them when it was made for this run."""
        await machine.call(delete_snapshots, self._label, None)
        if machine in self._new_places:
            await machine.call(remove_empty_place)
        self.taken = tuple(each for each in self.taken if each.machine != machine.name)

    async def _take(self, side: Side, moment: Moment) -> Side:
        if side.layout.snapshots.kind is PlaceKind.MISSING and moment is Moment.PRE:
            self._new_places.append(side.machine)
        await side.machine.call(prepare_snapshots)
        taken = await side.machine.call(create_snapshots, self._label, moment, side.layout.names)
        for snapshot in taken:
            self._bus.log(Level.FULL, f"snapshot {snapshot.moment} of {snapshot.subvolume}", side.machine.name)
        return attrs.evolve(side, snapshots=taken)
