"""The plan of a run: made from what the jobs found, kept in a file, and refused when a machine has moved on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import attrs

from pcswitcher.jobs.api import JobPlan, JobReport, States
from pcswitcher.jobs.registry import AnyJob
from pcswitcher.machine.durable import write_file
from pcswitcher.model.codec import dumps, loads
from pcswitcher.model.errors import CheckError, FormatError, SettingsError
from pcswitcher.model.plan import PLAN_FORMAT, Decision, Plan, Section
from pcswitcher.model.text import printable
from pcswitcher.run.paths import plan_file, shown


@attrs.frozen
class PlannedJob:
    """A job, the states it captured, and what it would do."""

    job: AnyJob
    states: States[object]
    plan: JobPlan[object]
    marked: tuple[str, ...] = ()
    """Items that differ and are left alone because they are machine-specific."""
    encoded: bytes = b""
    """The source's state, as the base keeps it."""
    target_digest: str = ""
    ended: JobReport | None = None
    """How it ended before anything was applied: it failed, or needs one that did. None: it can be applied."""

    @classmethod
    def unplanned(cls, job: AnyJob, report: JobReport) -> PlannedJob:
        """A job of which nothing is known but why."""
        return cls(job, States[object](source=None, target=None), JobPlan[object](data=None), ended=report)

    @cached_property
    def section(self) -> Section:
        """What a person sees of it."""
        return Section(
            job=self.job.name,
            title=self.job.title,
            source_state=hashlib.sha256(self.encoded).hexdigest(),
            target_state=self.target_digest,
            changes=self.plan.changes,
            problems=self.plan.problems,
            marked=self.marked,
            failure=(self.ended.reason or self.ended.outcome) if self.ended else "",
        )

    def without(self, refused: frozenset[str]) -> PlannedJob:
        """The same when ``refused`` items stay as they are."""
        return attrs.evolve(self, plan=self.job.narrow(self.plan, refused)) if refused else self


def refused_items(plan: Plan, job: str) -> frozenset[str]:
    """Items of a job that stay as they are, by what was decided: skipped, kept, and conflicts nobody answered."""
    answers = plan.decisions.get(job, {})
    refused = {item for item, decision in answers.items() if decision is not Decision.APPLY}
    conflicts = plan.section(job).totals.conflicts
    return frozenset(refused | {change.item for change in conflicts if change.item not in answers})


def save_plan(plan: Plan, path: Path) -> None:
    """Keep a plan in a file that only its owner reads: it names files. Raises SettingsError."""
    try:
        if path.parent == plan_file("", plan.created).parent:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(str(path), dumps(plan) + "\n", 0o600)
    except OSError as error:
        raise SettingsError(f"the plan cannot be written to {path}: {error.strerror}", "name another file") from error


def refuse_travelling(path: Path, jobs: Sequence[AnyJob]) -> None:
    """Raise SettingsError for a file that travels: a plan written there would be stale by being written."""
    for job in jobs:
        explanation = job.explain(str(path.expanduser().absolute()))
        if explanation is not None and explanation.travels:
            raise SettingsError(
                f"{shown(path)} travels to the other PC, so a plan in it would be out of date at once",
                f"leave --output out, or name a place that does not travel; see: pc-switcher why {shown(path)}",
            )


def load_plan(path: Path) -> Plan:
    """Read a plan from its file. Raises SettingsError."""
    hint = "make it again: pc-switcher plan HOST -o FILE"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            plan = loads(Plan, file.read())
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}", hint) from error
    except FormatError as error:
        raise SettingsError(f"{path} is no plan: {printable(error.message)}", hint) from error
    if plan.format != PLAN_FORMAT:
        raise SettingsError(f"{path} is a plan of format {plan.format}, this program knows {PLAN_FORMAT}", hint)
    return plan


def refuse_stale(saved: Plan, fresh: Plan) -> None:
    """Raise CheckError when a machine is not as it was when the plan was made (promise 3).

    ``fresh`` is the plan of now. Both machines' states are compared job by job, by their digests.
    """
    hint = f"look at it again: pc-switcher plan {printable(saved.host)} -o FILE"
    if (saved.source_id, saved.target_id) != (fresh.source_id, fresh.target_id):
        raise CheckError(
            f"the plan is for {printable(saved.source)} → {printable(saved.target)}, and these machines are others "
            f"({fresh.source} → {fresh.target}), or were installed again",
            hint,
        )
    moved = [
        f"{section.title} on {machine}"
        for section, now in _pairs(saved.sections, fresh.sections)
        for machine, before, after in (
            (fresh.source, section.source_state, now and now.source_state),
            (fresh.target, section.target_state, now and now.target_state),
        )
        if before != after
    ]
    if moved:
        raise CheckError(f"since the plan was made these have changed: {', '.join(moved)}", hint)
    if [list(section.changes) for section in saved.sections] != [list(section.changes) for section in fresh.sections]:
        raise CheckError("the same machines give another plan now: rules, settings or marks have changed", hint)


def _pairs(saved: Sequence[Section], fresh: Sequence[Section]) -> list[tuple[Section, Section | None]]:
    now = {section.job: section for section in fresh}
    return [(section, now.get(section.job)) for section in saved]
