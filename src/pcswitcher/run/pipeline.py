"""One sync, from connect to record (design §3): the steps, in order, and their cleaning up."""

from __future__ import annotations

import asyncio
import getpass
import os
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import attrs

from pcswitcher import __version__
from pcswitcher.jobs.api import Finding, Gate, JobReport, Severity, Side, World
from pcswitcher.jobs.registry import AnyJob
from pcswitcher.machine.api import Machine
from pcswitcher.machine.lock import Role
from pcswitcher.machine.sudo import AskPassword
from pcswitcher.model.errors import (
    CheckError,
    ExitCode,
    InterruptedRunError,
    PcSwitcherError,
    UsageError,
)
from pcswitcher.model.events import (
    JobFinished,
    Level,
    Outcome,
    PlanLine,
    RunFinished,
    RunStarted,
    Step,
    StepFinished,
    StepStarted,
    now,
)
from pcswitcher.model.text import human_count
from pcswitcher.run.bus import Bus
from pcswitcher.run.checks import check_lineage, check_machines, raise_blocking
from pcswitcher.run.machines import Pair, connect, lock, prefer_cause, start_source, start_target
from pcswitcher.run.plan import Plan, PlannedJob
from pcswitcher.run.record import JobRecord, Memory, RunRecord, read_memory, write_record
from pcswitcher.run.result import SyncResult, judge, result_of, unchanged
from pcswitcher.run.review import Reviewer
from pcswitcher.snapshots.layout import PlaceKind
from pcswitcher.snapshots.names import Moment
from pcswitcher.snapshots.snapshots import (
    create_snapshots,
    delete_snapshots,
    prepare_snapshots,
    remove_empty_place,
)

CLEANING_PATIENCE = 10.0
"""Seconds each machine gets for cleaning up after a failure."""


@attrs.frozen(kw_only=True)
class SyncOptions:
    """What a person asked for."""

    host: str
    dry_run: bool = False
    allowed: frozenset[Gate] = frozenset()


class Sync:
    """One run from this PC to another."""

    def __init__(
        self, options: SyncOptions, jobs: Sequence[AnyJob], bus: Bus, reviewer: Reviewer, ask: AskPassword
    ) -> None:
        self._options = options
        self._jobs = tuple(jobs)
        self._bus = bus
        self._reviewer = reviewer
        self._ask = ask
        self._label = ""
        self._findings: list[Finding] = []
        self._memory: dict[str, Memory] = {}
        self._record: RunRecord | None = None
        self._new_places: list[Machine] = []
        """Machines that had no place for snapshots before this run."""
        self._changing = False
        """Whether the target may differ from its snapshots of before."""

    async def run(self) -> SyncResult:
        """Do the run. Every error becomes a result; the last event is always RunFinished."""
        started = time.monotonic()
        if not self._jobs:
            raise UsageError("no job is selected", "leave out --skip, or name another job with --only")
        try:
            async with AsyncExitStack() as stack:
                result = await self._steps(stack)
        except asyncio.CancelledError:
            result = result_of(InterruptedRunError("the run was interrupted", "start the same command again"))
        except Exception as error:
            cause = prefer_cause(error)
            if cause is None:
                self._bus.log(Level.CRITICAL, f"{type(error).__name__}: {error}")
                raise
            result = result_of(cause)
        self._bus.tell(
            RunFinished(
                run=self._label,
                outcome=result.outcome,
                exit_code=result.exit_code,
                message=result.message,
                hint=result.hint,
                seconds=time.monotonic() - started,
            )
        )
        return result

    async def _steps(self, stack: AsyncExitStack) -> SyncResult:
        pair = await self._meet(stack)
        async with self._step(Step.LOCK):
            await lock(pair)
            await self._remember(pair)
        sides = await self._check(pair)
        try:
            world = await self._snapshot(pair, sides)
            plan = await self._plan(world)
            if plan.items == 0 or self._options.dry_run or not await self._review(plan):
                return await self._finish_unchanged(pair, world, plan)
            return await self._change(pair, world, plan)
        except BaseException as error:
            await self._record_failure(pair, error)
            raise

    async def _meet(self, stack: AsyncExitStack) -> Pair:
        """Connect and deploy: both machines behind their agents."""
        async with self._step(Step.CONNECT):
            connecting = asyncio.create_task(connect(self._options.host, stack))
            try:
                source = await start_source(self._ask, self._bus, stack)
                master = await connecting
            except BaseException:
                connecting.cancel()
                await asyncio.gather(connecting, return_exceptions=True)
                raise
        async with self._step(Step.DEPLOY):
            return await start_target(master, source, self._ask, self._bus, stack, ephemeral=self._options.dry_run)

    async def _remember(self, pair: Pair) -> None:
        here, there = await asyncio.gather(*(machine.call(read_memory) for machine in pair.both))
        self._memory = {pair.source.name: here, pair.target.name: there}
        for machine, memory in ((pair.source, here), (pair.target, there)):
            if memory.damaged:
                raise CheckError(
                    f"{machine.name}: the record of run {', '.join(memory.damaged)} cannot be read",
                    f"look at /var/lib/pc-switcher/runs on {machine.name}; move the damaged folder away",
                )
        if self._options.dry_run:
            self._label = f"dry-run-{os.getpid()}-{int(time.time())}"
        else:
            self._label = f"{max(here.last_number, there.last_number) + 1:04d}"
            self._record = RunRecord(
                label=self._label,
                role=Role.SOURCE,
                source=pair.source.name,
                target=pair.target.name,
                source_id=here.identity.id,
                target_id=there.identity.id,
                user=getpass.getuser(),
                version=__version__,
                started=now(),
            )
        self._bus.tell(
            RunStarted(
                run=self._label,
                source=pair.source.name,
                target=pair.target.name,
                version=__version__,
                dry_run=self._options.dry_run,
            )
        )

    async def _check(self, pair: Pair) -> tuple[Side, Side]:
        """Check both machines for everything before anything is changed (requirement J3)."""
        async with self._step(Step.CHECK):
            checked = await check_machines(pair.source, pair.target, self._jobs)
            world = self._world(pair, checked.source, checked.target)
            found = await asyncio.gather(*(job.check(world) for job in self._jobs))
            findings = [*checked.findings, *(finding for each in found for finding in each)]
            findings += check_lineage(
                pair.source, pair.target, self._memory[pair.source.name], self._memory[pair.target.name]
            )
            self._take_findings(findings)
            raise_blocking([each for each in findings if each.severity is Severity.BLOCKING and each.gate is None])
            return checked.source, checked.target

    async def _snapshot(self, pair: Pair, sides: tuple[Side, Side]) -> World:
        async with self._step(Step.SNAPSHOT):
            world = self._world(pair, *sides)
            source, target = await self._take_both_snapshots(world, Moment.PRE)
            return attrs.evolve(world, source=source, target=target)

    async def _take_both_snapshots(self, world: World, moment: Moment) -> tuple[Side, Side]:
        return await asyncio.gather(
            self._take_snapshots(world.source, moment), self._take_snapshots(world.target, moment)
        )

    async def _take_snapshots(self, side: Side, moment: Moment) -> Side:
        if side.layout.snapshots.kind is PlaceKind.MISSING and moment is Moment.PRE:
            self._new_places.append(side.machine)
        await side.machine.call(prepare_snapshots)
        taken = await side.machine.call(create_snapshots, self._label, moment, side.layout.names)
        for snapshot in taken:
            self._bus.log(Level.FULL, f"snapshot {snapshot.moment} of {snapshot.subvolume}", side.machine.name)
        return attrs.evolve(side, snapshots=taken)

    async def _plan(self, world: World) -> Plan:
        async with self._step(Step.CAPTURE):
            captured = await asyncio.gather(*(job.capture(world) for job in self._jobs))
        async with self._step(Step.DIFF):
            planned = [PlannedJob(job, await job.diff(state)) for job, state in zip(self._jobs, captured, strict=True)]
        for each in planned:
            self._take_findings(each.plan.findings)
            self._bus.tell(
                PlanLine(
                    job=each.job.name,
                    title=each.job.title,
                    summary=each.plan.summary,
                    removals=each.plan.removals,
                    warnings=tuple(finding.message for finding in each.plan.findings),
                )
            )
            for line in each.plan.details:
                self._bus.log(Level.FULL, line, world.target.machine.name, each.job.name)
        plan = Plan(
            source=world.source.machine.name,
            target=world.target.machine.name,
            jobs=tuple(planned),
            findings=tuple(self._findings),
        )
        for problem in plan.problems:
            self._bus.log(Level.WARNING, problem, plan.target)
        raise_blocking([each for each in plan.findings if each.severity is Severity.BLOCKING and each.gate is None])
        return plan

    async def _review(self, plan: Plan) -> bool:
        async with self._step(Step.REVIEW):
            return await self._reviewer.review(plan, self._options.allowed)

    async def _change(self, pair: Pair, world: World, plan: Plan) -> SyncResult:
        self._changing = True
        await self._write_record(pair, outcome=None, message="applying")
        async with self._step(Step.APPLY):
            reports = [(planned, await self._apply(world, planned)) for planned in plan.jobs]
        async with self._step(Step.VERIFY):
            differences = [
                difference
                for planned, report in reports
                for difference in await planned.job.verify(world, planned.plan, report)
            ]
        for difference in differences:
            self._bus.log(Level.ERROR, difference, pair.target.name)
        async with self._step(Step.POST_SNAPSHOT):
            await self._take_both_snapshots(world, Moment.POST)
        result = judge(pair.source.name, pair.target.name, [report for _, report in reports], differences)
        async with self._step(Step.RECORD):
            jobs = tuple(
                JobRecord(
                    name=planned.job.name,
                    outcome=report.outcome,
                    items=report.items,
                    size=planned.plan.size,
                    reason=report.reason,
                )
                for planned, report in reports
            )
            await self._write_record(pair, outcome=result.outcome, message=result.message, jobs=jobs)
        return result

    async def _apply(self, world: World, planned: PlannedJob) -> JobReport:
        started = time.monotonic()
        report = await planned.job.apply(world, planned.plan)
        for failure in report.failures:
            self._bus.log(Level.ERROR, failure, world.target.machine.name, planned.job.name)
        self._bus.tell(
            JobFinished(
                job=planned.job.name,
                outcome=report.outcome,
                reason=report.reason,
                seconds=time.monotonic() - started,
                items=report.items,
            )
        )
        return report

    async def _finish_unchanged(self, pair: Pair, world: World, plan: Plan) -> SyncResult:
        """End a run that writes nothing: a dry run, nothing to do, or a plan that was declined."""
        target = plan.target
        if plan.items:
            await self._drop_snapshots(pair)
            if self._options.dry_run:
                return SyncResult(
                    outcome=Outcome.PENDING,
                    exit_code=ExitCode.CHANGES_PENDING,
                    message=f"{human_count(plan.items, 'change')} would be made to {target}; nothing was changed",
                    hint="leave out --dry-run to make them",
                )
            return SyncResult(
                outcome=Outcome.DECLINED,
                exit_code=ExitCode.INTERRUPTED,
                message=f"the plan was declined; nothing was changed on {target}",
            )
        result = unchanged(plan)
        if self._options.dry_run:
            await self._drop_snapshots(pair)
            return result
        async with self._step(Step.POST_SNAPSHOT):
            await self._take_both_snapshots(world, Moment.POST)
        async with self._step(Step.RECORD):
            outcome = Outcome.PARTIAL if plan.problems else Outcome.DONE
            words = f"{human_count(len(plan.problems), 'item')} could not be made equal" if plan.problems else ""
            await self._write_record(pair, outcome=outcome, message=words or result.message)
        return result

    async def _drop_snapshots(self, pair: Pair) -> None:
        await asyncio.gather(*(self._drop_snapshots_of(machine) for machine in pair.both))

    async def _drop_snapshots_of(self, machine: Machine) -> None:
        await machine.call(delete_snapshots, self._label, None)
        if machine in self._new_places:
            await machine.call(remove_empty_place)

    async def _record_failure(self, pair: Pair, error: BaseException) -> None:
        """Leave the truth behind on each machine that can still be reached."""
        cause = prefer_cause(error)
        # Everyone on the machine may read the record: it tells the kind of error and no path, the log tells the rest.
        kind = type(cause) if cause else InterruptedRunError
        words = (kind.__doc__ or kind.__name__).splitlines()[0]
        outcome = Outcome.INTERRUPTED if isinstance(error, asyncio.CancelledError) else Outcome.FAILED
        for machine, role in _both_roles(pair):
            try:
                async with asyncio.timeout(CLEANING_PATIENCE):
                    if not self._changing:
                        await self._drop_snapshots_of(machine)
                    await self._write_one_record(machine, role, outcome=outcome, message=words)
            except (PcSwitcherError, TimeoutError) as trouble:
                # Cleaning goes on whatever fails (requirement I4).
                self._bus.log(Level.WARNING, f"cleaning up on {machine.name} failed: {trouble}", machine.name)

    async def _write_record(
        self, pair: Pair, *, outcome: Outcome | None, message: str, jobs: tuple[JobRecord, ...] = ()
    ) -> None:
        for machine, role in _both_roles(pair):
            await self._write_one_record(machine, role, outcome=outcome, message=message, jobs=jobs)

    async def _write_one_record(
        self,
        machine: Machine,
        role: Role,
        *,
        outcome: Outcome | None,
        message: str,
        jobs: tuple[JobRecord, ...] = (),
    ) -> None:
        if self._record is None:
            return  # a dry run leaves nothing behind
        record = attrs.evolve(
            self._record,
            role=role,
            outcome=outcome,
            message=message,
            jobs=jobs,
            ended=None if outcome is None else now(),
        )
        await machine.call(write_record, record, self._memory[machine.name].identity)

    def _world(self, pair: Pair, source: Side, target: Side) -> World:
        return World(run=self._label, source=source, target=target, shell=pair.shell, tell=self._bus.tell)

    def _take_findings(self, findings: Sequence[Finding]) -> None:
        for finding in findings:
            self._findings.append(finding)
            hint = f" ({finding.hint})" if finding.hint else ""
            level = Level.FULL if finding.severity is Severity.ADVICE else Level.WARNING
            self._bus.log(level, f"{finding.message}{hint}", finding.machine)

    @asynccontextmanager
    async def _step(self, step: Step) -> AsyncGenerator[None]:
        self._bus.tell(StepStarted(step=step))
        started = time.monotonic()
        yield
        self._bus.tell(StepFinished(step=step, seconds=time.monotonic() - started))


def _both_roles(pair: Pair) -> tuple[tuple[Machine, Role], tuple[Machine, Role]]:
    # The target first: what the source believes must be true there already.
    return (pair.target, Role.TARGET), (pair.source, Role.SOURCE)
