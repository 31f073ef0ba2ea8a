"""After the yes: a job that raises fails alone, and what both have in common is kept for the others."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest
from tests.unit.run.scene import NO_MARKS, NOTHING_IN_COMMON, DeskBook, Kept, flawed, world

from pcswitcher.jobs.api import JobReport, Outcome, World
from pcswitcher.jobs.registry import AnyJob
from pcswitcher.model.events import Level
from pcswitcher.model.plan import Decision
from pcswitcher.run import changing
from pcswitcher.run.bases import BaseHead
from pcswitcher.run.bus import Bus
from pcswitcher.run.changing import Changing
from pcswitcher.run.planning import make_plan, make_planned
from pcswitcher.run.result import judge
from pcswitcher.run.snapshotting import RunSnapshots
from pcswitcher.run.stopping import Stopper
from pcswitcher.snapshots.names import Moment


class Run:
    """The second half of a run with some jobs: how each ended, and whose bases were kept."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kept, self.bus = Kept(), Bus()
        self.bus.add(self.kept)
        self.based: set[str] = set()
        self.outcomes: dict[str, Outcome] = {}
        self.exit_code = 0

        async def keep(machine: object, peer: str, head: BaseHead, data: bytes) -> None:
            self.based.add(head.job)

        monkeypatch.setattr(changing, "keep_base", keep)

    async def go(self, *jobs: AnyJob, decisions: dict[str, dict[str, Decision]] | None = None) -> None:
        """Plan, apply, verify, finish."""
        place, book, failed = world(self.bus), DeskBook(self.bus), Stopper(self.bus).tell_failure

        async def take(world: World, moment: Moment) -> World:
            return world

        planned = await make_planned(place, jobs, NOTHING_IN_COMMON, NO_MARKS, book, failed)
        plan = make_plan(place, planned, "vega", ("a", "v"), [])
        for job, answers in (decisions or {}).items():
            for item, answer in answers.items():
                plan = plan.deciding(job, [item], answer)
        half = Changing(
            world=place,
            plan=plan,
            planned=planned,
            common=NOTHING_IN_COMMON,
            book=book,
            bus=self.bus,
            snapshots=cast("RunSnapshots", SimpleNamespace(take=take, taken=())),
            grace=1.0,
            failed=failed,
        )
        applied = await half.apply()
        result = judge("atlas", "vega", applied)
        self.outcomes = {each.section.job: each.report.outcome for each in applied}
        self.exit_code = result.exit_code
        await half.finish(applied, result.outcome, result.message)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(monkeypatch)


def test_a_job_that_could_not_be_planned_is_not_applied_and_keeps_its_base(run: Run) -> None:
    """J5, J7."""
    broken, job = flawed("broken", diff=ValueError("odd"))
    asyncio.run(run.go(broken, flawed("needing", "broken")[0], flawed("other")[0]))
    assert run.outcomes == {"broken": Outcome.FAILED, "needing": Outcome.SKIPPED, "other": Outcome.DONE}
    assert "apply" not in job.done
    assert run.based == {"other"}
    assert run.exit_code == 1
    assert run.kept.ends() == [("other", Outcome.DONE)]  # of the two it was told when they could not be planned


@pytest.mark.parametrize("error", [ValueError("odd"), StopIteration(), asyncio.CancelledError()])
def test_a_job_whose_plan_cannot_be_narrowed_fails_alone(run: Run, error: BaseException) -> None:
    """J5."""
    broken, job = flawed("broken", narrow=error)
    jobs = (broken, flawed("needing", "broken")[0], flawed("other")[0])
    asyncio.run(run.go(*jobs, decisions={"broken": {"item": Decision.SKIP}}))
    assert run.outcomes == {"broken": Outcome.FAILED, "needing": Outcome.SKIPPED, "other": Outcome.DONE}
    assert "apply" not in job.done
    assert run.based == {"other"}
    assert len(run.kept.lines(Level.CRITICAL)) == 1
    assert ("broken", Outcome.FAILED) in run.kept.ends()


@pytest.mark.parametrize("error", [ValueError("odd"), asyncio.CancelledError()])
def test_a_job_that_cannot_be_read_back_fails_alone(run: Run, error: BaseException) -> None:
    """J5: nobody knows what is there, so what both had in common before stays."""
    asyncio.run(run.go(flawed("broken", verify=error)[0], flawed("other")[0]))
    assert run.outcomes == {"broken": Outcome.FAILED, "other": Outcome.DONE}
    assert run.based == {"other"}
    assert run.exit_code == 1
    assert run.kept.ends()[-1] == ("broken", Outcome.FAILED)


@pytest.mark.parametrize("error", [ValueError("odd"), StopIteration(), asyncio.CancelledError()])
def test_what_cannot_be_agreed_on_is_a_warning_and_the_others_keep_theirs(run: Run, error: BaseException) -> None:
    """Promise 7: the base of before stays, which is true; the run is done."""
    broken, job = flawed("broken", agree=error)
    job.report = JobReport(outcome=Outcome.PARTIAL, items=0, failures=("item: busy",), failed=frozenset({"item"}))
    asyncio.run(run.go(broken, flawed("other")[0]))
    assert run.outcomes == {"broken": Outcome.PARTIAL, "other": Outcome.DONE}
    assert run.based == {"other"}
    (warning,) = run.kept.lines(Level.WARNING)
    assert warning.startswith("broken: what both have in common could not be kept: ")
