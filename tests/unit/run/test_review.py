"""Deciding without a person."""

from __future__ import annotations

import asyncio

import pytest

from pcswitcher.jobs.api import Finding, Gate, JobPlan, Severity
from pcswitcher.model.errors import QuestionError
from pcswitcher.run.plan import Plan, PlannedJob
from pcswitcher.run.review import PolicyReviewer


def plan_of(*gates: Gate) -> Plan:
    plan: JobPlan[object] = JobPlan(delta=None, items=2)
    findings = tuple(
        Finding(severity=Severity.WARNING, machine="vega", message=f"about {gate}", gate=gate) for gate in gates
    )
    warning = Finding(severity=Severity.WARNING, machine="vega", message="only a warning")
    job = object()
    return Plan(
        source="atlas",
        target="vega",
        jobs=(PlannedJob(job, plan),),  # type: ignore[arg-type]
        findings=(warning, *findings),
    )


def review(plan: Plan, *allowed: Gate, accept: bool = True) -> bool:
    return asyncio.run(PolicyReviewer(accept=accept).review(plan, frozenset(allowed)))


def test_yes_accepts_a_plan_with_warnings() -> None:
    assert review(plan_of())


def test_without_a_yes_the_question_is_told_with_both_ways_on() -> None:
    """U4: nobody is asked, nothing is done."""
    with pytest.raises(QuestionError, match="2 changes to vega need a yes") as caught:
        review(plan_of(), accept=False)
    assert "--yes" in caught.value.hint
    assert "--dry-run" in caught.value.hint


@pytest.mark.parametrize("gate", list(Gate))
def test_yes_alone_opens_no_gate_and_its_own_word_does(gate: Gate) -> None:
    """K3."""
    with pytest.raises(QuestionError, match=f"about {gate}") as caught:
        review(plan_of(gate))
    assert f"--allow {gate}" in caught.value.hint
    assert review(plan_of(gate), gate)


def test_each_gate_wants_its_own_word() -> None:
    """K3."""
    with pytest.raises(QuestionError) as caught:
        review(plan_of(Gate.FIRST_SYNC, Gate.MASS_DELETION), Gate.FIRST_SYNC)
    assert "about mass-deletion" in caught.value.message
    assert "first-sync" not in str(caught.value)


def test_a_word_for_a_gate_is_no_yes() -> None:
    with pytest.raises(QuestionError):
        review(plan_of(Gate.FIRST_SYNC), Gate.FIRST_SYNC, accept=False)
