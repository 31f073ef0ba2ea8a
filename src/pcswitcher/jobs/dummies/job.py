"""The three dummies. What they share is the job; what they are for is a few lines each."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import TypeVar

from pcswitcher.jobs.api import (
    AgentLog,
    Job,
    JobPlan,
    JobReport,
    Level,
    Listener,
    Machine,
    Outcome,
    ProgressReport,
    Side,
    States,
    World,
)
from pcswitcher.jobs.dummies.apply import take_time, write_note
from pcswitcher.jobs.dummies.capture import read_note
from pcswitcher.jobs.dummies.diff import NOTE, Planned, diff, narrow
from pcswitcher.jobs.dummies.practice import Line, beginning, everyday_lines
from pcswitcher.jobs.dummies.settings import CriticalSettings, DummySettings, FailingSettings
from pcswitcher.jobs.dummies.state import HOME, Note, note_path

S = TypeVar("S", bound=DummySettings)


class Dummy(Job[S, Note, Planned]):
    """Carries a note, and takes its time about it: first on the source, then on the target."""

    def __init__(self, settings: S) -> None:
        super().__init__(settings)
        self.home = HOME
        """The tree in which its note is, on both machines."""

    def trees(self) -> tuple[bytes, ...]:
        """See Job."""
        return (self.home,)

    @property
    def state_type(self) -> type[Note]:
        """See Job."""
        return Note

    async def capture(self, side: Side, world: World) -> Note:
        """See Job."""
        return await side.machine.call(read_note, note_path(side.directory(self.home), self.name))

    def diff(self, states: States[Note]) -> JobPlan[Planned]:
        """See Job. With the setting ``repeat`` there is something to do at every run, a thing that leaves no trace."""
        seconds = f"{self.settings.source_seconds:g} s here and {self.settings.target_seconds:g} s there"
        return diff(states, seconds if self.settings.repeat else "")

    def narrow(self, plan: JobPlan[Planned], refused: frozenset[str]) -> JobPlan[Planned]:
        """See Job."""
        return narrow(plan, refused)

    async def apply(self, world: World, plan: JobPlan[Planned]) -> JobReport:
        """See Job."""
        if plan.data.empty:
            return JobReport(outcome=Outcome.DONE, items=0)
        if not self.settings.stubborn:
            return await self._do(world, plan)
        doing = asyncio.ensure_future(self._do(world, plan))
        while not doing.done():
            try:
                await asyncio.shield(doing)
            except asyncio.CancelledError:
                world.log(self.name, Level.WARNING, world.source.machine.name, "told to stop, and goes on (stubborn)")
        return doing.result()

    async def verify(self, world: World, plan: JobPlan[Planned], report: JobReport) -> tuple[str, ...]:
        """See Job."""
        if plan.data.note is None:
            return ()
        there = world.target.machine
        found = await there.call(read_note, note_path(self.home, self.name))
        return () if found == plan.data.note else (f"{there.name}: the note is not the one that was carried",)

    async def gone(self, machine: Machine, items: Sequence[str]) -> frozenset[str]:
        """See Job."""
        if NOTE not in items:
            return frozenset()
        found = await machine.call(read_note, note_path(self.home, self.name))
        return frozenset({NOTE} if found.text is None else ())

    def lines(self, seconds: float, *, there: bool) -> tuple[Line, ...]:
        """What it says on one machine after its beginning, when it takes so many seconds."""
        return ()

    async def practise(self, world: World) -> None:
        """Take the time, on one machine after the other."""
        settings = self.settings
        parts = ((world.source, settings.source_seconds), (world.target, settings.target_seconds))
        total, before = sum(math.ceil(seconds) for _, seconds in parts), 0
        for side, seconds in parts:
            listener = self._listener(world, side.machine, before, total)
            lines = (beginning(seconds), *self.lines(seconds, there=side is world.target))
            await take_time(side.machine, listener, seconds, lines, stubborn=settings.stubborn)
            before += math.ceil(seconds)

    async def _do(self, world: World, plan: JobPlan[Planned]) -> JobReport:
        await self.practise(world)
        if plan.data.note is not None:
            await world.target.machine.call(write_note, note_path(self.home, self.name), plan.data.note)
        return JobReport(outcome=Outcome.DONE, items=len(plan.changes))

    def _listener(self, world: World, machine: Machine, before: int, total: int) -> Listener:
        def progress(report: ProgressReport) -> None:
            world.progress(self.name, machine.name, before + report.done, total, report.unit)

        def log(line: AgentLog) -> None:
            world.log(self.name, line.level, machine.name, line.message, **line.fields)

        return Listener(progress=progress, log=log)


class DummySuccess(Dummy[DummySettings]):
    """Takes its time on both machines, warns and tells of an error on each, and succeeds."""

    name = "dummy_success"
    title = "Dummy that succeeds"
    settings_type = DummySettings

    def lines(self, seconds: float, *, there: bool) -> tuple[Line, ...]:
        """See Dummy."""
        return everyday_lines(seconds)


class DummyCritical(Dummy[CriticalSettings]):
    """Logs CRITICAL on the target, and would go on: the run must stop it."""

    name = "dummy_critical"
    title = "Dummy that is critical"
    settings_type = CriticalSettings

    def lines(self, seconds: float, *, there: bool) -> tuple[Line, ...]:
        """See Dummy."""
        when = self.settings.critical_after
        return (Line(after=when, level=Level.CRITICAL, message="as bad as can be, on purpose"),) if there else ()


class DummyFailing(Dummy[FailingSettings]):
    """Raises part-way and says nothing before: the run must tell."""

    name = "dummy_failing"
    title = "Dummy that fails"
    settings_type = FailingSettings

    async def practise(self, world: World) -> None:
        """See Dummy. Raises RuntimeError, as a mistake in a job would."""
        limit = asyncio.timeout(self.settings.fail_after)
        try:
            async with limit:
                await super().practise(world)
        except TimeoutError:
            if limit.expired():
                raise RuntimeError("dummy_failing fails on purpose") from None
            raise
