"""Deciding about a plan: by a person, or by what they said beforehand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias

import attrs

from pcswitcher.jobs.api import Change, Decision, Details, Gate
from pcswitcher.model.errors import CheckError, QuestionError
from pcswitcher.model.plan import ConflictPolicy, Plan
from pcswitcher.model.text import human_count

Inspect: TypeAlias = Callable[[str, Change], Awaitable[Details]]
"""Tells more about a change of the job with this name. Raises PcSwitcherError."""
CONFLICTS_NAMED = 20
"""How many conflicts an error names before it says how many more there are."""


class Reviewer(Protocol):
    """Shows a plan and gets the decisions."""

    async def review(self, plan: Plan, allowed: frozenset[Gate], inspect: Inspect) -> Plan | None:
        """The plan with the decisions about it; None when it was declined. ``allowed``: gates that are open.

        Raises QuestionError when nobody can be asked, CheckError when a policy ends the run.
        """
        ...


class PolicyReviewer:
    """Decides without a person: ``--yes`` accepts a plan, but no gate and no conflict that nobody answered."""

    def __init__(self, *, accept: bool, conflicts: ConflictPolicy) -> None:
        self._accept = accept
        self._conflicts = conflicts

    async def review(self, plan: Plan, allowed: frozenset[Gate], inspect: Inspect) -> Plan | None:
        """See Reviewer."""
        answered = answer_conflicts(plan, self._conflicts)
        closed, open_conflicts = answered.closed_gates(allowed), answered.undecided()
        questions = [finding.message for finding in closed]
        answers = [f"add --allow {finding.gate}" for finding in closed]
        if open_conflicts:
            questions.append(conflict_words(plan, [change for _, change in open_conflicts]))
            answers.append(
                f"add --conflicts source to take {plan.source}'s, --conflicts target to leave {plan.target}'s"
            )
        if not self._accept:
            questions.append(
                f"{human_count(plan.items, 'change')} to {plan.target} need a yes and nobody is here to give it"
            )
            answers.append("add --yes to accept the plan, or --dry-run to only see it")
        if questions:
            raise QuestionError("; ".join(questions), "; ".join(dict.fromkeys(answers)))
        return attrs.evolve(answered, opened=tuple(gate for gate in Gate if gate in allowed))


def answer_conflicts(plan: Plan, policy: ConflictPolicy) -> Plan:
    """The plan with the policy's answer to every conflict that has none yet. Raises CheckError when it is to stop."""
    waiting = plan.undecided()
    if not waiting or policy is ConflictPolicy.ASK:
        return plan
    if policy is ConflictPolicy.STOP:
        raise CheckError(
            conflict_words(plan, [change for _, change in waiting]),
            "nothing was changed, as --conflicts stop wants it; --conflicts ask shows them in the review",
        )
    decision = Decision.APPLY if policy is ConflictPolicy.SOURCE else Decision.SKIP
    by_job: dict[str, list[str]] = {}
    for job, change in waiting:
        by_job.setdefault(job, []).append(change.item)
    for job, items in by_job.items():
        plan = plan.deciding(job, items, decision)
    return plan


def conflict_words(plan: Plan, changes: Sequence[Change]) -> str:
    """Which items are in conflict, in words: the first by name, then how many more."""
    named = [f"{change.item} ({change.conflict})" for change in changes[:CONFLICTS_NAMED]]
    if len(changes) > CONFLICTS_NAMED:
        named.append(f"and {len(changes) - CONFLICTS_NAMED:,} more")
    return f"{plan.target} changed {human_count(len(changes), 'item')} itself: {', '.join(named)}"
