"""Whatever a job's own code raises is that job's failure alone (J5)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from pcswitcher.model.errors import ConnectionLostError, PcSwitcherError

T = TypeVar("T")


async def attempt(work: Awaitable[T]) -> T | Exception:
    """What a job's own code gives, or what it raised: of a group, the cause.

    Raises ConnectionLostError, after which nothing can go on, and CancelledError when this task was told to stop
    (its cause: what the job raised then). A job that ends cancelled though nobody told it to has failed.
    """
    told = asyncio.current_task()
    task = asyncio.ensure_future(work)  # its own: a job that cancels "the current task" cancels itself only
    try:
        return await task
    except asyncio.CancelledError as error:
        if told is not None and told.cancelling():
            raise
        failure = RuntimeError("it was cancelled, and nobody had told it to stop")
        failure.__cause__ = error
        return failure
    except Exception as error:
        if told is not None and told.cancelling():
            raise asyncio.CancelledError from error
        for each in leaves(error):
            if isinstance(each, ConnectionLostError):
                raise each  # noqa: B904 - it may be the same error
        return cause_of(error)


async def in_thread(work: Callable[[], T]) -> T:
    """Call a job's pure code in a thread of its own, so that the event loop goes on."""

    def call() -> T:
        try:
            return work()
        except StopIteration as error:  # no future takes it, and whoever waits for that would wait for ever
            raise RuntimeError("StopIteration") from error

    return await asyncio.to_thread(call)


def cause_of(error: Exception) -> Exception:
    """What is behind an error: of a group the first of our own, else the first."""
    found = list(leaves(error))
    return next((each for each in found if isinstance(each, PcSwitcherError)), found[0] if found else error)


def leaves(error: BaseException) -> Iterator[Exception]:
    """The errors in a group of errors, or the one."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from leaves(each)
    elif isinstance(error, Exception):
        yield error
