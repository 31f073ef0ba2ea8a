"""After a run is written down: what is no longer needed goes, on both machines. A failure is only a warning."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pcswitcher.jobs.registry import AnyJob
from pcswitcher.machine.api import Machine
from pcswitcher.model.errors import PcSwitcherError
from pcswitcher.model.events import Level
from pcswitcher.model.settings import SnapshotSettings
from pcswitcher.run.bus import Bus
from pcswitcher.run.marks import drop_gone
from pcswitcher.run.retention import clean_snapshots


async def keep_house(machines: Sequence[Machine], jobs: Sequence[AnyJob], settings: SnapshotSettings, bus: Bus) -> None:
    """Drop marks of items that are gone, and snapshots that need not be kept (S5)."""
    await asyncio.gather(*(_keep_one(machine, jobs, settings, bus) for machine in machines))


async def _keep_one(machine: Machine, jobs: Sequence[AnyJob], settings: SnapshotSettings, bus: Bus) -> None:
    try:
        await drop_gone(machine, jobs, bus)
        await clean_snapshots(machine, settings, (), bus)
    except PcSwitcherError as error:
        bus.log(Level.WARNING, f"tidying up after the run failed: {error}", machine.name)
