"""From what the jobs found to the plan: sizes by tree, jobs that meet for the first time, jobs that fail."""

from __future__ import annotations

import asyncio
from typing import cast

import attrs
import pytest
from tests.unit.run.scene import NO_MARKS, NOTHING_IN_COMMON, Kept, flawed, world

from pcswitcher.jobs.api import Action, Change, Finding, Gate, JobPlan, Severity, Side, States, World
from pcswitcher.jobs.registry import AnyJob
from pcswitcher.model.errors import (
    CheckError,
    ConnectionLostError,
    ExitCode,
    FunctionError,
    PcSwitcherError,
    PlanningError,
    SettingsError,
    SnapshotError,
)
from pcswitcher.model.events import Level, Outcome, PlanLine
from pcswitcher.run.bases import Common
from pcswitcher.run.book import Book
from pcswitcher.run.bus import Bus
from pcswitcher.run.machines import prefer_cause
from pcswitcher.run.plan import PlannedJob
from pcswitcher.run.planning import bytes_by_tree, check_jobs, findings_of, make_plan, make_planned, tell_plan
from pcswitcher.run.stopping import Stopper

NEW = Change(item="/home/sam/a", action=Action.ADD, after="file", size=5)
GONE = Change(item="/home/sam/b", action=Action.REMOVE, before="file")
KNOWN = Common(states={"files": "state"}, heads={}, known=True)
STRANGERS = Common(states={}, heads={}, known=False)


class Files:
    """As much of a job as planning needs."""

    name = "files"
    title = "Files"

    def trees(self) -> tuple[bytes, ...]:
        return (b"/home", b"/root")


def planned(*changes: Change, findings: tuple[Finding, ...] = ()) -> PlannedJob:
    plan: JobPlan[object] = JobPlan(data=None, changes=changes, findings=findings)
    return PlannedJob(cast("AnyJob", Files()), States(source=object(), target=object()), plan)


def test_bytes_are_counted_where_they_come_to() -> None:
    """S8: what lies in no tree counts for the first one, and every tree is looked at."""
    root = attrs.evolve(NEW, item="/root/x", size=7)
    other = attrs.evolve(NEW, item="package htop", size=1)
    assert bytes_by_tree([planned(NEW, root, other)]) == {b"/home": 6, b"/root": 7}
    assert bytes_by_tree([planned()]) == {b"/home": 0, b"/root": 0}


@pytest.mark.parametrize(
    ("common", "changes", "gates"),
    [
        (KNOWN, (GONE,), []),
        (STRANGERS, (GONE,), []),
        (attrs.evolve(KNOWN, states={}), (GONE,), [Gate.FIRST_SYNC]),
        (attrs.evolve(KNOWN, states={}), (NEW,), []),
        (attrs.evolve(KNOWN, states={}), (), []),
    ],
)
def test_a_job_that_has_nothing_in_common_yet_needs_the_word_for_a_first_sync(
    common: Common, changes: tuple[Change, ...], gates: list[Gate]
) -> None:
    """K3, promise 7: of a pair that knows each other; for strangers lineage says it once for all jobs."""
    found = findings_of([planned(*changes)], common, "atlas", "vega")
    assert [finding.gate for finding in found] == gates
    assert all("atlas and vega have nothing of this kind in common" in finding.message for finding in found)


def test_what_a_job_found_itself_comes_along() -> None:
    warning = Finding(severity=Severity.WARNING, machine="vega", message="odd")
    assert findings_of([planned(findings=(warning,))], STRANGERS, "atlas", "vega") == [warning]


def test_the_bytes_of_a_job_without_trees_count_nowhere() -> None:
    """Nobody knows where they come to; it is no reason to end the run."""
    job, _ = flawed("packages")
    plan: JobPlan[object] = JobPlan(data=None, changes=(NEW,))
    assert bytes_by_tree([PlannedJob(job, States(source=object(), target=object()), plan)]) == {}


async def make(bus: Bus, *jobs: AnyJob) -> tuple[PlannedJob, ...]:
    return await make_planned(world(bus), jobs, NOTHING_IN_COMMON, NO_MARKS, Book(bus), Stopper(bus).tell_failure)


@pytest.mark.parametrize("step", ["capture", "diff", "encode"])
@pytest.mark.parametrize(
    "error", [ValueError("odd"), StopIteration(), asyncio.CancelledError(), FunctionError("vega: odd")]
)
def test_a_job_that_cannot_be_planned_fails_alone(step: str, error: BaseException) -> None:
    """Design §3, J5: it is told with its cause, what needs it is skipped, the others go on."""
    bus, kept = Bus(), Kept()
    bus.add(kept)
    (broken, _), (needing, needs), (last, _), (other, _) = (
        flawed("broken", **{step: error}),
        flawed("needing", "broken"),
        flawed("last", "needing"),
        flawed("other"),
    )

    async def scenario() -> None:
        planned = await make(bus, broken, needing, last, other)
        plan = make_plan(world(bus), planned, "vega", ("a", "v"), [])
        assert [each.ended and each.ended.outcome for each in planned] == [
            Outcome.FAILED,
            Outcome.SKIPPED,
            Outcome.SKIPPED,
            None,
        ]
        assert [section.job for section in plan.unplanned] == ["broken", "needing", "last"]
        assert plan.items == 1
        await tell_plan(plan, planned, bus)

    asyncio.run(scenario())
    assert "diff" not in needs.done
    assert [line.partition(":")[0] for line in kept.lines(Level.CRITICAL)] == ["broken"]
    assert kept.ends() == [("broken", Outcome.FAILED), ("needing", Outcome.SKIPPED), ("last", Outcome.SKIPPED)]
    assert [each.job for each in kept.events if isinstance(each, PlanLine)] == ["other"]


@pytest.mark.parametrize("error", [CheckError("a"), SettingsError("b"), SnapshotError("c"), ConnectionLostError("d")])
def test_some_errors_of_ours_end_the_run_and_no_other_job_is_at_work_then(error: PcSwitcherError) -> None:
    """Design §3: they keep their exit codes; I4: snapshots that are dropped are read by nobody."""
    bus, ended = Bus(), list[str]()
    (broken, _), (slow, job) = flawed("broken", capture=error), flawed("slow")

    async def capture(side: Side, world: World) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            ended.append(side.machine.name)
        return ""

    job.capture = capture  # type: ignore[method-assign]
    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(make(bus, slow, broken))
    assert prefer_cause(raised.value) is error
    assert sorted(ended) == ["atlas", "vega"]


def test_when_no_job_can_be_planned_the_run_ends() -> None:
    bus, kept = Bus(), Kept()
    bus.add(kept)

    async def scenario() -> None:
        planned = await make(bus, flawed("broken", capture=ValueError("odd"))[0], flawed("needing", "broken")[0])
        await tell_plan(make_plan(world(bus), planned, "vega", ("a", "v"), []), planned, bus)

    with pytest.raises(PlanningError, match="broken, needing") as raised:
        asyncio.run(scenario())
    assert raised.value.exit_code is ExitCode.FAILED
    assert len(kept.ends()) == 2


def test_a_check_that_raises_is_a_finding_beside_those_of_the_others() -> None:
    """J3."""
    bus = Bus()
    found = asyncio.run(
        check_jobs(
            world(bus),
            [
                flawed("ours", check=SettingsError("vega: the file is broken", "mend it"))[0],
                flawed("theirs", check=ValueError("odd"))[0],
                flawed("fine")[0],
            ],
        )
    )
    (ours,), (theirs,), fine = found
    assert (ours.message, ours.hint, ours.stops) == (
        "Ours could not be checked: vega: the file is broken",
        "mend it",
        True,
    )
    assert (theirs.message, theirs.stops) == ("Theirs could not be checked: ValueError: odd", True)
    assert fine == ()


def test_a_machine_lost_in_a_check_ends_the_run() -> None:
    lost = ConnectionLostError("vega: gone")
    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(check_jobs(world(Bus()), [flawed("a", check=lost)[0]]))
    assert prefer_cause(raised.value) is lost
