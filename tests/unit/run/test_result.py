"""How a run ended, by what its jobs reported."""

from __future__ import annotations

import pytest
from tests.unit.run.scene import flawed

from pcswitcher.jobs.api import JobReport, Outcome
from pcswitcher.model.errors import ExitCode
from pcswitcher.model.plan import Action, Change, Plan, Section
from pcswitcher.run.graph import failure, skipped
from pcswitcher.run.plan import PlannedJob
from pcswitcher.run.planning import nothing_outcome
from pcswitcher.run.result import judge, pending, unchanged, unexpected
from pcswitcher.run.telling import Applied


def applied(name: str, report: JobReport) -> Applied:
    planned = PlannedJob.unplanned(flawed(name)[0], report)
    return Applied(planned=planned, section=planned.section, report=report, seconds=0.0)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_outcome_of_a_job_decides_how_the_run_ends(outcome: Outcome) -> None:
    """J7: also interrupted ones, and one done in part that names no item."""
    done = applied("first", JobReport(outcome=Outcome.DONE, items=1))
    result = judge("atlas", "vega", [done, applied("second", JobReport(outcome=outcome, items=0))])
    good = {Outcome.DONE: ExitCode.DONE, Outcome.NOTHING: ExitCode.DONE, Outcome.PARTIAL: ExitCode.PARTIAL}
    assert result.exit_code is good.get(outcome, ExitCode.FAILED)
    assert (result.outcome is Outcome.DONE) == (result.exit_code is ExitCode.DONE)
    assert ("second" in result.message) == (result.exit_code is not ExitCode.DONE)


def plan(*sections: Section) -> Plan:
    return Plan(source="atlas", target="vega", source_id="a", target_id="v", version="1", sections=sections)


def test_a_job_that_could_not_be_planned_fails_a_run_that_changes_nothing() -> None:
    """J5, J7: a dry run, and a run where the others have nothing to do."""
    broken = PlannedJob.unplanned(flawed("broken")[0], failure(ValueError("x"))).section
    needing = PlannedJob.unplanned(flawed("needing")[0], skipped("broken")).section
    other = Section(
        job="other",
        title="Other",
        source_state="",
        target_state="",
        changes=(Change(item="i", action=Action.ADD),),
    )
    for result in (unchanged(plan(broken, needing)), pending(plan(broken, needing, other))):
        assert (result.outcome, result.exit_code) == (Outcome.FAILED, ExitCode.FAILED)
        assert "broken, needing" in result.message
    assert nothing_outcome(plan(broken)) is Outcome.FAILED
    assert pending(plan(other)).exit_code is ExitCode.CHANGES_PENDING
    assert unchanged(plan()).exit_code is ExitCode.DONE


def test_an_unforeseen_error_is_named() -> None:
    result = unexpected(ZeroDivisionError("division by zero"))
    assert result.exit_code is ExitCode.FAILED
    assert "ZeroDivisionError: division by zero" in result.message
