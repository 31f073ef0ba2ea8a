"""The plan of a run: what every job would do, and what a person must know before saying yes."""

from __future__ import annotations

import attrs

from pcswitcher.jobs.api import Finding, Gate, JobPlan
from pcswitcher.jobs.registry import AnyJob


@attrs.frozen
class PlannedJob:
    """A job and what it would do."""

    job: AnyJob
    plan: JobPlan[object]


@attrs.frozen(kw_only=True)
class Plan:
    """What a run would do to its target."""

    source: str
    target: str
    jobs: tuple[PlannedJob, ...]
    findings: tuple[Finding, ...]
    """Of all checks and all jobs, warnings and gates."""

    @property
    def items(self) -> int:
        """How many items would change."""
        return sum(planned.plan.items for planned in self.jobs)

    @property
    def problems(self) -> tuple[str, ...]:
        """What differs and will not be made equal."""
        return tuple(problem for planned in self.jobs for problem in planned.plan.problems)

    @property
    def removals(self) -> int:
        """How many items would be removed."""
        return sum(len(planned.plan.removals) for planned in self.jobs)

    def closed_gates(self, allowed: frozenset[Gate]) -> tuple[Finding, ...]:
        """What needs its own word and was not given it."""
        return tuple(each for each in self.findings if each.gate is not None and each.gate not in allowed)
