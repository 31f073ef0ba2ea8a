"""One sync, from connect to record (design §3): the steps, in order, and their cleaning up."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Sequence
from contextlib import AsyncExitStack

import attrs

from pcswitcher.jobs.api import Change, Details, Finding, Severity, Side, World
from pcswitcher.jobs.presence import require_jobs
from pcswitcher.jobs.registry import AnyJob
from pcswitcher.machine.logins import end_sessions, read_logins
from pcswitcher.machine.sudo import AskPassword
from pcswitcher.model.errors import InterruptedRunError, PcSwitcherError, UsageError
from pcswitcher.model.events import Level, Outcome, RunFinished, Step
from pcswitcher.model.plan import Plan
from pcswitcher.model.settings import LoggedInReaction, Settings
from pcswitcher.run.bases import Common, read_common
from pcswitcher.run.book import CLEANING_PATIENCE, Book, trouble_level
from pcswitcher.run.bus import Bus
from pcswitcher.run.care import cared_for
from pcswitcher.run.changing import Changing
from pcswitcher.run.checks import check_machines, raise_blocking, trees_of
from pcswitcher.run.disk import check_room, tell_want_of_room
from pcswitcher.run.graph import StubbornJobsError
from pcswitcher.run.housekeeping import keep_house
from pcswitcher.run.kept_logs import keep_copies
from pcswitcher.run.lineage import ancestry_of, check_lineage
from pcswitcher.run.machines import (
    Pair,
    connect,
    lock,
    name_locks,
    prefer_cause,
    start_source,
    start_target,
    while_there,
)
from pcswitcher.run.marks import change_marks_on, marks_from, read_marks_of
from pcswitcher.run.options import Mode, SyncOptions
from pcswitcher.run.plan import PlannedJob
from pcswitcher.run.planning import (
    bytes_by_tree,
    check_jobs,
    findings_of,
    make_plan,
    make_planned,
    nothing_outcome,
    tell_plan,
)
from pcswitcher.run.recovery import recover
from pcswitcher.run.result import SyncResult, declined, judge, pending, result_of, unchanged, unexpected
from pcswitcher.run.review import Reviewer
from pcswitcher.run.snapshotting import RunSnapshots
from pcswitcher.run.stopping import Stopper, uninterrupted
from pcswitcher.run.telling import Applied
from pcswitcher.snapshots.names import Moment


class Sync:
    """One run from this PC to another."""

    def __init__(
        self,
        options: SyncOptions,
        jobs: Sequence[AnyJob],
        settings: Settings,
        bus: Bus,
        reviewer: Reviewer,
        ask: AskPassword,
    ) -> None:
        self._options = options
        self._jobs = tuple(jobs)
        self._settings = settings
        self._bus = bus
        self._reviewer = reviewer
        self._ask = ask
        self._stopper = Stopper(bus)
        self._book = Book(bus)
        self._snapshots = RunSnapshots("", bus)
        self._findings: list[Finding] = []
        self._changing = False
        """Whether the target may differ from its snapshots of before."""

    async def run(self) -> SyncResult:
        """Do the run. Every error becomes a result; the last event is always RunFinished."""
        started = time.monotonic()
        if not self._jobs:
            raise UsageError("no job is selected", "leave out --skip, or name another job with --only")
        self._stopper.begin()
        try:
            async with AsyncExitStack() as stack:
                result = await self._steps(stack)
        except asyncio.CancelledError:
            result = result_of(self._stopper.cause)
        except StubbornJobsError as error:
            result = attrs.evolve(result_of(self._stopper.cause), abandoned=True)
            self._bus.log(Level.ERROR, f"killed with all they had started on both machines: {', '.join(error.names)}")
        except Exception as error:  # noqa: BLE001 - whatever it was, people and programs hear how the run ended
            cause = prefer_cause(error)
            result = result_of(cause) if cause else self._unexpected(error)
        finally:
            self._stopper.end()
        self._bus.tell(
            RunFinished(
                run=self._book.label,
                outcome=result.outcome,
                exit_code=result.exit_code,
                message=result.message,
                hint=result.hint,
                seconds=time.monotonic() - started,
            )
        )
        return result

    def _unexpected(self, error: Exception) -> SyncResult:
        """The end by an error of our own making: where it came from is for the log only."""
        self._stopper.end()  # a CRITICAL line would stop what has ended
        result = unexpected(error)
        self._bus.log(Level.CRITICAL, result.message)
        self._bus.log(Level.DEBUG, "".join(traceback.format_exception(error)))
        return result

    async def _steps(self, stack: AsyncExitStack) -> SyncResult:
        pair = await self._meet(stack)
        try:
            async with self._book.step(Step.LOCK):
                await lock(pair)
                await self._book.open(pair, dry_run=self._options.changes_nothing, log=self._options.log_name)
                await name_locks(pair, self._book.label)
            stack.push_async_callback(self._keep_log, pair)
            self._snapshots = RunSnapshots(self._book.label, self._bus)
            await self._take_care(pair, stack)
            await self._recover(pair)
            sides, common = await self._check(pair)
            world = self._world(pair, *sides)
            async with self._book.step(Step.SNAPSHOT):
                world = await self._snapshots.take(world, Moment.PRE)
                self._book.note(snapshots=self._snapshots.taken)
            planned, plan = await self._plan(world, common)
            reviewed = await while_there(pair.both, self._review(world, planned, plan))
            return await self._finish(world, planned, plan, reviewed, common)
        except BaseException as error:
            await uninterrupted(self._clean_up(pair, error))
            raise

    async def _meet(self, stack: AsyncExitStack) -> Pair:
        """Connect and deploy: both machines behind their agents."""
        async with self._book.step(Step.CONNECT):
            connecting = asyncio.create_task(connect(self._options.host, stack, self._bus.route))
            try:
                source = await start_source(self._ask, self._bus, stack)
                master = await connecting
            except BaseException:
                connecting.cancel()
                await asyncio.gather(connecting, return_exceptions=True)
                raise
        async with self._book.step(Step.DEPLOY):
            return await start_target(
                master, source, self._ask, self._bus, stack, ephemeral=self._options.changes_nothing
            )

    async def _keep_log(self, pair: Pair) -> None:
        """Leave a copy of the log on both machines, however the run ended."""
        if self._options.log is not None and not self._options.changes_nothing:
            keep = self._settings.log.keep
            await keep_copies(pair.both, self._book.label, self._options.log, self._bus, keep)

    async def _take_care(self, pair: Pair, stack: AsyncExitStack) -> None:
        """Keep both machines awake, their updates paused and their room watched, until the end of the run."""
        if not self._options.changes_nothing:
            trees = trees_of(self._jobs)
            care = cared_for(pair, self._book.label, self._settings, self._bus, self._stopper.stop, trees=trees)
            await stack.enter_async_context(care)

    async def _recover(self, pair: Pair) -> None:
        """Settle runs that did not come to their end. A dry run leaves them for the next one."""
        if self._options.changes_nothing:
            return
        for machine in pair.both:
            memory = self._book.memory[machine.name]
            self._book.memory[machine.name] = await recover(
                machine, memory, self._settings, self._bus, running=self._book.label
            )

    async def _check(self, pair: Pair) -> tuple[tuple[Side, Side], Common]:
        """Check both machines for everything before anything is changed (requirement J3)."""
        async with self._book.step(Step.CHECK):
            await require_jobs(pair.both, [job.name for job in self._jobs])
            checked = await check_machines(pair.source, pair.target, self._jobs, self._settings)
            world = self._world(pair, checked.source, checked.target)
            found = await check_jobs(world, self._jobs)
            common = await read_common(pair.source, pair.target, *self._book.ids, self._jobs)
            here, there = (self._book.memory[machine.name] for machine in pair.both)
            names = frozenset(job.name for job in self._jobs)
            self._book.note(ancestry=ancestry_of(here, names))
            lineage = check_lineage(here, there, pair.source.name, pair.target.name, base=common.known, jobs=names)
            findings = [*checked.findings, *(finding for each in found for finding in each), *lineage]
            self._take_findings([*findings, *common.findings])
            raise_blocking([finding for finding in findings if finding.stops])
            return (checked.source, checked.target), common

    async def _plan(self, world: World, common: Common) -> tuple[tuple[PlannedJob, ...], Plan]:
        source, target = world.source.machine, world.target.machine
        marks = await asyncio.gather(read_marks_of(source), read_marks_of(target))
        planned = await make_planned(world, self._jobs, common, marks, self._book, self._stopper.tell_failure)
        sizes = await asyncio.to_thread(bytes_by_tree, planned)
        room = await check_room(sizes, world.target, self._settings)
        findings = [*findings_of(planned, common, source.name, target.name), *room]
        self._take_findings(findings)
        plan = make_plan(world, planned, self._options.host, self._book.ids, self._findings)
        await tell_plan(plan, planned, self._bus)
        raise_blocking([finding for finding in findings if finding.stops])
        return planned, plan

    async def _review(self, world: World, planned: Sequence[PlannedJob], plan: Plan) -> Plan | None:
        """The plan with its decisions; None: nothing is to be done with it."""
        if not plan.items or self._options.mode is Mode.DRY_RUN:
            return None
        by_name = {each.job.name: each for each in planned}

        async def inspect(job: str, change: Change) -> Details:
            return await by_name[job].job.inspect(world, by_name[job].plan, change)

        async with self._book.step(Step.REVIEW):
            return await self._reviewer.review(plan, self._options.allowed, inspect)

    async def _finish(
        self, world: World, planned: tuple[PlannedJob, ...], plan: Plan, reviewed: Plan | None, common: Common
    ) -> SyncResult:
        if self._options.changes_nothing:
            await self._drop_snapshots(world)
            return pending(plan) if plan.items else unchanged(plan)
        if plan.items and reviewed is None:
            await self._drop_snapshots(world)
            result = declined(plan)
            await self._book.write(outcome=result.outcome, message=result.message)
            return result
        changing = Changing(
            world=world,
            plan=reviewed or plan,
            planned=planned,
            common=common,
            book=self._book,
            bus=self._bus,
            snapshots=self._snapshots,
            grace=self._settings.run.grace,
            failed=self._stopper.tell_failure,
        )
        if not plan.items:
            return await self._complete(changing, changing.nothing(), unchanged(plan), nothing_outcome(plan))
        await self._keep_marks(world, changing.plan)
        await changing.announce()
        if self._settings.run.logged_in is LoggedInReaction.LOG_OUT:
            await end_sessions(world.target.machine, await read_logins(world.target.machine))
        self._changing = True
        self._book.note(changed=True)
        await self._book.write(message="applying")
        applied = await changing.apply()
        if any(each.report.outcome is Outcome.FAILED for each in applied):
            await tell_want_of_room(world.target.machine, trees_of(self._jobs), self._settings.disk, self._bus)
        result = judge(plan.source, plan.target, applied)
        return await self._complete(changing, applied, result, result.outcome)

    async def _complete(
        self, changing: Changing, applied: Sequence[Applied], result: SyncResult, outcome: Outcome
    ) -> SyncResult:
        """Write everything down. An interrupt waits until that is done: the work itself is."""
        self._stopper.end()

        async def write_down() -> None:
            await changing.finish(applied, outcome, result.message)
            machines = (changing.world.source.machine, changing.world.target.machine)
            await keep_house(machines, self._jobs, self._settings.snapshots, self._bus)

        await uninterrupted(write_down())
        return result

    async def _keep_marks(self, world: World, plan: Plan) -> None:
        """Remember on each machine what was decided to be its own."""
        for_source, for_target = marks_from(plan)
        for machine, marks in ((world.target.machine, for_target), (world.source.machine, for_source)):
            await change_marks_on(machine, marks, ())

    async def _drop_snapshots(self, world: World) -> None:
        await asyncio.gather(*(self._snapshots.drop(side.machine) for side in (world.source, world.target)))
        self._book.drop_snapshots()

    async def _clean_up(self, pair: Pair, error: BaseException) -> None:
        """Leave each machine that can still be reached in order, and the truth on it; goes on whatever fails (I4)."""
        ended = isinstance(error, asyncio.CancelledError | StubbornJobsError)
        cause = self._stopper.cause if ended else prefer_cause(error)
        if self._book.label and not self._changing:
            self._book.drop_snapshots()
            for machine in pair.both:
                try:
                    async with asyncio.timeout(CLEANING_PATIENCE):
                        await self._snapshots.drop(machine)
                except (PcSwitcherError, TimeoutError) as trouble:
                    self._bus.log(trouble_level(trouble, cause), f"cleaning up failed: {trouble}", machine.name)
        # Everyone on the machine may read the record: it tells the kind of error and no path, the log tells the rest.
        outcome = Outcome.INTERRUPTED if isinstance(cause, InterruptedRunError) else Outcome.FAILED
        words = (
            (type(cause).__doc__ or "").splitlines()[0] if cause else f"An unforeseen error: {type(error).__name__}."
        )
        await self._book.close_failed(outcome, words, cause)

    def _world(self, pair: Pair, source: Side, target: Side) -> World:
        return World(run=self._book.label, source=source, target=target, shell=pair.shell, tell=self._bus.tell)

    def _take_findings(self, findings: Sequence[Finding]) -> None:
        for finding in findings:
            self._findings.append(finding)
            hint = f" ({finding.hint})" if finding.hint else ""
            level = Level.FULL if finding.severity is Severity.ADVICE else Level.WARNING
            self._bus.log(level, f"{finding.message}{hint}", finding.machine)
