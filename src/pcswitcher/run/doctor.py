"""All checks without a run: of this PC alone, or of both."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

from pcswitcher.jobs.api import Finding, World
from pcswitcher.jobs.registry import AnyJob
from pcswitcher.machine.sudo import AskPassword
from pcswitcher.run.bus import Bus
from pcswitcher.run.checks import check_lineage, check_machine, check_machines
from pcswitcher.run.machines import connect, start_source, start_target
from pcswitcher.run.record import read_memory


async def examine(host: str | None, jobs: Sequence[AnyJob], bus: Bus, ask: AskPassword) -> tuple[Finding, ...]:
    """Check this PC, and ``host`` with it when given. Changes nothing on either; raises what stops a run at once."""
    async with AsyncExitStack() as stack:
        source = await start_source(ask, bus, stack)
        if host is None:
            trees = tuple(dict.fromkeys(tree for job in jobs for tree in job.trees()))
            return (await check_machine(source, trees))[1]
        master = await connect(host, stack)
        pair = await start_target(master, source, ask, bus, stack, ephemeral=True)
        checked = await check_machines(pair.source, pair.target, jobs)
        here, there = await asyncio.gather(*(machine.call(read_memory) for machine in pair.both))
        world = World(run="doctor", source=checked.source, target=checked.target, shell=pair.shell, tell=bus.tell)
        found = await asyncio.gather(*(job.check(world) for job in jobs))
        return (
            *checked.findings,
            *(finding for each in found for finding in each),
            *check_lineage(pair.source, pair.target, here, there),
        )
