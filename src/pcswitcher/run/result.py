"""How a run ended, in one word, an exit code and a sentence."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from pcswitcher.model.errors import ExitCode, InterruptedRunError, PcSwitcherError, VerificationError
from pcswitcher.model.events import Outcome
from pcswitcher.model.plan import Plan
from pcswitcher.model.text import human_count
from pcswitcher.run.graph import FAILED
from pcswitcher.run.telling import Applied

SEE_WHY = "see why with pc-switcher logs last, then start the same command again"


@attrs.frozen(kw_only=True)
class SyncResult:
    """How a run ended."""

    outcome: Outcome
    exit_code: ExitCode
    message: str
    hint: str = ""
    abandoned: bool = False
    """Whether a job that would not stop was left behind in this process: it must not be waited for."""


def result_of(error: PcSwitcherError) -> SyncResult:
    """The end that an error means."""
    outcome = Outcome.INTERRUPTED if isinstance(error, InterruptedRunError) else Outcome.FAILED
    return SyncResult(outcome=outcome, exit_code=error.exit_code, message=error.message, hint=error.hint)


def unexpected(error: BaseException) -> SyncResult:
    """The end that an error means which nobody foresaw."""
    return SyncResult(
        outcome=Outcome.FAILED,
        exit_code=ExitCode.FAILED,
        message=f"unexpected {type(error).__name__}: {error}",
        hint="see pc-switcher logs last; tell us of it with that log",
    )


def unchanged(plan: Plan) -> SyncResult:
    """The end of a run with nothing to apply: equal, or differing in what cannot be made equal."""
    if plan.unplanned:
        return _unplanned(plan, f"nothing to do on {plan.target} for the other jobs")
    if plan.problems:
        return SyncResult(
            outcome=Outcome.PARTIAL,
            exit_code=ExitCode.PARTIAL,
            message=f"nothing to apply, but {human_count(len(plan.problems), 'item')} on {plan.target} cannot be made "
            f"as on {plan.source}: {plan.problems[0]}",
            hint="mend what is named, then start the same command again",
        )
    return SyncResult(outcome=Outcome.NOTHING, exit_code=ExitCode.DONE, message=f"{plan.target} is as {plan.source}")


def judge(source: str, target: str, applied: Sequence[Applied]) -> SyncResult:
    """The end of a run that applied its plan: what every job reported, and what verification found (J7).

    It is kept where everyone on the machine may read it, so it counts items and names jobs; the log names items.
    """
    differences = sum(len(each.differences) for each in applied)
    failures = sum(len(each.report.failures) for each in applied)
    items = sum(each.report.items for each in applied)
    broken = [each for each in applied if each.report.outcome in FAILED]
    if differences:
        return result_of(
            VerificationError(
                f"{human_count(differences, 'item')} on {target} not as planned",
                "start the same command again; if it stays, look at pc-switcher logs last",
            )
        )
    if broken:
        names = ", ".join(f"{each.section.job} ({each.report.outcome})" for each in broken)
        return SyncResult(
            outcome=Outcome.FAILED,
            exit_code=ExitCode.FAILED,
            message=f"not done: {names}; {human_count(items, 'change')} made to {target} by the other jobs",
            hint=SEE_WHY,
        )
    partial = [each for each in applied if each.report.outcome is Outcome.PARTIAL]
    if failures or partial:
        rest = f"{failures:,} could not be" if failures else f"not all of: {', '.join(_names(partial))}"
        return SyncResult(
            outcome=Outcome.PARTIAL,
            exit_code=ExitCode.PARTIAL,
            message=f"{human_count(items, 'change')} made to {target}, {rest}",
            hint="mend what is named, then start the same command again",
        )
    left = sum(len(each.section.changes) - len(each.planned.plan.changes) for each in applied)
    stay = f", but for {human_count(left, 'item')} left as decided" if left else ""
    return SyncResult(
        outcome=Outcome.DONE,
        exit_code=ExitCode.DONE,
        message=f"{human_count(items, 'change')} made: {target} is as {source}{stay}",
    )


def pending(plan: Plan) -> SyncResult:
    """The end of a dry run that found something to do."""
    if plan.unplanned:
        return _unplanned(plan, f"{human_count(plan.items, 'change')} would be made to {plan.target} by the other jobs")
    return SyncResult(
        outcome=Outcome.PENDING,
        exit_code=ExitCode.CHANGES_PENDING,
        message=f"{human_count(plan.items, 'change')} would be made to {plan.target}; nothing was changed",
        hint="leave out --dry-run to make them",
    )


def declined(plan: Plan) -> SyncResult:
    """The end of a run whose plan was declined."""
    return SyncResult(
        outcome=Outcome.DECLINED,
        exit_code=ExitCode.INTERRUPTED,
        message=f"the plan was declined; nothing was changed on {plan.target}",
    )


def _unplanned(plan: Plan, rest: str) -> SyncResult:
    return SyncResult(
        outcome=Outcome.FAILED,
        exit_code=ExitCode.FAILED,
        message=f"not planned: {', '.join(section.job for section in plan.unplanned)}; {rest}",
        hint=SEE_WHY,
    )


def _names(applied: Sequence[Applied]) -> list[str]:
    return [each.section.job for each in applied]
