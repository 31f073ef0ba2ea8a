"""Events as lines of text: what the plain face prints, the screen logs, and `logs` shows."""

from __future__ import annotations

from pcswitcher.faces.health import SILENT
from pcswitcher.model.events import (
    Event,
    FreeSpace,
    JobFinished,
    JobStarted,
    Level,
    LinkHealth,
    LogLine,
    Outcome,
    PlanLine,
    Progress,
    RunFinished,
    RunStarted,
    Stalled,
    StepFinished,
    StepStarted,
)
from pcswitcher.model.text import human_count, human_size, printable

ITEMS_SHOWN = 20
"""How many removals or conflicts a list shows before it says how many more there are."""


def lines_of(event: Event, level: Level = Level.INFO) -> list[str]:
    """What to print for an event: no line, one or several, safe for a terminal. Log lines below ``level`` give none."""
    return [one_line(line) for line in _words(event, level)]


def one_line(text: str) -> str:
    """Text from wherever as one line that is safe for a terminal."""
    return printable(text).replace("\n", " ")


def _words(event: Event, level: Level) -> list[str]:
    match event:
        case RunStarted():
            return [start_words(event)]
        case StepStarted():
            return [f"{event.step} …"]
        case StepFinished():
            return [f"{event.step} done in {event.seconds:.1f} s"]
        case LogLine():
            return [log_words(event)] if event.level >= level else []
        case PlanLine():
            return plan_words(event)
        case JobStarted():
            size = f", {human_size(event.size)}" if event.size else ""
            return [f"{event.job}: begins, {human_count(event.items, 'item')}{size}"]
        case JobFinished():
            return [job_words(event)]
        case RunFinished():
            return finish_words(event)
        case _:
            return _state_words(event)


def _state_words(event: Event) -> list[str]:
    """What holds for a moment: how far, how fast, how much room."""
    match event:
        case Progress():
            return [progress_words(event)]
        case Stalled():
            return [f"{event.machine} [{event.job}]: {stall_words(event.seconds, event.cause)}"]
        case LinkHealth():
            return [f"{event.machine}: {link_words(event.round_trip, event.silent)}"]
        case FreeSpace():
            return [f"{event.machine}: {space_words(event)}"]
        case _:
            return []


def start_words(event: RunStarted) -> str:
    """Which run, from where to where."""
    words = "dry run" if event.dry_run else f"run {event.run}"
    return f"{words}: {event.source} → {event.target} (pc-switcher {event.version})"


def job_words(event: JobFinished) -> str:
    """How a job ended."""
    reason = f": {event.reason}" if event.reason else ""
    if event.outcome in {Outcome.NOTHING, Outcome.SKIPPED}:
        return f"{event.job}: {event.outcome}{reason}"
    return f"{event.job}: {event.outcome}, {human_count(event.items, 'item')} in {event.seconds:.1f} s{reason}"


def log_words(line: LogLine) -> str:
    """A log line as text: level (from WARNING on), machine, job, message, fields."""
    level = f"{line.level.name}: " if line.level >= Level.WARNING else ""
    place = line.machine if not line.message.startswith(line.machine) else ""
    where = " ".join(filter(None, (place, f"[{line.job}]" if line.job else "")))
    fields = "".join(f" {name}={value}" for name, value in line.fields.items())
    return one_line(level + (f"{where}: " if where else "") + line.message + fields)


def progress_words(event: Progress) -> str:
    """Progress as text: how much of how much, how fast, on what."""
    rate = f", {amount(event.rate, event.unit)}/s" if event.rate else ""
    item = f", {event.item}" if event.item else ""
    return f"{event.machine} [{event.job}]: {', '.join(amount_words(event))}{rate}{item}"


def amount_words(event: Progress) -> tuple[str, ...]:
    """How much of how much, in the job's own unit; how many items of how many, where the unit is bytes."""
    total = f" of {amount(event.total, event.unit)}" if event.total else ""
    unit = "" if event.unit == "bytes" else f" {event.unit}"
    of_items = f" of {event.items_total:,}" if event.items_total else ""
    items = f"{event.items:,}{of_items} files" if event.items or event.items_total else ""
    return tuple(filter(None, (f"{amount(event.done, event.unit)}{total}{unit}", items)))


def amount(number: float, unit: str) -> str:
    """A number of a unit: bytes in binary units, anything else counted."""
    return human_size(number) if unit == "bytes" else f"{number:,.0f}"


def stall_words(seconds: float, cause: str) -> str:
    """That nothing moves, since when and why."""
    return f"no progress for {seconds:.0f} s" + (f": {cause}" if cause else "")


def link_words(round_trip: float, silent: float) -> str:
    """How a connection is: its round trip, or for how long nothing was heard (both seconds)."""
    if silent >= SILENT:
        return f"not heard for {silent:.0f} s"
    return f"answers in {max(1, round(round_trip * 1000)):,} ms"


def space_words(event: FreeSpace) -> str:
    """How much room a filesystem has."""
    percent = f" ({100 * event.free // event.total} %)" if event.total else ""
    return f"{event.path} has {human_size(event.free)} of {human_size(event.total)} free{percent}"


def plan_words(event: PlanLine) -> list[str]:
    """What a job would do, with the first removals and conflicts."""
    lines = [f"{event.title}: {', '.join(event.summary) or 'nothing to do'}"]
    lines += _first(event.removals, "removes", "removal")
    lines += _first(event.conflicts, "conflict:", "conflict")
    lines += [f"  ! {warning}" for warning in event.warnings]
    if event.marked:
        lines.append(f"  {human_count(event.marked, 'item')} left alone as machine-specific")
    return lines


def _first(items: tuple[str, ...], verb: str, noun: str) -> list[str]:
    lines = [f"  {verb} {item}" for item in items[:ITEMS_SHOWN]]
    more = len(items) - ITEMS_SHOWN
    return [*lines, f"  and {human_count(more, f'more {noun}')}"] if more > 0 else lines


def finish_words(event: RunFinished) -> list[str]:
    """How the run ended, and what a person can do about it."""
    lines = [f"{event.outcome}: {event.message}"]
    if event.hint:
        lines.append(f"  → {event.hint}")
    return lines
