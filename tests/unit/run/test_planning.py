"""From what the jobs found to the plan: sizes by tree, and jobs that meet for the first time."""

from __future__ import annotations

from typing import cast

import attrs
import pytest

from pcswitcher.jobs.api import Action, Change, Finding, Gate, JobPlan, Severity, States
from pcswitcher.jobs.registry import AnyJob
from pcswitcher.run.bases import Common
from pcswitcher.run.plan import PlannedJob
from pcswitcher.run.planning import bytes_by_tree, findings_of

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
