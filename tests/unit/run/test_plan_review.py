"""Plans that are kept in a file, and decided as they were kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

import attrs
import pytest
from tests.unit.run.test_plan import GONE, NOTE, PLAN, SECTION

from pcswitcher.jobs.api import Change as PlannedChange
from pcswitcher.jobs.api import Details
from pcswitcher.model.errors import CheckError, QuestionError
from pcswitcher.model.plan import ConflictPolicy, Decision, Finding, Gate, Plan, Severity
from pcswitcher.run.plan import load_plan
from pcswitcher.run.plan_review import KeepingReviewer, OpenReviewer, SavedReviewer
from pcswitcher.run.review import Inspect, PolicyReviewer, Reviewer

OPEN = attrs.evolve(PLAN, decisions={}, findings=())
GATED = attrs.evolve(
    OPEN, findings=(Finding(severity=Severity.WARNING, machine="vega", message="first", gate=Gate.FIRST_SYNC),)
)


async def nothing(_job: str, _change: PlannedChange) -> Details:
    return Details()


def review(reviewer: Reviewer, plan: Plan, *allowed: Gate) -> Plan | None:
    return asyncio.run(reviewer.review(plan, frozenset(allowed), nothing))


def nobody(conflicts: ConflictPolicy, *, accept: bool = True) -> Reviewer:
    return PolicyReviewer(accept=accept, conflicts=conflicts)


class Declines:
    """A person who says no."""

    async def review(self, plan: Plan, allowed: frozenset[Gate], inspect: Inspect) -> Plan | None:
        return None


def test_without_a_person_a_plan_is_kept_with_its_questions_open(tmp_path: Path) -> None:
    """Promise 2: nobody's silence is a yes."""
    path = tmp_path / "plan.json"
    kept: list[str] = []
    reviewer = KeepingReviewer(OpenReviewer(ConflictPolicy.ASK), path, lambda: kept.append("kept"))
    assert review(reviewer, GATED) is not None
    assert kept == ["kept"]
    assert load_plan(path).undecided() == (("files", GONE),)
    assert load_plan(path).opened == ()


def test_what_was_answered_and_opened_beforehand_is_kept_too(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    review(KeepingReviewer(OpenReviewer(ConflictPolicy.TARGET), path, lambda: None), GATED, Gate.FIRST_SYNC)
    saved = load_plan(path)
    assert saved.decisions == {"files": {GONE.item: Decision.SKIP}}
    assert saved.opened == (Gate.FIRST_SYNC,)


def test_a_declined_plan_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    assert review(KeepingReviewer(Declines(), path, lambda: pytest.fail("kept")), OPEN) is None
    assert not path.exists()


def test_a_saved_plan_decides_as_it_was_reviewed() -> None:
    """Promise 3."""
    saved = OPEN.deciding("files", [GONE.item], Decision.KEEP).deciding("files", [NOTE.item], Decision.SKIP)
    decided = review(SavedReviewer(saved, Declines()), OPEN)
    assert decided is not None
    assert decided.decisions == saved.decisions


def test_a_saved_plan_is_refused_when_a_machine_moved_on() -> None:
    """Promise 3."""
    saved = OPEN.deciding("files", [GONE.item], Decision.APPLY)
    now = attrs.evolve(OPEN, sections=(attrs.evolve(SECTION, target_state="f" * 64),))
    with pytest.raises(CheckError, match="Files on vega"):
        review(SavedReviewer(saved, Declines()), now)


def test_what_a_saved_plan_leaves_open_is_asked_for() -> None:
    """K3, exit 14: a gate and a conflict need an answer, from the plan or from the command line."""
    with pytest.raises(QuestionError, match="changed 1 item itself") as caught:
        review(SavedReviewer(GATED, nobody(ConflictPolicy.ASK)), GATED)
    assert "--allow first-sync" in caught.value.hint
    decided = review(SavedReviewer(GATED, nobody(ConflictPolicy.SOURCE)), GATED, Gate.FIRST_SYNC)
    assert decided is not None
    assert decided.decisions == {"files": {GONE.item: Decision.APPLY}}
    opened = attrs.evolve(GATED, opened=(Gate.FIRST_SYNC,))
    assert review(SavedReviewer(opened, nobody(ConflictPolicy.TARGET)), GATED) is not None


def test_a_plan_that_nobody_went_through_still_needs_a_yes(tmp_path: Path) -> None:
    """U4, promise 2: its removals were never confirmed."""
    path = tmp_path / "plan.json"
    review(KeepingReviewer(OpenReviewer(ConflictPolicy.SOURCE), path, lambda: None), OPEN)
    saved = load_plan(path)
    assert not saved.reviewed
    with pytest.raises(QuestionError, match="need a yes"):
        review(SavedReviewer(saved, nobody(ConflictPolicy.ASK, accept=False)), OPEN)
    assert review(SavedReviewer(saved, Declines()), OPEN) is None
    assert review(SavedReviewer(saved, nobody(ConflictPolicy.ASK)), OPEN) is not None
