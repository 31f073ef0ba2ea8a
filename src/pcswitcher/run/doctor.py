"""All checks without a run: of this PC alone, or of both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

from pcswitcher.jobs.api import Finding, Severity, World
from pcswitcher.jobs.presence import require_jobs
from pcswitcher.jobs.registry import AnyJob
from pcswitcher.machine import probe
from pcswitcher.machine.sudo import AskPassword
from pcswitcher.model.settings import Settings
from pcswitcher.run.bases import read_common
from pcswitcher.run.bus import Bus
from pcswitcher.run.checks import Checked, Look, check_machine, check_machines, trees_of
from pcswitcher.run.fitness import check_fitness
from pcswitcher.run.lineage import check_lineage
from pcswitcher.run.machines import Pair, connect, start_source, start_target
from pcswitcher.run.planning import check_jobs
from pcswitcher.run.record import read_memory_of


async def examine(
    host: str | None, jobs: Sequence[AnyJob], settings: Settings, bus: Bus, ask: AskPassword
) -> tuple[Look, ...]:
    """Check this PC, and ``host`` with it when given. Changes nothing on either; raises what stops a run at once."""
    async with AsyncExitStack() as stack:
        source = await start_source(ask, bus, stack)
        if host is None:
            fitness, (_, looks) = await asyncio.gather(
                check_fitness(source), check_machine(source, trees_of(jobs), settings)
            )
            return (*fitness, *looks)
        master = await connect(host, stack, bus.route)
        pair = await start_target(master, source, ask, bus, stack, ephemeral=True)
        connection = await _check_connection(pair)
        here, there, checked = await asyncio.gather(
            check_fitness(pair.source),
            check_fitness(pair.target),
            check_machines(pair.source, pair.target, jobs, settings),
        )
        from_jobs = await _check_jobs(pair, checked, jobs, bus)
        return (*here, connection, *there, *checked.looks, *from_jobs, await _check_lineage(pair, jobs))


async def _check_connection(pair: Pair) -> Look:
    """How the other PC is reached, and how fast it answers."""
    started = time.monotonic()
    await pair.target.call(probe.echo, "", b"")
    milliseconds = (time.monotonic() - started) * 1000
    name = pair.target.name
    findings: tuple[Finding, ...] = ()
    if pair.shell.environment:
        message = f"sudo on {name} needs a password: a sync without a person at the keyboard stops there"
        hint = f"on {name}, if that is wanted: sudo visudo -f /etc/sudoers.d/pc-switcher"
        findings = (Finding(severity=Severity.ADVICE, machine=name, message=message, hint=hint),)
    return Look(machine=name, words=f"it answers over ssh within {milliseconds:.1f} ms", findings=findings)


async def _check_jobs(pair: Pair, checked: Checked, jobs: Sequence[AnyJob], bus: Bus) -> tuple[Look, ...]:
    world = World(run="doctor", source=checked.source, target=checked.target, shell=pair.shell, tell=bus.tell)
    await require_jobs(pair.both, [job.name for job in jobs])
    found = await check_jobs(world, jobs)
    return tuple(
        Look(machine=pair.target.name, words=f"{job.title}: can be synced", findings=findings)
        for job, findings in zip(jobs, found, strict=True)
    )


async def _check_lineage(pair: Pair, jobs: Sequence[AnyJob]) -> Look:
    here, there = await asyncio.gather(*map(read_memory_of, pair.both))
    common = await read_common(pair.source, pair.target, here.identity.id, there.identity.id, jobs)
    names = frozenset(job.name for job in jobs)
    findings = check_lineage(here, there, pair.source.name, pair.target.name, base=common.known, jobs=names)
    words = f"{pair.source.name} holds the newest work, and what both have in common is known"
    return Look(machine=pair.target.name, words=words, findings=(*findings, *common.findings))
