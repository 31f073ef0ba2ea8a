"""The half of a run after the yes: apply, verify, snapshot, record (design §3)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

import attrs

from pcswitcher.jobs.api import JobReport, Side, World
from pcswitcher.jobs.registry import AnyJob
from pcswitcher.model.errors import ConnectionLostError, PcSwitcherError
from pcswitcher.model.events import JobFinished, JobStarted, Level, Outcome, Step
from pcswitcher.model.plan import Plan
from pcswitcher.run.alone import attempt, in_thread
from pcswitcher.run.bases import BROUGHT, BaseHead, Common, forget_bases, keep_base
from pcswitcher.run.book import Book
from pcswitcher.run.bus import Bus
from pcswitcher.run.graph import FAILED, Node, apply_graph, failure, reason_of
from pcswitcher.run.journal import sync_trees
from pcswitcher.run.plan import PlannedJob, refused_items
from pcswitcher.run.snapshotting import RunSnapshots
from pcswitcher.run.telling import Applied, details_of, job_record
from pcswitcher.snapshots.layout import Layout
from pcswitcher.snapshots.names import Moment

NOTHING = JobReport(outcome=Outcome.NOTHING, items=0)


@attrs.frozen(kw_only=True)
class Changing:
    """Making the target what was decided, with everything that is needed for it."""

    world: World
    plan: Plan
    planned: tuple[PlannedJob, ...]
    common: Common
    book: Book
    bus: Bus
    snapshots: RunSnapshots
    grace: float
    """Seconds a job that is told to stop may take."""
    failed: Callable[[str, str, Exception], None]
    """Told of a job that raised: its name, the machine it was to change, the cause."""

    async def announce(self) -> None:
        """Keep on the target what is going to be brought, before anything is: see ``run.bases``.

        Raises what keeps it from being written; nothing is changed then.
        """
        peer = self.book.ids[0]
        for each in self.planned:
            name, section = each.job.name, self.plan.section(each.job.name)
            known = self.common.heads.get(name)
            if not each.plan.changes or (known is not None and known.digest == section.source_state):
                continue
            head = self._head(each, self.world.target, section.source_state, len(each.encoded))
            await keep_base(self.world.target.machine, peer, head, each.encoded)
            earlier = self.common.brought_by.get(name, ())[-(BROUGHT - 1) :]
            keep = (*((known.run,) if known else ()), *earlier, head.run)
            await self.world.target.machine.call(forget_bases, peer, name, keep)

    async def apply(self) -> tuple[Applied, ...]:
        """Apply what was decided, job by job as their needs allow, and read it back.

        Raises what ends the whole run (see ``apply_graph``). Jobs that fail are in the reports.
        """
        left = {each.job.name: await self._narrowed(each) for each in self.planned}
        told = {each.job.name for each in self.planned if each.ended is not None}
        started: dict[str, float] = {}
        seconds: dict[str, float] = {}

        async def one(planned: PlannedJob) -> JobReport:
            started[planned.job.name] = time.monotonic()
            if planned.ended is not None:
                return planned.ended
            if not planned.plan.changes:
                return NOTHING
            self.bus.tell(
                JobStarted(
                    job=planned.job.name,
                    title=planned.job.title,
                    items=len(planned.plan.changes),
                    size=planned.section.totals.size,
                    summary=planned.section.totals.words,
                )
            )
            return await planned.job.apply(self.world, planned.plan)

        def ended(name: str, report: JobReport) -> None:
            moment = time.monotonic()
            seconds[name] = moment - started.get(name, moment)
            if name not in told:
                self._tell_end(name, report, seconds[name])

        def failed(name: str, error: Exception) -> None:
            self.failed(name, self._target, error)

        async with self.book.step(Step.APPLY):
            nodes = [Node(name=name, needs=each.job.needs, apply=partial(one, each)) for name, each in left.items()]
            reports = await apply_graph(nodes, grace=self.grace, failed=failed, ended=ended)
            # Payload before journal: the step is told as done once a power cut cannot undo it.
            await self.world.target.machine.call(sync_trees, tuple(p.tree for p in self.world.target.layout.trees))
        async with self.book.step(Step.VERIFY):
            return tuple([await self._read_back(each, reports[name], seconds[name]) for name, each in left.items()])

    async def _narrowed(self, planned: PlannedJob) -> PlannedJob:
        """What is left of a job's plan after the decisions; a job that raises has failed."""
        if planned.ended is not None:
            return planned

        def narrow() -> PlannedJob:
            left = planned.without(refused_items(self.plan, planned.job.name))
            _ = left.section.totals  # gone through here, in a thread of its own
            return left

        left = await attempt(in_thread(narrow))
        if isinstance(left, Exception):
            self.failed(planned.job.name, self._target, left)
            return attrs.evolve(planned, ended=failure(left))
        return left

    def nothing(self) -> tuple[Applied, ...]:
        """How a run went that had nothing to do."""
        return tuple(
            Applied(planned=each, section=self.plan.section(each.job.name), report=each.ended or NOTHING, seconds=0.0)
            for each in self.planned
        )

    async def finish(self, applied: Sequence[Applied], outcome: Outcome, message: str) -> None:
        """Take the post snapshots, write down how it went, and what both machines now have in common: last."""
        async with self.book.step(Step.POST_SNAPSHOT):
            after = await self.snapshots.take(self.world, Moment.POST)
        async with self.book.step(Step.RECORD):
            self.book.note(
                jobs=[job_record(each, self.plan) for each in applied],
                snapshots=self.snapshots.taken,
            )
            await self.book.write_details(details_of(self.book.label, applied, self.plan, self.bus))
            await self.book.write(outcome=outcome, message=message)
        for each in applied:
            try:
                trouble = await attempt(self._keep_base(each, after))
            except ConnectionLostError as error:
                trouble = error
            if trouble is not None:  # the one before stays: it is older, and true
                self._warn_of_base(self._target, each.section.job, trouble)

    async def _read_back(self, planned: PlannedJob, report: JobReport, seconds: float) -> Applied:
        name = planned.job.name

        async def verify() -> tuple[str, ...]:
            return tuple(await planned.job.verify(self.world, planned.plan, report))

        applied = report.outcome in {Outcome.DONE, Outcome.PARTIAL}
        found = await attempt(verify()) if applied else ()
        if isinstance(found, Exception):
            self.failed(name, self._target, found)
            reason = f"it could not be read back: {reason_of(found)}"
            report, found = attrs.evolve(report, outcome=Outcome.FAILED, reason=reason), ()
            self._tell_end(name, report, seconds)
        for difference in found:
            self.bus.log(Level.ERROR, difference, self._target, name)
        section = self.plan.section(name)
        return Applied(planned=planned, section=section, report=report, seconds=seconds, differences=found)

    def _tell_end(self, name: str, report: JobReport, seconds: float) -> None:
        for item in report.failures:
            self.bus.log(Level.ERROR, item, self._target, name)
        self.bus.tell(
            JobFinished(job=name, outcome=report.outcome, reason=report.reason, seconds=seconds, items=report.items)
        )

    async def _keep_base(self, applied: Applied, after: World) -> None:
        """Keep what both now have in common: the source's state, but for what was left as it was."""
        job, report = applied.planned.job, applied.report
        if report.outcome in FAILED or self.book.record is None:
            return
        if applied.differences:
            return  # nobody knows what is there: the old base stays true
        data, digest = applied.planned.encoded, applied.section.source_state
        if left := applied.left:
            state = await in_thread(partial(job.agree, applied.planned.states, left))
            data, digest = await in_thread(partial(job.encode_state, state)), job.state_digest(state)
        known = self.common.heads.get(job.name)
        is_new = known is None or known.digest != digest
        source_id, target_id = self.book.ids
        sides = ((after.target, source_id), (after.source, target_id))
        machine = after.target.machine
        try:
            if is_new:
                for side, peer in sides:
                    machine, head = side.machine, self._head(applied.planned, side, digest, len(data))
                    was_announced = bool(applied.section.changes) and digest == applied.section.source_state
                    if side is after.source or not was_announced:
                        await keep_base(machine, peer, head, data)
            # Not before both have it: what only one has must never be all there is.
            keep = (*((known.run,) if known else ()), *((self.book.label,) if is_new else ()))
            for side, peer in sides:
                machine = side.machine
                await machine.call(forget_bases, peer, job.name, keep)
        except PcSwitcherError as error:
            self._warn_of_base(machine.name, job.name, error)

    def _warn_of_base(self, machine: str, job: str, error: Exception) -> None:
        reason = str(error) if isinstance(error, PcSwitcherError) else f"{type(error).__name__}: {reason_of(error)}"
        self.bus.log(Level.WARNING, f"what both have in common could not be kept: {reason}", machine, job)

    def _head(self, planned: PlannedJob, side: Side, digest: str, size: int) -> BaseHead:
        source_id, target_id = self.book.ids
        return BaseHead(
            run=self.book.label,
            job=planned.job.name,
            state_version=planned.job.state_version,
            source_id=source_id,
            target_id=target_id,
            digest=digest,
            size=size,
            subvolumes=held_subvolumes(planned.job, side.layout),
        )

    @property
    def _target(self) -> str:
        return self.world.target.machine.name


def held_subvolumes(job: AnyJob, layout: Layout) -> tuple[str, ...]:
    """The subvolumes whose snapshots belong to a base of ``job``."""
    if not job.holds_snapshots:
        return ()
    return tuple(dict.fromkeys(layout.place_of(tree).subvolume for tree in job.trees()))
