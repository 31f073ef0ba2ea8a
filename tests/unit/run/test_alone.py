"""What a job's own code raises, whatever it is."""

from __future__ import annotations

import asyncio

import pytest

from pcswitcher.model.errors import ApplyError, ConnectionLostError
from pcswitcher.run.alone import attempt, in_thread

LOST = ConnectionLostError("vega: the connection broke")


async def raising(error: BaseException) -> str:
    raise error


def attempted(error: BaseException) -> str | Exception:
    return asyncio.run(asyncio.wait_for(attempt(raising(error)), 10))


def test_what_it_raises_is_given_and_of_a_group_the_cause() -> None:
    """J5."""
    ours, theirs = ApplyError("no"), ValueError("x")
    assert attempted(theirs) is theirs
    assert attempted(ExceptionGroup("two", [theirs, ours])) is ours
    assert attempted(ExceptionGroup("two", [ExceptionGroup("one", [theirs]), KeyError("y")])) is theirs


def test_a_lost_machine_ends_the_run_also_from_within_a_group() -> None:
    """Faults row 1."""
    for error in (LOST, ExceptionGroup("two", [ApplyError("no"), LOST])):
        with pytest.raises(ConnectionLostError):
            attempted(error)


def test_a_job_that_cancels_itself_has_failed() -> None:
    """J5: nobody told the run to stop."""

    async def cancels_itself() -> str:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(1)
        return "never"

    assert isinstance(attempted(asyncio.CancelledError()), RuntimeError)
    assert isinstance(asyncio.run(attempt(cancels_itself())), RuntimeError)


def test_told_to_stop_it_stops_whatever_the_job_raises_then() -> None:
    """J6, I1."""

    async def scenario() -> None:
        async def untidy() -> str:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise ValueError("while cleaning") from None
            return "never"

        running = asyncio.create_task(attempt(untidy()))
        await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError) as told:
            await running
        assert isinstance(told.value.__cause__, ValueError)

    asyncio.run(scenario())


def test_a_stop_iteration_in_a_thread_ends_too() -> None:
    """A bare ``next`` of a job must not make the run wait for ever."""
    nothing: list[str] = []

    async def scenario() -> str | Exception:
        return await asyncio.wait_for(attempt(in_thread(lambda: next(iter(nothing)))), 10)

    assert isinstance(asyncio.run(scenario()), RuntimeError)
