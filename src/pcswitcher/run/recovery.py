"""Runs that did not come to their end: recognised by whichever machine knows of one, and settled without a question.

A run that had not begun to change anything is undone: its snapshots go. One that had begun stays visible, its
snapshots too: the target is between before and after. The run that is starting now plans from what is really
there, so in the same direction it finishes the work; in another one lineage asks first (``run.lineage``).

What jobs kept aside is removed before the record is settled: when that is cut short too, the next run does it again.
"""

from __future__ import annotations

import attrs

from pcswitcher.jobs.registry import make_jobs
from pcswitcher.machine.api import Machine
from pcswitcher.model.events import Level, Outcome, now
from pcswitcher.model.settings import Settings
from pcswitcher.run.alone import attempt
from pcswitcher.run.bus import Bus
from pcswitcher.run.graph import reason_of
from pcswitcher.run.journal import changes_begun, read_journal
from pcswitcher.run.record import Memory, RunRecord, write_record
from pcswitcher.snapshots.snapshots import delete_snapshots


async def recover(machine: Machine, memory: Memory, settings: Settings, bus: Bus, *, running: str) -> Memory:
    """Settle what earlier runs left on a machine whose lock this run holds; gives the memory as it is then.

    Every installed job cleans up, whether this run has it or not: nobody knows which ones the earlier run had.
    ``settings`` name them; ``running``: the label of the run that is starting. Raises ConnectionLostError, and
    SettingsError when the jobs cannot be made.
    """
    left = [record for record in memory.unfinished if record.label != running]
    if not left:
        return memory
    is_clean = await _clean(machine, settings, bus)
    settled = {record.label: await _settle(machine, memory, record, bus, keep=is_clean) for record in left}
    return attrs.evolve(memory, records=tuple(settled.get(record.label, record) for record in memory.records))


async def _clean(machine: Machine, settings: Settings, bus: Bus) -> bool:
    """Let every installed job remove what it kept aside on a machine; gives whether all could."""
    is_clean = True
    for job in make_jobs(tuple(settings.jobs), settings):
        trouble = await attempt(job.clean_up(machine))
        if trouble is not None:
            is_clean = False
            words = (
                f"what an earlier run kept aside could not be removed, the next run tries again: {reason_of(trouble)}"
            )
            bus.log(Level.WARNING, words, machine.name, job.name)
    return is_clean


async def _settle(machine: Machine, memory: Memory, record: RunRecord, bus: Bus, *, keep: bool) -> RunRecord:
    """The record as it ended. ``keep``: write that down; else the next run finds it as this one did."""
    begun = record.changed or changes_begun(await machine.call(read_journal, record.label))
    if begun:
        words = "it was cut short while changes were made"
        closed = attrs.evolve(record, changed=True, message=words)
    else:
        await machine.call(delete_snapshots, record.label, None)
        words = "it was cut short before anything was changed"
        closed = attrs.evolve(record, changed=False, snapshots=(), message=words)
    closed = attrs.evolve(closed, outcome=Outcome.INTERRUPTED, ended=now())
    if keep:
        await machine.call(write_record, closed, memory.identity)
    bus.log(
        Level.WARNING if begun else Level.INFO,
        f"run {record.label} ({record.source} → {record.target}) did not come to its end: {words}",
        machine.name,
    )
    return closed
