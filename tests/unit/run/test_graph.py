"""The graph of jobs: order, failures, and being told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.jobs.api import JobReport
from pcswitcher.model.errors import ConnectionLostError
from pcswitcher.model.events import Outcome
from pcswitcher.run.graph import Node, StubbornJobsError, apply_graph

DONE = JobReport(outcome=Outcome.DONE, items=1)


class Told:
    """What the graph told."""

    def __init__(self) -> None:
        self.failed: list[tuple[str, str]] = []
        self.ended: list[tuple[str, Outcome]] = []

    async def run(self, *nodes: Node, grace: float = 5.0):
        """Apply the nodes."""
        return await apply_graph(
            nodes,
            grace=grace,
            failed=lambda name, error: self.failed.append((name, str(error))),
            ended=lambda name, report: self.ended.append((name, report.outcome)),
        )


def node(name: str, apply: Callable[[], Awaitable[JobReport]], *needs: str) -> Node:
    return Node(name=name, needs=needs, apply=apply)


async def done() -> JobReport:
    return DONE


async def broken() -> JobReport:
    raise ValueError("the disk of vega is on fire")


def test_jobs_that_do_not_need_each_other_run_at_the_same_time() -> None:
    """J9: each waits for the other to have begun, which only ends when both run."""

    async def scenario() -> None:
        here, there = asyncio.Event(), asyncio.Event()

        async def one() -> JobReport:
            here.set()
            await there.wait()
            return DONE

        async def other() -> JobReport:
            there.set()
            await here.wait()
            return DONE

        reports = await asyncio.wait_for(Told().run(node("one", one), node("other", other)), 10)
        assert {name: report.outcome for name, report in reports.items()} == {
            "one": Outcome.DONE,
            "other": Outcome.DONE,
        }

    asyncio.run(scenario())


@given(st.data())
def test_a_job_begins_after_all_it_needs_have_ended(data: st.DataObject) -> None:
    """J1, J9: for any graph."""
    count = data.draw(st.integers(1, 7))
    needs = {index: data.draw(st.sets(st.integers(0, index - 1))) if index else set() for index in range(count)}
    events: list[tuple[str, int]] = []

    def make(index: int) -> Node:
        async def apply() -> JobReport:
            events.append(("begin", index))
            for _ in range(index % 3):
                await asyncio.sleep(0)
            events.append(("end", index))
            return DONE

        return node(str(index), apply, *map(str, needs[index]))

    asyncio.run(Told().run(*map(make, range(count))))
    for index, needed in needs.items():
        for each in needed:
            assert events.index(("end", each)) < events.index(("begin", index))


def test_what_needs_a_failed_job_is_skipped_and_the_others_are_applied() -> None:
    """J5, J7."""
    told = Told()
    reports = asyncio.run(
        told.run(node("a", broken), node("b", done, "a"), node("c", done, "b"), node("d", done), node("e", done, "d"))
    )
    assert {name: report.outcome for name, report in reports.items()} == {
        "a": Outcome.FAILED,
        "b": Outcome.SKIPPED,
        "c": Outcome.SKIPPED,
        "d": Outcome.DONE,
        "e": Outcome.DONE,
    }
    assert told.failed == [("a", "the disk of vega is on fire")]
    assert "needs a" in reports["b"].reason
    assert "the disk of vega is on fire" in reports["a"].reason
    assert len(told.ended) == 5


def test_a_need_that_is_not_part_of_the_run_is_not_waited_for() -> None:
    """J9: `--only` leaves needs out."""
    reports = asyncio.run(Told().run(node("b", done, "a")))
    assert reports["b"].outcome is Outcome.DONE


def test_a_job_that_made_some_items_only_holds_up_nobody() -> None:
    """J7."""

    async def partly() -> JobReport:
        return JobReport(outcome=Outcome.PARTIAL, items=1, failures=("x: busy",))

    reports = asyncio.run(Told().run(node("a", partly), node("b", done, "a")))
    assert reports["b"].outcome is Outcome.DONE


def test_a_lost_machine_ends_the_whole_run() -> None:
    """Faults row 1: nobody goes on without it, and the loss is what is reported."""

    async def lose() -> JobReport:
        raise ConnectionLostError("vega: the connection broke")

    async def forever() -> JobReport:
        await asyncio.Event().wait()
        return DONE

    told = Told()
    with pytest.raises(ConnectionLostError, match="vega"):
        asyncio.run(told.run(node("a", lose), node("b", forever)))
    assert ("b", Outcome.INTERRUPTED) in told.ended
    assert told.failed == []


async def cancelled(told: Told, *nodes: Node, grace: float = 5.0) -> None:
    running = asyncio.create_task(told.run(*nodes, grace=grace))
    await asyncio.sleep(0.01)
    running.cancel()
    await running


def test_told_to_stop_every_job_is_told_and_may_clean_up() -> None:
    """J6, I1: the rest never starts."""
    cleaned: list[str] = []

    async def tidy() -> JobReport:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            cleaned.append("tidy")
        return DONE

    told = Told()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled(told, node("a", tidy), node("b", done, "a")))
    assert cleaned == ["tidy"]
    assert ("a", Outcome.INTERRUPTED) in told.ended
    assert ("b", Outcome.DONE) not in told.ended


def test_a_job_that_does_not_stop_within_its_grace_is_named() -> None:
    """J6."""

    async def scenario() -> tuple[str, ...]:
        release = asyncio.Event()

        async def stubborn() -> JobReport:
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue
            return DONE

        try:
            await cancelled(Told(), node("a", stubborn), node("b", done), grace=0.05)
        except StubbornJobsError as error:
            return error.names
        finally:
            release.set()
        return ()

    assert asyncio.run(scenario()) == ("a",)


@pytest.mark.parametrize("itself", [False, True])
def test_a_job_that_ends_cancelled_though_nobody_told_it_to_has_failed(itself: bool) -> None:
    """J5: it is no interrupt, and whoever needs it does not start."""

    async def cancelled_within() -> JobReport:
        task = asyncio.current_task()
        if itself and task is not None:
            task.cancel()
            await asyncio.sleep(1)
        raise asyncio.CancelledError

    told = Told()
    reports = asyncio.run(told.run(node("a", cancelled_within), node("b", done, "a"), node("c", done)))
    assert [reports[name].outcome for name in "abc"] == [Outcome.FAILED, Outcome.SKIPPED, Outcome.DONE]
    assert [name for name, _ in told.failed] == ["a"]


def test_what_a_job_raises_while_it_stops_is_told() -> None:
    """J6."""

    async def untidy() -> JobReport:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("the lock of vega is stuck")

    told = Told()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled(told, node("a", untidy)))
    assert told.failed == [("a", "the lock of vega is stuck")]
    assert told.ended == [("a", Outcome.FAILED)]
