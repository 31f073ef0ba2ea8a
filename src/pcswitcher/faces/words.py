"""Events as lines of text: what the plain face prints, the screen logs, and `logs` shows."""

from __future__ import annotations

from pcswitcher.model.events import (
    Event,
    JobFinished,
    Level,
    LogLine,
    PlanLine,
    Progress,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
)
from pcswitcher.model.text import human_count, human_size, printable

REMOVALS_SHOWN = 20
"""How many removals a list shows before it says how many more there are."""


def lines_of(event: Event, level: Level = Level.INFO) -> list[str]:
    """What to print for an event: no line, one or several, safe for a terminal. Log lines below ``level`` give none."""
    return [one_line(line) for line in _words(event, level)]


def one_line(text: str) -> str:
    """Text from wherever as one line that is safe for a terminal."""
    return printable(text).replace("\n", " ")


def _words(event: Event, level: Level) -> list[str]:
    match event:
        case RunStarted():
            words = "dry run" if event.dry_run else f"run {event.run}"
            return [f"{words}: {event.source} → {event.target} (pc-switcher {event.version})"]
        case StepStarted():
            return [f"{event.step} …"]
        case StepFinished():
            return [f"{event.step} done in {event.seconds:.1f} s"]
        case LogLine():
            return [log_words(event)] if event.level >= level else []
        case Progress():
            return [progress_words(event)]
        case PlanLine():
            return plan_words(event)
        case JobFinished():
            reason = f": {event.reason}" if event.reason else ""
            return [
                f"{event.job}: {event.outcome}, {human_count(event.items, 'item')} in {event.seconds:.1f} s{reason}"
            ]
        case RunFinished():
            return finish_words(event)
        case _:
            return []


def log_words(line: LogLine) -> str:
    """A log line as text: level (from WARNING on), machine, job, message, fields."""
    level = f"{line.level.name}: " if line.level >= Level.WARNING else ""
    place = line.machine if not line.message.startswith(line.machine) else ""
    where = " ".join(filter(None, (place, f"[{line.job}]" if line.job else "")))
    fields = "".join(f" {name}={value}" for name, value in line.fields.items())
    return one_line(level + (f"{where}: " if where else "") + line.message + fields)


def progress_words(event: Progress) -> str:
    """Progress as text: how much of how much, how fast, on what."""
    amount = human_size if event.unit == "bytes" else _plain_count
    total = f" of {amount(event.total)}" if event.total else ""
    rate = f", {amount(int(event.rate))}/s" if event.rate else ""
    unit = "" if event.unit == "bytes" else f" {event.unit}"
    items = f", {event.items:,} of {event.items_total:,} files" if event.items_total else ""
    return f"{event.machine} [{event.job}]: {amount(event.done)}{total}{unit}{items}{rate}"


def plan_words(event: PlanLine) -> list[str]:
    """What a job would do, with the first removals."""
    lines = [f"{event.title}: {', '.join(event.summary) or 'nothing to do'}"]
    lines += [f"  removes {path}" for path in event.removals[:REMOVALS_SHOWN]]
    more = len(event.removals) - REMOVALS_SHOWN
    if more > 0:
        lines.append(f"  and {more:,} more removals")
    return lines


def finish_words(event: RunFinished) -> list[str]:
    """How the run ended, and what a person can do about it."""
    lines = [f"{event.outcome}: {event.message}"]
    if event.hint:
        lines.append(f"  → {event.hint}")
    return lines


def _plain_count(number: int) -> str:
    return f"{number:,}"
