"""From what the jobs captured to the plan: capture, diff, marks, warnings (design §3)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from pcswitcher import __version__
from pcswitcher.jobs.api import Finding, Gate, Severity, States, World
from pcswitcher.jobs.registry import AnyJob
from pcswitcher.model.events import Level, Outcome, Step
from pcswitcher.model.plan import Action, Plan
from pcswitcher.model.text import escape
from pcswitcher.run.bases import Common
from pcswitcher.run.book import Book
from pcswitcher.run.bus import Bus
from pcswitcher.run.marks import Marks, marked_items
from pcswitcher.run.plan import PlannedJob
from pcswitcher.run.telling import change_lines, plan_line

LINES_AT_ONCE = 500
"""Lines of the plan that are logged before others may go on: a million of them take longer than an agent waits."""


async def make_planned(
    world: World, jobs: Sequence[AnyJob], common: Common, marks: tuple[Marks, Marks], book: Book
) -> tuple[PlannedJob, ...]:
    """Capture and compare, every job on both machines. ``marks``: of source and target. Raises what a job raises."""
    async with book.step(Step.CAPTURE):
        captured = await asyncio.gather(*(job.capture_both(world) for job in jobs))
    async with book.step(Step.DIFF):
        return tuple(
            [
                await asyncio.to_thread(
                    _compare,
                    job,
                    States(
                        source=here,
                        target=there,
                        base=common.states.get(job.name),
                        brought=common.brought.get(job.name, ()),
                    ),
                    marks,
                )
                for job, (here, there) in zip(jobs, captured, strict=True)
            ]
        )


def _compare(job: AnyJob, states: States[object], marks: tuple[Marks, Marks]) -> PlannedJob:
    plan = job.diff(states)
    marked = marked_items(marks, job.name, plan.changes)
    encoded = job.encode_state(states.source)
    planned = PlannedJob(job, states, plan, tuple(sorted(marked)), encoded, job.state_digest(states.target))
    left = planned.without(marked)
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
    """How many bytes would come to each tree of the target; what lies in none counts for the first of its job."""
    sizes: Counter[bytes] = Counter()
    for each in planned:
        trees = each.job.trees()
        shown = [(escape(tree).rstrip("/") + "/", tree) for tree in trees]
        sizes.update(dict.fromkeys(trees, 0))
        for change in each.plan.changes:
            if change.size:
                sizes[next((tree for start, tree in shown if change.item.startswith(start)), trees[0])] += change.size
    return dict(sizes)


async def tell_plan(plan: Plan, planned: Sequence[PlannedJob], bus: Bus) -> None:
    """Tell everybody what would be done: a summary per job, each change for the log, each problem as a warning."""
    for section, each in zip(plan.sections, planned, strict=True):
        bus.tell(plan_line(section, [finding.message for finding in each.plan.findings]))
        for number, line in enumerate(change_lines(section) if bus.level <= Level.FULL else ()):
            bus.log(Level.FULL, line, plan.target, section.job)
            if number % LINES_AT_ONCE == 0:
                await asyncio.sleep(0)
    for problem in plan.problems:
        bus.log(Level.WARNING, problem, plan.target)


def nothing_outcome(plan: Plan) -> Outcome:
    """How a run ends that had nothing to do."""
    return Outcome.PARTIAL if plan.problems else Outcome.DONE
