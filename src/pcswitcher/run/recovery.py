"""Runs that did not come to their end: recognised by whichever machine knows of one, and settled without a question.

A run that had not begun to change anything is undone: its snapshots go. One that had begun stays visible, its
snapshots too: the target is between before and after. The run that is starting now plans from what is really
there, so in the same direction it finishes the work; in another one lineage asks first (``run.lineage``).
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from pcswitcher.jobs.registry import AnyJob
from pcswitcher.machine.api import Machine
from pcswitcher.model.events import Level, Outcome, now
from pcswitcher.run.bus import Bus
from pcswitcher.run.journal import changes_begun, read_journal
from pcswitcher.run.record import Memory, RunRecord, write_record
from pcswitcher.snapshots.snapshots import delete_snapshots


async def recover(machine: Machine, memory: Memory, jobs: Sequence[AnyJob], bus: Bus, *, running: str) -> Memory:
    """Settle what earlier runs left on a machine whose lock this run holds; gives the memory as it is then.

    ``running``: the label of the run that is starting.
    """
    settled: dict[str, RunRecord] = {}
    for record in memory.unfinished:
        if record.label != running:
            settled[record.label] = await _settle(machine, memory, record, bus)
    if settled:
        for job in jobs:
            await job.clean_up(machine)
    return attrs.evolve(memory, records=tuple(settled.get(record.label, record) for record in memory.records))


async def _settle(machine: Machine, memory: Memory, record: RunRecord, bus: Bus) -> RunRecord:
    begun = record.changed or changes_begun(await machine.call(read_journal, record.label))
    if begun:
        words = "it was cut short while changes were made"
        closed = attrs.evolve(record, changed=True, message=words)
    else:
        await machine.call(delete_snapshots, record.label, None)
        words = "it was cut short before anything was changed"
        closed = attrs.evolve(record, changed=False, snapshots=(), message=words)
    closed = attrs.evolve(closed, outcome=Outcome.INTERRUPTED, ended=now())
    await machine.call(write_record, closed, memory.identity)
    bus.log(
        Level.WARNING if begun else Level.INFO,
        f"run {record.label} ({record.source} → {record.target}) did not come to its end: {words}",
        machine.name,
    )
    return closed
