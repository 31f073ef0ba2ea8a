"""Deciding without a person."""

from __future__ import annotations

import asyncio

import pytest

from pcswitcher.jobs.api import Action, Change, Decision, Details, Finding, Gate, Severity
from pcswitcher.model.errors import CheckError, ExitCode, QuestionError
from pcswitcher.model.plan import ConflictPolicy, Plan, Section
from pcswitcher.run.review import CONFLICTS_NAMED, PolicyReviewer, answer_conflicts


def plan_of(*gates: Gate, conflicts: int = 0) -> Plan:
    changes = (
        Change(item="/home/sam/new", action=Action.ADD, after="a file"),
        Change(item="/home/sam/old", action=Action.REMOVE, before="a file"),
        *(
            Change(item=f"/home/sam/both-{number}", action=Action.CHANGE, conflict="its content")
            for number in range(conflicts)
        ),
    )
    findings = tuple(
        Finding(severity=Severity.WARNING, machine="vega", message=f"about {gate}", gate=gate) for gate in gates
    )
    warning = Finding(severity=Severity.WARNING, machine="vega", message="only a warning")
    return Plan(
        source="atlas",
        target="vega",
        source_id="1" * 32,
        target_id="2" * 32,
        version="0.2.0",
        sections=(Section(job="files", title="Files", source_state="", target_state="", changes=changes),),
        findings=(warning, *findings),
    )


async def nobody_looks(job: str, change: Change) -> Details:
    raise AssertionError(f"without a person nobody looks at {change.item} of {job}")


def review(
    plan: Plan, *allowed: Gate, accept: bool = True, conflicts: ConflictPolicy = ConflictPolicy.ASK
) -> Plan | None:
    reviewer = PolicyReviewer(accept=accept, conflicts=conflicts)
    return asyncio.run(reviewer.review(plan, frozenset(allowed), nobody_looks))


def test_yes_accepts_a_plan_with_warnings_as_it_is() -> None:
    plan = plan_of()
    assert review(plan) == plan


def test_without_a_yes_the_question_is_told_with_both_ways_on() -> None:
    """U4: nobody is asked, nothing is done."""
    with pytest.raises(QuestionError, match="2 changes to vega need a yes") as caught:
        review(plan_of(), accept=False)
    assert caught.value.exit_code is ExitCode.QUESTION
    assert "--yes" in caught.value.hint
    assert "--dry-run" in caught.value.hint


@pytest.mark.parametrize("gate", list(Gate))
def test_yes_alone_opens_no_gate_and_its_own_word_does(gate: Gate) -> None:
    """K3."""
    with pytest.raises(QuestionError, match=f"about {gate}") as caught:
        review(plan_of(gate))
    assert f"--allow {gate}" in caught.value.hint
    accepted = review(plan_of(gate), gate)
    assert accepted is not None
    assert accepted.opened == (gate,)


def test_each_gate_wants_its_own_word() -> None:
    """K3."""
    with pytest.raises(QuestionError) as caught:
        review(plan_of(Gate.FIRST_SYNC, Gate.MASS_DELETION), Gate.FIRST_SYNC)
    assert "about mass-deletion" in caught.value.message
    assert "first-sync" not in str(caught.value)


def test_a_word_for_a_gate_is_no_yes() -> None:
    with pytest.raises(QuestionError):
        review(plan_of(Gate.FIRST_SYNC), Gate.FIRST_SYNC, accept=False)


def test_every_open_question_is_told_at_once_with_its_answer() -> None:
    """U4, K3, promise 7: who starts it again knows all they must say."""
    with pytest.raises(QuestionError) as caught:
        review(plan_of(Gate.STALE_SOURCE, conflicts=1), accept=False)
    assert "about stale-source" in caught.value.message
    assert "vega changed 1 item itself: /home/sam/both-0 (its content)" in caught.value.message
    assert "3 changes to vega need a yes" in caught.value.message
    for answer in ("--allow stale-source", "--conflicts source", "--conflicts target", "--yes"):
        assert answer in caught.value.hint


def test_yes_answers_no_conflict() -> None:
    """Promise 7."""
    with pytest.raises(QuestionError, match="both-0") as caught:
        review(plan_of(conflicts=2))
    assert "--yes" not in caught.value.hint


def test_very_many_conflicts_are_named_up_to_a_number_and_counted() -> None:
    with pytest.raises(QuestionError) as caught:
        review(plan_of(conflicts=CONFLICTS_NAMED + 5))
    assert f"vega changed {CONFLICTS_NAMED + 5} items itself" in caught.value.message
    assert caught.value.message.count("/home/sam/both-") == CONFLICTS_NAMED
    assert "and 5 more" in caught.value.message


@pytest.mark.parametrize(
    ("policy", "decision"), [(ConflictPolicy.SOURCE, Decision.APPLY), (ConflictPolicy.TARGET, Decision.SKIP)]
)
def test_a_policy_answers_every_conflict_and_nothing_else(policy: ConflictPolicy, decision: Decision) -> None:
    """Promise 7."""
    decided = review(plan_of(conflicts=2), conflicts=policy)
    assert decided is not None
    assert decided.decisions == {"files": {"/home/sam/both-0": decision, "/home/sam/both-1": decision}}


def test_a_policy_leaves_answers_that_were_given_as_they_are() -> None:
    """A saved plan carries the answers of its review."""
    plan = plan_of(conflicts=2).deciding("files", ["/home/sam/both-0"], Decision.KEEP)
    decided = answer_conflicts(plan, ConflictPolicy.SOURCE)
    assert decided.decisions["files"] == {"/home/sam/both-0": Decision.KEEP, "/home/sam/both-1": Decision.APPLY}


@pytest.mark.parametrize("accept", [True, False])
def test_the_policy_stop_ends_the_run_with_the_conflicts_named(accept: bool) -> None:
    """Promise 7."""
    with pytest.raises(CheckError, match="vega changed 1 item itself: /home/sam/both-0") as caught:
        review(plan_of(conflicts=1), accept=accept, conflicts=ConflictPolicy.STOP)
    assert "nothing was changed" in caught.value.hint
    assert review(plan_of(), conflicts=ConflictPolicy.STOP)
