"""The state of a run as text with colours. Pure: what is shown, at which moment, how wide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.style import Style
from rich.text import Text

from pcswitcher.faces.health import Room, link_is_bad, room
from pcswitcher.faces.screen import theme
from pcswitcher.faces.screen.pace import TimeLeft, duration_words, left_words
from pcswitcher.faces.screen.state import GOOD, Activity, Entry, RunState, StepState, StepStatus
from pcswitcher.faces.words import amount, amount_words, job_words, link_words, log_words, one_line, stall_words
from pcswitcher.model.events import FreeSpace, JobFinished, Level, LinkHealth, Outcome, Progress, Step
from pcswitcher.model.settings import DiskSettings
from pcswitcher.model.text import human_count, human_size

RAIL = 22
"""Columns of the steps."""
_MARKS: dict[StepStatus, tuple[str, Style, Style]] = {
    StepStatus.WAITING: ("·", theme.MUTED, theme.MUTED),
    StepStatus.RUNNING: ("▸", theme.ACTIVE, theme.ACTIVE),
    StepStatus.DONE: ("✓", theme.GOOD, theme.PLAIN),
    StepStatus.FAILED: ("✗", theme.BAD, theme.BAD),
    StepStatus.STOPPED: ("■", theme.CAREFUL, theme.PLAIN),
}
_ROOMS = {Room.ENOUGH: theme.PLAIN, Room.LITTLE: theme.CAREFUL, Room.TOO_LITTLE: theme.BAD}
_CONSOLE = Console(width=80, color_system=None)
"""Only measures and wraps."""


def title_text(state: RunState) -> Text:
    """Which run, from where to where."""
    text = Text.assemble(("pc-switcher", theme.STRONG), no_wrap=True, overflow="ellipsis")
    if state.run is not None:
        words = "dry run" if state.run.dry_run else f"run {one_line(state.run.run)}"
        text.append(f"   {one_line(state.run.source)} → {one_line(state.run.target)}", theme.ACTIVE)
        text.append(f"   {words}   {one_line(state.run.version)}", theme.MUTED)
    return text


def warnings_text(state: RunState) -> Text:
    """How many warnings and errors there are; empty without any."""
    errors = sum(line.level >= Level.ERROR for line in state.warnings)
    warnings = len(state.warnings) - errors
    text = Text()
    if errors:
        text.append(human_count(errors, "error"), theme.BAD)
    if warnings:
        text.append(", " if errors else "")
        text.append(human_count(warnings, "warning"), theme.CAREFUL)
    return text


def all_warnings(state: RunState) -> Text:
    """Every warning and error, each whole."""
    lines = [Text(f"• {log_words(line)}", theme.LEVELS[line.level]) for line in state.warnings]
    return Text("\n").join(lines) if lines else Text("There are no warnings.", theme.MUTED)


def stopping_text(state: RunState) -> Text:
    """That the run is being stopped, and what else one can do; empty otherwise."""
    if not state.stopping or state.finished:
        return Text()
    return Text("Stopping at the next safe point and cleaning up. Ctrl-C again stops now.", theme.CAREFUL)


def rail_text(state: RunState, now: datetime) -> Text:
    """All steps, one per line: what is done, what runs, what comes, and how long each took."""
    return Text("\n").join(_step_text(step, each, now, RAIL - 2) for step, each in state.steps.items())


def step_text(state: RunState, now: datetime) -> Text:
    """The step that runs, on one line, and how far that is: for a terminal too small for all of them."""
    steps = list(state.steps.items())
    begun = [number for number, (_, each) in enumerate(steps) if each.status is not StepStatus.WAITING]
    number = begun[-1] if begun else 0
    text = _step_text(*steps[number], now, 0)
    return text.append(f"  step {number + 1} of {len(steps)}", theme.MUTED)


def _step_text(step: Step, state: StepState, now: datetime, width: int) -> Text:
    mark, mark_style, style = _MARKS[state.status]
    running = state.status is StepStatus.RUNNING and state.started is not None
    seconds = (now - state.started).total_seconds() if running and state.started else state.seconds
    time = duration_words(seconds)
    text = Text.assemble((mark, mark_style), " ", (str(step), style))
    text.append(" " * max(1, width - text.cell_len - len(time)))
    return text.append(time, theme.MUTED)


def machines_text(state: RunState, disk: DiskSettings, now: datetime) -> Text:
    """A line per machine: its connection, its free space. Columns are aligned."""
    known = {*state.links, *(machine for machine, _ in state.spaces)}
    names = [name for name in state.machines if name in known]
    widest = max((cell_len(one_line(name)) for name in names), default=0)
    links = {name: _link_text(state.links.get(name), now) for name in names}
    links_width = max((link.cell_len for link in links.values()), default=0)
    lines: list[Text] = []
    for name in names:
        shown = one_line(name)
        line = Text.assemble((shown + " " * (widest - cell_len(shown)), theme.STRONG))
        if links_width:
            line.append("   ").append_text(links[name]).append(" " * (links_width - links[name].cell_len))
        for (machine, _), space in state.spaces.items():
            if machine == name:
                line.append("   ").append_text(_space_text(space, disk))
        lines.append(line)
    return Text("\n").join(lines)


def _link_text(link: LinkHealth | None, now: datetime) -> Text:
    if link is None:
        return Text()
    since = max(0.0, (now - link.time).total_seconds())
    current = LinkHealth(machine=link.machine, round_trip=link.round_trip, silent=link.silent + since)
    style = theme.CAREFUL if link_is_bad(current) else theme.GOOD
    return Text.assemble(("● ", style), link_words(current.round_trip, current.silent))


def _space_text(space: FreeSpace, disk: DiskSettings) -> Text:
    style = _ROOMS[room(space, disk)]
    percent = f" ({100 * space.free // space.total} %)" if space.total else ""
    return Text.assemble((one_line(space.path), theme.MUTED), " ", (f"{human_size(space.free)} free{percent}", style))


def activity_text(activity: Activity, now: datetime, width: int, *, whole: bool = False) -> Text:
    """What a job does: a bar, how much of how much, how fast, until when, on what. ``whole``: nothing is shortened."""
    if activity.finished is not None:
        return _finished_text(activity, activity.finished, width)
    moment = now.timestamp()
    progress = activity.progress
    lines = [_bar_line(activity, now, width)]
    if progress is not None:
        rate = activity.pace.rate(moment) or (progress.rate if not activity.pace.rates(moment) else 0.0)
        speed = [f"{amount(rate, progress.unit)}/s"] if rate else []
        lines += flow([one_line(part) for part in (*amount_words(progress), *speed)], width)
        if progress.item:
            item = one_line(progress.item)
            lines += _indented([Text(item if whole else middle(item, width - 2), theme.MUTED)], width)
    elif activity.items:
        size = [human_size(activity.size)] if activity.size else []
        lines += flow([human_count(activity.items, "item"), *size], width)
    if activity.stalled is not None:
        since = activity.stalled.seconds + max(0.0, (now - activity.stalled.time).total_seconds())
        lines += _indented([Text(one_line(stall_words(since, activity.stalled.cause)), theme.CAREFUL)], width)
    return Text("\n").join(lines)


def _finished_text(activity: Activity, finished: JobFinished, width: int) -> Text:
    """How a job ended, where its bar was."""
    good = finished.outcome in GOOD | {Outcome.SKIPPED}
    mark, style = ("✓", theme.GOOD) if good else ("✗", theme.BAD)
    words = one_line(job_words(finished)).removeprefix(f"{one_line(activity.job)}: ")
    text = Text.assemble((mark, style), " ", (one_line(activity.name), theme.STRONG), "  ", (words, style))
    return Text("\n").join(text.wrap(_CONSOLE, max(1, width), overflow="fold"))


def _bar_line(activity: Activity, now: datetime, width: int) -> Text:
    """Name, bar, share, time left. The name gets what it needs; the bar what is left of the width."""
    name = one_line(activity.name)
    share = fraction(activity.progress)
    words = f"{int(share * 100):3d} %" if share is not None else ""
    left = left_words(_time_left(activity, now))
    tail = "  ".join(filter(None, (words, left)))
    shown = middle(name, max(8, width - len(tail) - 4))
    room_left = width - cell_len(shown) - len(tail) - 4
    text = Text.assemble((shown, theme.STRONG))
    if share is not None and room_left >= 5:
        text.append("  ").append_text(bar(share, room_left)).append("  ")
    else:
        text.append(" " * max(2, width - cell_len(shown) - len(tail)))
    return text.append(tail, theme.PLAIN if share is not None else theme.MUTED)


def fraction(progress: Progress | None) -> float | None:
    """How far it is, 0 to 1; None when that is not known: no total, or more was done than the total said."""
    if progress is None or progress.total <= 0 or not 0 <= progress.done <= progress.total:
        return None
    return progress.done / progress.total


def _time_left(activity: Activity, now: datetime) -> TimeLeft | None:
    progress = activity.progress
    if progress is None or fraction(progress) is None:
        return None
    return activity.pace.time_left(now.timestamp(), progress.total - progress.done)


def bar(share: float, width: int) -> Text:
    """A bar of so many columns; full only when all is done."""
    halves = int(share * width * 2)
    full, half = divmod(halves, 2)
    empty = width - full - half
    return Text.assemble(("━" * full + "╸" * half, theme.ACTIVE), ("─" * empty, theme.MUTED))


def middle(text: str, width: int) -> str:
    """Text in so many columns; what is too long loses its middle: a path's ends tell most."""
    if cell_len(text) <= width:
        return text
    if width < 5:
        return set_cell_size(text, max(0, width))
    head = set_cell_size(text, (width - 1) // 2)
    tail = text[-(width - 1) :]
    while cell_len(tail) > width - 1 - cell_len(head):
        tail = tail[1:]
    return f"{head}…{tail}"


def flow(parts: Sequence[str], width: int) -> list[Text]:
    """Parts with dots between them, on as many lines as they need; a line ends between two parts."""
    lines: list[str] = []
    for part in parts:
        if lines and cell_len(lines[-1]) + 3 + cell_len(part) <= width - 2:
            lines[-1] += f" · {part}"
        else:
            lines.append(part)
    return _indented([Text(line) for line in lines], width)


def _indented(texts: Iterable[Text], width: int) -> list[Text]:
    return [
        Text("  ").append_text(line)
        for text in texts
        for line in text.wrap(_CONSOLE, max(1, width - 2), overflow="fold")
    ]


def entry_text(entry: Entry, zone: tzinfo | None, width: int) -> Text:
    """A line of the log with its time of day; what does not fit goes on below its beginning."""
    stamp = f"{entry.time.astimezone(zone):%H:%M:%S}  "
    style = theme.LEVELS[entry.level]
    lines = Text(entry.text, style).wrap(_CONSOLE, max(10, width - len(stamp)), overflow="fold")
    text = Text.assemble((stamp, theme.MUTED))
    for number, line in enumerate(lines):
        text.append("\n" + " " * len(stamp) if number else "").append_text(line)
    return text


def whole_second(moment: datetime) -> datetime:
    """The beginning of a second: what counts seconds changes only then."""
    return moment - timedelta(microseconds=moment.microsecond)
