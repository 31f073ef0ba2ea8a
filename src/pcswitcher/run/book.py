"""What a run writes down about itself on both machines: its record, its journal, its details."""

from __future__ import annotations

import asyncio
import getpass
import os
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import attrs

from pcswitcher import __version__
from pcswitcher.machine.api import Machine
from pcswitcher.machine.lock import Role
from pcswitcher.model.errors import CheckError, ConnectionLostError, PcSwitcherError
from pcswitcher.model.events import Level, Outcome, RunStarted, Step, StepFinished, StepStarted, now
from pcswitcher.run.bus import Bus
from pcswitcher.run.journal import Edge, Journal
from pcswitcher.run.machines import Pair
from pcswitcher.run.record import (
    Ancestry,
    JobRecord,
    Memory,
    RunDetails,
    RunRecord,
    SnapshotRecord,
    read_memory_of,
    write_details,
    write_record,
)

CLEANING_PATIENCE = 10.0
"""Seconds each machine gets for cleaning up after a failure."""


class Book:
    """The written side of one run. A dry run has none: it only counts its steps."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._pair: Pair | None = None
        self._journal: Journal | None = None
        self.label = ""
        self.record: RunRecord | None = None
        self.memory: dict[str, Memory] = {}
        """By host name: what each machine knew when the run began."""

    @asynccontextmanager
    async def step(self, step: Step) -> AsyncGenerator[None]:
        """One step of the run, told to everybody, and in the journals before and after it."""
        self._bus.tell(StepStarted(step=step))
        started = time.monotonic()
        if self._journal is not None:
            await self._journal.write(step, Edge.BEFORE)
        yield
        if self._journal is not None:
            await self._journal.write(step, Edge.AFTER)
        self._bus.tell(StepFinished(step=step, seconds=time.monotonic() - started))

    async def open(self, pair: Pair, *, dry_run: bool, log: str) -> None:
        """Read what both machines remember, give the run its number, and write down on both that it has begun.

        Raises CheckError for a record that cannot be read: it might be the one that matters.
        """
        self._pair = pair
        here, there = await asyncio.gather(*map(read_memory_of, pair.both))
        self.memory = {pair.source.name: here, pair.target.name: there}
        for machine, memory in zip(pair.both, (here, there), strict=True):
            _refuse_damaged(machine, memory)
        if dry_run:
            self.label = f"dry-run-{os.getpid()}-{int(time.time())}"
        else:
            self.label = f"{max(here.last_number, there.last_number) + 1:04d}"
            self.record = RunRecord(
                label=self.label,
                role=Role.SOURCE,
                source=pair.source.name,
                target=pair.target.name,
                source_id=here.identity.id,
                target_id=there.identity.id,
                user=getpass.getuser(),
                version=__version__,
                started=now(),
                log=log,
            )
            await self.write(message="begun")
            self._journal = Journal((pair.target, pair.source), self.label)
        self._bus.tell(
            RunStarted(
                run=self.label,
                source=pair.source.name,
                target=pair.target.name,
                version=__version__,
                dry_run=dry_run,
            )
        )

    @property
    def ids(self) -> tuple[str, str]:
        """The machine ids of source and target."""
        pair = self._opened()
        return self.memory[pair.source.name].identity.id, self.memory[pair.target.name].identity.id

    def note(
        self,
        *,
        changed: bool | None = None,
        jobs: Sequence[JobRecord] | None = None,
        snapshots: Sequence[SnapshotRecord] | None = None,
        ancestry: Ancestry | None = None,
    ) -> None:
        """Put more into the record; it is written with the next ``write``."""
        if self.record is not None:
            self.record = attrs.evolve(
                self.record,
                changed=self.record.changed if changed is None else changed,
                jobs=self.record.jobs if jobs is None else tuple(jobs),
                snapshots=self.record.snapshots if snapshots is None else tuple(snapshots),
                ancestry=ancestry or self.record.ancestry,
            )

    def drop_snapshots(self) -> None:
        """The run's snapshots are gone again."""
        if self.record is not None:
            self.record = attrs.evolve(self.record, snapshots=())

    async def write(self, *, outcome: Outcome | None = None, message: str = "") -> None:
        """Write the record on both, the target first: what the source believes must be true there already."""
        for machine, role in _both_roles(self._opened()):
            await self.write_one(machine, role, outcome=outcome, message=message)

    async def write_one(self, machine: Machine, role: Role, *, outcome: Outcome | None, message: str) -> None:
        """Write the record on one machine."""
        if self.record is None:
            return
        record = attrs.evolve(
            self.record,
            role=role,
            outcome=outcome,
            message=message,
            warnings=len(self._bus.warnings),
            ended=None if outcome is None else now(),
        )
        await machine.call(write_record, record, self.memory[machine.name].identity)

    async def write_details(self, details: RunDetails) -> None:
        """Keep on both what only root may read."""
        if self.record is not None:
            await asyncio.gather(*(machine.call(write_details, details) for machine in self._opened().both))

    async def close_failed(self, outcome: Outcome, message: str, cause: PcSwitcherError | None) -> None:
        """Leave the truth behind on each machine that can still be reached; goes on whatever fails (I4).

        ``cause``: why the run ended.
        """
        if self._pair is None:
            return
        for machine, role in _both_roles(self._pair):
            try:
                async with asyncio.timeout(CLEANING_PATIENCE):
                    await self.write_one(machine, role, outcome=outcome, message=message)
            except (PcSwitcherError, TimeoutError) as trouble:
                words = f"the end of the run could not be written down: {trouble}"
                self._bus.log(trouble_level(trouble, cause), words, machine.name)

    def _opened(self) -> Pair:
        if self._pair is None:
            raise ValueError("the book is not open")
        return self._pair


def trouble_level(trouble: Exception, cause: PcSwitcherError | None) -> Level:
    """How loud a failure to clean up is told: that a lost machine is out of reach says the end of the run already."""
    known = isinstance(trouble, ConnectionLostError) and isinstance(cause, ConnectionLostError)
    return Level.FULL if known else Level.WARNING


def _both_roles(pair: Pair) -> tuple[tuple[Machine, Role], tuple[Machine, Role]]:
    return (pair.target, Role.TARGET), (pair.source, Role.SOURCE)


def _refuse_damaged(machine: Machine, memory: Memory) -> None:
    if memory.damaged:
        raise CheckError(
            f"{machine.name}: the record of run {', '.join(memory.damaged)} is damaged or of a newer pc-switcher",
            f"look at /var/lib/pc-switcher/runs on {machine.name}; install the newer program, or move the folder away",
        )
