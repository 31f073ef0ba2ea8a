"""Applying jobs as a graph: whatever is needed first comes first, everything else at the same time (J9).

A job that raises fails alone: what needs it is skipped, the others go on (J5). When the run is told to stop, every
job is told; one that has not ended after its grace is given up, and the caller ends the agents with all that the
job started on both machines (J6).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence

import attrs

from pcswitcher.jobs.api import JobReport
from pcswitcher.model.errors import ConnectionLostError
from pcswitcher.model.events import Outcome
from pcswitcher.run.alone import attempt, cause_of

FAILED = frozenset(Outcome) - {Outcome.DONE, Outcome.PARTIAL, Outcome.NOTHING}
"""Outcomes after which whoever needs the job does not start: it did not come to its end."""


@attrs.frozen(kw_only=True)
class Node:
    """One job of the graph: its name, what it needs, and how it is applied."""

    name: str
    needs: tuple[str, ...]
    apply: Callable[[], Awaitable[JobReport]]


class StubbornJobsError(Exception):
    """Jobs that did not stop within their grace."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(", ".join(names))
        self.names = tuple(names)


async def apply_graph(
    nodes: Sequence[Node],
    *,
    grace: float,
    failed: Callable[[str, Exception], None],
    ended: Callable[[str, JobReport], None],
) -> Mapping[str, JobReport]:
    """Apply all nodes; gives each one's report.

    ``failed`` is told the exception of a job that raised, ``ended`` each report as it comes. A job that needs one
    that is not in the graph does not wait for it. Raises ConnectionLostError when a job lost a machine: nothing
    can go on without it. When cancelled, it tells every job to stop, waits ``grace`` seconds, and raises
    StubbornJobsError for those still running, CancelledError otherwise.
    """
    reports: dict[str, JobReport] = {}
    lost: list[ConnectionLostError] = []
    tasks: dict[str, asyncio.Task[None]] = {}

    async def one(node: Node) -> None:
        needed = [tasks[name] for name in node.needs if name in tasks]
        if needed:
            await asyncio.wait(needed)
        broken = [name for name in node.needs if name in tasks and _is_broken(reports.get(name))]
        try:
            report = skipped(broken[0]) if broken else await attempt(_applied(node))
        except asyncio.CancelledError as error:
            cleaning = error.__cause__
            if isinstance(cleaning, Exception):  # what it raised when it was told
                _settle(node, _failed(node, cleaning))
            else:
                _settle(node, JobReport(outcome=Outcome.INTERRUPTED, items=0, reason="it was told to stop"))
            raise
        except ConnectionLostError as error:
            lost.append(error)
            report = failure(error)
        _settle(node, _failed(node, report) if isinstance(report, Exception) else report)

    def _failed(node: Node, error: Exception) -> JobReport:
        failed(node.name, error)
        return failure(error)

    def _settle(node: Node, report: JobReport) -> None:
        reports[node.name] = report
        ended(node.name, report)

    for node in nodes:  # each after those it needs: their tasks exist already
        tasks[node.name] = asyncio.create_task(one(node), name=f"apply {node.name}")
    try:
        waiting = set(tasks.values())
        while waiting and not lost:
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        await _stop(tasks, grace)
        raise
    if lost:
        await _stop(tasks, grace)
        raise lost[0]
    return reports


async def _stop(tasks: Mapping[str, asyncio.Task[None]], grace: float) -> None:
    """Tell all to stop. Raises StubbornJobsError for those that do not within ``grace`` seconds."""
    for task in tasks.values():
        task.cancel()
    with contextlib.suppress(ValueError):  # nothing to wait for
        await asyncio.wait(tasks.values(), timeout=grace)
    left = [name for name, task in tasks.items() if not task.done()]
    if left:
        raise StubbornJobsError(left)


def _is_broken(report: JobReport | None) -> bool:
    return report is None or report.outcome in FAILED


async def _applied(node: Node) -> JobReport:
    return await node.apply()


def failure(error: Exception) -> JobReport:
    """The report of a job that raised."""
    return JobReport(outcome=Outcome.FAILED, items=0, reason=reason_of(error))


def skipped(needed: str) -> JobReport:
    """The report of a job that needs one that did not end well."""
    return JobReport(outcome=Outcome.SKIPPED, items=0, reason=f"it needs {needed}, which did not end well")


def reason_of(error: Exception) -> str:
    """The cause of a failure, in a line."""
    error = cause_of(error)
    message = getattr(error, "message", "") or str(error)
    return message or type(error).__name__
