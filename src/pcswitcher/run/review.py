"""Deciding about a plan: by a person, or by what they said beforehand."""

from __future__ import annotations

from typing import Protocol

from pcswitcher.jobs.api import Gate
from pcswitcher.model.errors import QuestionError
from pcswitcher.model.text import human_count
from pcswitcher.run.plan import Plan


class Reviewer(Protocol):
    """Shows a plan and gets the decision."""

    async def review(self, plan: Plan, allowed: frozenset[Gate]) -> bool:
        """Whether the plan is to be applied. Raises QuestionError when nobody can be asked."""
        ...


class PolicyReviewer:
    """Decides without a person: ``--yes`` accepts a plan, but no gate that was not named."""

    def __init__(self, *, accept: bool) -> None:
        self._accept = accept

    async def review(self, plan: Plan, allowed: frozenset[Gate]) -> bool:
        """See Reviewer."""
        closed = plan.closed_gates(allowed)
        if closed:
            words = " ".join(f"--allow {finding.gate}" for finding in closed)
            raise QuestionError("; ".join(finding.message for finding in closed), f"if that is right, add {words}")
        if not self._accept:
            raise QuestionError(
                f"{human_count(plan.items, 'change')} to {plan.target} need a yes and nobody is here to give it",
                "add --yes to accept the plan, or --dry-run to only see it",
            )
        return True
