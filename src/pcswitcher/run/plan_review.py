"""Reviewers of plans in files: one keeps what was decided, the other decides as it was kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs

from pcswitcher.model.plan import ConflictPolicy, Gate, Plan
from pcswitcher.run.plan import refuse_stale, save_plan
from pcswitcher.run.review import Inspect, Reviewer, answer_conflicts


class OpenReviewer:
    """Leaves every question open that no policy answers: the plan will be kept, and looked at later."""

    def __init__(self, conflicts: ConflictPolicy) -> None:
        self._conflicts = conflicts

    async def review(self, plan: Plan, allowed: frozenset[Gate], inspect: Inspect) -> Plan | None:
        """See Reviewer."""
        opened = tuple(gate for gate in Gate if gate in allowed)
        return attrs.evolve(answer_conflicts(plan, self._conflicts), opened=opened, reviewed=False)


class KeepingReviewer:
    """Keeps what another reviewer decided in a file; declined, it keeps nothing."""

    def __init__(self, reviewer: Reviewer, path: Path, kept: Callable[[], None]) -> None:
        self._reviewer = reviewer
        self._path = path
        self._kept = kept

    async def review(self, plan: Plan, allowed: frozenset[Gate], inspect: Inspect) -> Plan | None:
        """See Reviewer."""
        reviewed = await self._reviewer.review(plan, allowed, inspect)
        if reviewed is not None:
            save_plan(reviewed, self._path)
            self._kept()
        return reviewed


class SavedReviewer:
    """Decides as a plan that was kept says, if both machines are still as they were (promise 3).

    What it leaves open another reviewer decides: gates, conflicts, and everything when nobody went through it yet.
    """

    def __init__(self, saved: Plan, reviewer: Reviewer) -> None:
        self._saved = saved
        self._reviewer = reviewer

    async def review(self, plan: Plan, allowed: frozenset[Gate], inspect: Inspect) -> Plan | None:
        """See Reviewer. Raises CheckError for a plan that is stale."""
        refuse_stale(self._saved, plan)
        decided = attrs.evolve(plan, decisions=self._saved.decisions, opened=self._saved.opened)
        allowed |= set(self._saved.opened)
        if self._saved.reviewed and not decided.closed_gates(allowed) and not decided.undecided():
            return decided
        return await self._reviewer.review(decided, allowed, inspect)
