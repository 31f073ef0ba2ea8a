"""How a run ended, in one word, an exit code and a sentence."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from pcswitcher.jobs.api import JobReport
from pcswitcher.model.errors import ExitCode, InterruptedRunError, PcSwitcherError, VerificationError
from pcswitcher.model.events import Outcome
from pcswitcher.model.text import human_count
from pcswitcher.run.plan import Plan


@attrs.frozen(kw_only=True)
class SyncResult:
    """How a run ended."""

    outcome: Outcome
    exit_code: ExitCode
    message: str
    hint: str = ""


def result_of(error: PcSwitcherError) -> SyncResult:
    """The end that an error means."""
    outcome = Outcome.INTERRUPTED if isinstance(error, InterruptedRunError) else Outcome.FAILED
    return SyncResult(outcome=outcome, exit_code=error.exit_code, message=error.message, hint=error.hint)


def unchanged(plan: Plan) -> SyncResult:
    """The end of a run with nothing to apply: equal, or differing in what cannot be made equal."""
    if plan.problems:
        return SyncResult(
            outcome=Outcome.PARTIAL,
            exit_code=ExitCode.PARTIAL,
            message=f"nothing to apply, but {human_count(len(plan.problems), 'item')} on {plan.target} cannot be made "
            f"as on {plan.source}: {plan.problems[0]}",
            hint="mend what is named, then start the same command again",
        )
    return SyncResult(outcome=Outcome.NOTHING, exit_code=ExitCode.DONE, message=f"{plan.target} is as {plan.source}")


def judge(source: str, target: str, reports: Sequence[JobReport], differences: Sequence[str]) -> SyncResult:
    """The end of a run that applied its plan: what every job reported, and what verification found.

    It is kept where everyone on the machine may read it, so it counts items; the log names them.
    """
    failures = [failure for report in reports for failure in report.failures]
    items = sum(report.items for report in reports)
    if differences:
        error = VerificationError(
            f"{human_count(len(differences), 'item')} on {target} not as planned",
            "start the same command again; if it stays, look at pc-switcher logs",
        )
        return result_of(error)
    if any(report.outcome is Outcome.FAILED for report in reports):
        reason = next(report.reason for report in reports if report.outcome is Outcome.FAILED)
        return SyncResult(
            outcome=Outcome.FAILED, exit_code=ExitCode.FAILED, message=reason, hint="start the same command again"
        )
    if failures:
        return SyncResult(
            outcome=Outcome.PARTIAL,
            exit_code=ExitCode.PARTIAL,
            message=f"{human_count(items, 'change')} made to {target}, {len(failures):,} could not be",
            hint="mend what is named, then start the same command again",
        )
    return SyncResult(
        outcome=Outcome.DONE,
        exit_code=ExitCode.DONE,
        message=f"{human_count(items, 'change')} made: {target} is as {source}",
    )
