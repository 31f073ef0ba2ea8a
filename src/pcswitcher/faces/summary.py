"""What is said after a run: what changed, per job, and what needs attention (requirement U5)."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text

from pcswitcher.faces.interrupt import STOPPING
from pcswitcher.faces.words import finish_words, job_words, log_words, one_line, plan_words, start_words
from pcswitcher.model.events import Event, JobFinished, JobStarted, LogLine, Outcome, PlanLine, RunFinished, RunStarted

GOOD = frozenset({Outcome.DONE, Outcome.NOTHING, Outcome.PENDING})
_GOOD_STYLE = Style(color="green", bold=True)
_BAD_STYLE = Style(color="red", bold=True)
_CAREFUL_STYLE = Style(color="yellow")


class Summary:
    """A Sink that remembers what is worth saying at the end."""

    def __init__(self) -> None:
        self._started: RunStarted | None = None
        self._plans: dict[str, PlanLine] = {}
        self._begun: dict[str, JobStarted] = {}
        self._jobs: dict[str, JobFinished] = {}
        self._finished: RunFinished | None = None

    def take(self, event: Event) -> None:
        """See Sink."""
        match event:
            case RunStarted():
                self._started = event
            case PlanLine():
                self._plans[event.job] = event
            case JobStarted():
                self._begun[event.job] = event
            case JobFinished():
                self._jobs[event.job] = event
            case RunFinished():
                self._finished = event
            case _:
                pass

    def lines(self) -> list[Text]:
        """The run, its jobs, how it ended. A job that was not applied has its plan with removals and conflicts."""
        lines = [Text(one_line(start_words(self._started)), Style(bold=True))] if self._started else []
        for job in dict.fromkeys([*self._plans, *self._jobs]):
            ended, plan = self._jobs.get(job), self._plans.get(job)
            if ended is None:
                lines += [Text(one_line(line)) for line in (plan_words(plan) if plan else [])]
                continue
            style = Style() if ended.outcome in GOOD | {Outcome.SKIPPED} else _BAD_STYLE
            begun = self._begun.get(job)
            changes = f" ({', '.join(begun.summary)})" if begun and begun.summary else ""
            lines.append(Text(one_line(job_words(ended) + changes), style))
        if self._finished:
            style = _GOOD_STYLE if self._finished.outcome in GOOD else _BAD_STYLE
            first, *more = finish_words(self._finished)
            lines += [Text(one_line(first), style), *(Text(one_line(line)) for line in more)]
        return lines


def attention(warnings: Sequence[LogLine]) -> list[Text]:
    """Every warning and error once more, each once; nothing without any. That one pressed Ctrl-C one knows."""
    words = list(dict.fromkeys(log_words(line) for line in warnings if line.message != STOPPING))
    return [Text("Needs attention:", _CAREFUL_STYLE), *(Text(f"  {line}") for line in words)] if words else []
