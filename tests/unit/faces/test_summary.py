"""What is said after a run."""

from __future__ import annotations

from pcswitcher.faces.interrupt import STOPPING
from pcswitcher.faces.summary import Summary, attention
from pcswitcher.model.events import (
    Event,
    JobFinished,
    JobStarted,
    Level,
    LogLine,
    Outcome,
    PlanLine,
    RunFinished,
    RunStarted,
)


def said(*events: Event) -> list[str]:
    summary = Summary()
    for event in events:
        summary.take(event)
    return [text.plain for text in summary.lines()]


STARTED = RunStarted(run="0042", source="atlas", target="vega", version="0.1.0", dry_run=False)
BEGUN = JobStarted(job="files", title="Files", items=2, size=8, summary=("2 new (8 B)",))
PLAN = PlanLine(job="files", title="Files", summary=("3 new (12 B)",), removals=("/home/sam/old",), warnings=())
JOB = JobFinished(job="files", outcome=Outcome.PARTIAL, reason="1 item stayed", seconds=2.5, items=2)
END = RunFinished(run="0042", outcome=Outcome.PARTIAL, exit_code=3, message="2 changes made", hint="mend it")


def test_it_tells_per_job_what_changed_and_how_the_run_ended() -> None:
    """U5, J7: of the plan only what was not decided to stay."""
    assert said(STARTED, PLAN, BEGUN, JOB, END) == [
        "run 0042: atlas → vega (pc-switcher 0.1.0)",
        "files: partial, 2 items in 2.5 s: 1 item stayed (2 new (8 B))",
        "partial: 2 changes made",
        "  → mend it",
    ]


def test_a_job_that_was_not_applied_has_its_plan() -> None:
    """U5: a dry run is made for its plan."""
    assert said(STARTED, PLAN)[1:] == ["Files: 3 new (12 B)", "  removes /home/sam/old"]


def test_a_run_that_never_began_has_only_its_end() -> None:
    assert said(END) == ["partial: 2 changes made", "  → mend it"]
    assert said() == []


def test_every_warning_is_repeated_once_but_not_what_one_did_oneself() -> None:
    """U5."""
    lines = [LogLine(level=Level.WARNING, message=words, machine="") for words in ("a", "b", "a", STOPPING)]
    assert [text.plain for text in attention(lines)] == ["Needs attention:", "  WARNING: a", "  WARNING: b"]
    assert attention([]) == []
    assert attention(lines[3:]) == []
