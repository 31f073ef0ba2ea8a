"""What is kept of a job's part in a run."""

from __future__ import annotations

from typing import cast

import attrs
from tests.unit.run.test_plan import GONE, NOTE, SECTION

from pcswitcher.jobs.api import Change, JobPlan, JobReport, Outcome, States
from pcswitcher.jobs.registry import AnyJob
from pcswitcher.model.errors import ConnectionLostError, InterruptedRunError
from pcswitcher.model.events import Level
from pcswitcher.run.book import trouble_level
from pcswitcher.run.plan import PlannedJob
from pcswitcher.run.telling import Applied


def applied(*done: Change, stuck: frozenset[str] = frozenset(), failed: frozenset[str] = frozenset()) -> Applied:
    plan: JobPlan[object] = JobPlan(data=None, changes=done, stuck=stuck)
    planned = PlannedJob(cast("AnyJob", None), States(source=object(), target=object()), plan)
    report = JobReport(outcome=Outcome.DONE, items=len(done), failed=failed)
    return Applied(planned=planned, section=SECTION, report=report, seconds=0.0)


def test_whatever_differs_and_was_left_is_not_agreed() -> None:
    """Promise 7: refused, failed, marked, and what could not be planned; a base must not hold the source's of these."""
    assert applied(NOTE, GONE).left == frozenset()
    assert applied(NOTE).left == {GONE.item}
    assert applied(NOTE, GONE, failed=frozenset({NOTE.item})).left == {NOTE.item}
    assert applied(NOTE, GONE, stuck=frozenset({"/home/sam/too-long"})).left == {"/home/sam/too-long"}
    marked = attrs.evolve(applied(NOTE, GONE), section=attrs.evolve(SECTION, marked=("/home/sam/own",)))
    assert marked.left == {"/home/sam/own"}


def test_that_a_lost_machine_cannot_be_cleaned_is_no_news() -> None:
    """I4, U5: one cause is told once; any other trouble of the cleaning is a warning."""
    lost = ConnectionLostError("vega: the connection broke")
    assert trouble_level(lost, lost) is Level.FULL
    assert trouble_level(lost, InterruptedRunError("stopped")) is Level.WARNING
    assert trouble_level(TimeoutError(), lost) is Level.WARNING
    assert trouble_level(lost, None) is Level.WARNING
