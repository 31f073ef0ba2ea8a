"""What a run keeps of each job: counts for everybody's eyes, names for root's. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import attrs

from pcswitcher.jobs.api import JobReport
from pcswitcher.model.events import Outcome, PlanLine
from pcswitcher.model.plan import Decision, Plan, Section
from pcswitcher.run.bus import Bus
from pcswitcher.run.plan import PlannedJob
from pcswitcher.run.record import JobDetails, JobRecord, RunDetails, within_limit

_OPEN_REASONS = {Outcome.SKIPPED, Outcome.INTERRUPTED}
"""Outcomes whose reason names jobs only; a failure's own words may name files."""


@attrs.frozen(kw_only=True)
class Applied:
    """How one job went: what was left of its plan after the decisions, and what was shown; report, time, read-back."""

    planned: PlannedJob
    section: Section
    report: JobReport
    seconds: float
    differences: tuple[str, ...] = ()

    @property
    def left(self) -> frozenset[str]:
        """Items that differ and are as they were: refused, left out with those, failed, marked, or not to be made."""
        shown, done = self.section.changes, self.planned.plan.changes
        left = self.report.failed | self.planned.plan.stuck | set(self.section.marked)
        if len(shown) == len(done):
            return left
        return left | ({change.item for change in shown} - {change.item for change in done})


def plan_line(section: Section, warnings: Sequence[str]) -> PlanLine:
    """A job's part of the plan for the faces."""
    return PlanLine(
        job=section.job,
        title=section.title,
        summary=section.totals.words,
        removals=tuple(change.item for change in section.totals.removals),
        conflicts=tuple(f"{change.item}: {change.conflict}" for change in section.totals.conflicts),
        marked=len(section.marked),
        warnings=tuple(warnings),
    )


def change_lines(section: Section) -> Iterator[str]:
    """Every change as one line, for the log."""
    for change in section.changes:
        yield f"{change.action} {change.item}" + (f" ({change.why})" if change.why else "")


def job_record(applied: Applied, plan: Plan) -> JobRecord:
    """What everybody may know of a job's part: counts, no names."""
    section, report = applied.section, applied.report
    answers = Counter(plan.decisions.get(section.job, {}).values())
    return JobRecord(
        name=section.job,
        title=section.title,
        outcome=report.outcome,
        items=report.items,
        size=applied.planned.section.totals.size,
        reason=report.reason if report.outcome in _OPEN_REASONS else "",
        seconds=applied.seconds,
        counts=dict(section.totals.counts),
        conflicts=len(section.totals.conflicts),
        skipped=answers[Decision.SKIP],
        kept=answers[Decision.KEEP],
        marked=len(section.marked),
        problems=len(section.problems),
        failures=len(report.failures),
        differences=len(applied.differences),
    )


def details_of(label: str, applied: Sequence[Applied], plan: Plan, bus: Bus) -> RunDetails:
    """What only root may read: the items that need attention, by name."""
    return RunDetails(
        label=label,
        warnings=within_limit([line.message for line in bus.warnings]),
        jobs=tuple(_details(each, plan) for each in applied),
    )


def _details(applied: Applied, plan: Plan) -> JobDetails:
    section = applied.section
    answers = plan.decisions.get(section.job, {})
    return JobDetails(
        name=section.job,
        failures=within_limit(applied.report.failures or tuple(filter(None, [applied.report.reason]))),
        problems=within_limit(section.problems),
        differences=within_limit(applied.differences),
        conflicts=within_limit(
            [f"{plan.decision(section.job, change) or 'open'}: {change.item}" for change in section.totals.conflicts]
        ),
        skipped=within_limit([item for item, answer in answers.items() if answer is Decision.SKIP]),
        kept=within_limit([item for item, answer in answers.items() if answer is Decision.KEEP]),
    )
