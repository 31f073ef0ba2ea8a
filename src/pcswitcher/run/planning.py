"""From what the jobs captured to the plan: capture, diff, marks, warnings (design §3)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeAlias, TypeVar

import attrs

from pcswitcher import __version__
from pcswitcher.jobs.api import Finding, Gate, Severity, States, World
from pcswitcher.jobs.registry import AnyJob
from pcswitcher.model.errors import CheckError, PcSwitcherError, PlanningError, SettingsError, SnapshotError
from pcswitcher.model.events import JobFinished, Level, Outcome, Step
from pcswitcher.model.plan import Action, Plan
from pcswitcher.model.text import escape
from pcswitcher.run.alone import attempt, in_thread
from pcswitcher.run.bases import Common
from pcswitcher.run.book import Book
from pcswitcher.run.bus import Bus
from pcswitcher.run.graph import failure, reason_of, skipped
from pcswitcher.run.marks import Marks, marked_items
from pcswitcher.run.plan import PlannedJob
from pcswitcher.run.result import SEE_WHY
from pcswitcher.run.telling import change_lines, plan_line

T = TypeVar("T")
TellFailure: TypeAlias = Callable[[str, str, Exception], None]
"""Is told of a job that raised: its name, the machine it was to change (empty: none yet), the cause."""

ENDS_THE_RUN = (CheckError, SettingsError, SnapshotError)
"""What a job raises while it is planned to end the whole run, as a lost machine does: no other may go on either."""
LINES_AT_ONCE = 500
"""Lines of the plan that are logged before others may go on: a million of them take longer than an agent waits."""


async def check_jobs(world: World, jobs: Sequence[AnyJob]) -> tuple[tuple[Finding, ...], ...]:
    """What each job finds on both machines. One that raises is itself a finding that stops the run (J3).

    Raises ConnectionLostError; nothing of a check is still at work then.
    """

    async def check(job: AnyJob) -> tuple[Finding, ...]:
        return tuple(await job.check(world))

    async def one(job: AnyJob) -> tuple[Finding, ...]:
        found = await attempt(check(job))
        return (_no_check(job, found),) if isinstance(found, Exception) else found

    async with asyncio.TaskGroup() as group:
        checking = [group.create_task(one(job)) for job in jobs]
    return tuple(each.result() for each in checking)


def _no_check(job: AnyJob, error: Exception) -> Finding:
    is_ours = isinstance(error, PcSwitcherError)
    reason = reason_of(error) if is_ours else f"{type(error).__name__}: {reason_of(error)}"
    return Finding(
        severity=Severity.BLOCKING,
        machine="",
        message=f"{job.title} could not be checked: {reason}",
        hint=(error.hint if isinstance(error, PcSwitcherError) else "") or f"leave it out: --skip {job.name}",
    )


async def make_planned(
    world: World, jobs: Sequence[AnyJob], common: Common, marks: tuple[Marks, Marks], book: Book, failed: TellFailure
) -> tuple[PlannedJob, ...]:
    """Capture and compare, every job on both machines. ``marks``: of source and target.

    A job that raises has failed, which ``failed`` is told at once, and what needs it is skipped; both are in the
    result. Raises what ends the run (``ENDS_THE_RUN``), alone or in a group; no other job is at work then.
    """

    async def capture(job: AnyJob) -> tuple[object, object]:
        here, there = await job.capture_both(world)
        return here, there

    async with book.step(Step.CAPTURE):
        async with asyncio.TaskGroup() as group:
            capturing = [group.create_task(_alone(job, capture(job), failed)) for job in jobs]
        captured = [each.result() for each in capturing]
    async with book.step(Step.DIFF):
        planned: dict[str, PlannedJob] = {}
        for job, both in zip(jobs, captured, strict=True):  # each after those it needs
            needs = [planned[name] for name in job.needs if name in planned]
            broken = [each.job.name for each in needs if each.ended is not None]
            if isinstance(both, Exception) or broken:
                report = failure(both) if isinstance(both, Exception) else skipped(broken[0])
                planned[job.name] = PlannedJob.unplanned(job, report)
                continue
            base, brought = common.states.get(job.name), common.brought.get(job.name, ())
            states = States(source=both[0], target=both[1], base=base, brought=brought)
            compared = await _alone(job, in_thread(partial(_compare, job, states, marks)), failed)
            if isinstance(compared, Exception):
                compared = PlannedJob.unplanned(job, failure(compared))
            planned[job.name] = compared
        return tuple(planned.values())


async def _alone(job: AnyJob, work: Awaitable[T], failed: TellFailure) -> T | Exception:
    """What a job's own code gives, or what it raised, which is told. Raises what ends the run."""
    result = await attempt(work)
    if isinstance(result, ENDS_THE_RUN):
        raise result
    if isinstance(result, Exception):
        failed(job.name, "", result)
    return result


def _compare(job: AnyJob, states: States[object], marks: tuple[Marks, Marks]) -> PlannedJob:
    plan = job.diff(states)
    marked = marked_items(marks, job.name, plan.changes)
    encoded = job.encode_state(states.source)
    planned = PlannedJob(job, states, plan, tuple(sorted(marked)), encoded, job.state_digest(states.target))
    left = planned.without(marked)
    if marked:  # with an item goes what cannot be done without it
        names = {change.item for change in plan.changes} - {change.item for change in left.plan.changes}
        left = attrs.evolve(left, marked=tuple(sorted(names)))
    _ = left.section.totals  # gone through here, in a thread of its own
    return left


def make_plan(
    world: World, planned: Sequence[PlannedJob], host: str, ids: tuple[str, str], findings: Sequence[Finding]
) -> Plan:
    """Put together what a person reviews. ``ids``: machine ids of source and target. Pure."""
    return Plan(
        host=host,
        source=world.source.machine.name,
        target=world.target.machine.name,
        source_id=ids[0],
        target_id=ids[1],
        version=__version__,
        sections=tuple(each.section for each in planned),
        findings=tuple(findings),
    )


def findings_of(planned: Sequence[PlannedJob], common: Common, source: str, target: str) -> list[Finding]:
    """What the jobs found while comparing, and which of them compare two machines for the first time. Pure."""
    findings = [finding for each in planned for finding in each.plan.findings]
    if not common.known:
        return findings  # the whole pair is at its first sync: lineage says so
    for each in planned:
        takes = any(count for action, count in each.section.totals.counts.items() if action is not Action.ADD)
        if each.job.name not in common.states and takes:
            findings.append(
                Finding(
                    severity=Severity.WARNING,
                    machine=target,
                    message=f"{each.job.title}: {source} and {target} have nothing of this kind in common yet: what "
                    f"{target} has of its own will be replaced or removed",
                    hint="look at every change and removal",
                    gate=Gate.FIRST_SYNC,
                )
            )
    return findings


def bytes_by_tree(planned: Sequence[PlannedJob]) -> dict[bytes, int]:
    """How many bytes would come to each tree of the target; what lies in none counts for the first of its job.

    Of a job without trees nobody knows where its bytes come to: they count nowhere.
    """
    sizes: Counter[bytes] = Counter()
    for each in planned:
        trees = each.job.trees()
        shown = [(escape(tree).rstrip("/") + "/", tree) for tree in trees]
        sizes.update(dict.fromkeys(trees, 0))
        for change in each.plan.changes if trees else ():
            if change.size:
                sizes[next((tree for start, tree in shown if change.item.startswith(start)), trees[0])] += change.size
    return dict(sizes)


async def tell_plan(plan: Plan, planned: Sequence[PlannedJob], bus: Bus) -> None:
    """Tell everybody what would be done: a summary per job, each change for the log, each problem as a warning.

    A job that could not be planned has ended, and that is what is told of it. Raises PlanningError when none could.
    """
    for section, each in zip(plan.sections, planned, strict=True):
        if each.ended is not None:
            report = each.ended
            bus.tell(JobFinished(job=section.job, outcome=report.outcome, reason=report.reason, seconds=0.0, items=0))
            continue
        bus.tell(plan_line(section, [finding.message for finding in each.plan.findings]))
        for number, line in enumerate(change_lines(section) if bus.level <= Level.FULL else ()):
            bus.log(Level.FULL, line, plan.target, section.job)
            if number % LINES_AT_ONCE == 0:
                await asyncio.sleep(0)
    for problem in plan.problems:
        bus.log(Level.WARNING, problem, plan.target)
    if len(plan.unplanned) == len(plan.sections):
        raise PlanningError(f"nothing could be planned: {', '.join(each.job for each in plan.unplanned)}", SEE_WHY)


def nothing_outcome(plan: Plan) -> Outcome:
    """How a run ends that had nothing to do."""
    if plan.unplanned:
        return Outcome.FAILED
    return Outcome.PARTIAL if plan.problems else Outcome.DONE
