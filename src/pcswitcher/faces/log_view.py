"""A log as lines of text, and which of its events are wanted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import attrs

from pcswitcher.faces.words import lines_of, log_words, one_line
from pcswitcher.model.errors import UsageError
from pcswitcher.model.events import Event, Level, LogLine, now
from pcswitcher.model.text import printable
from pcswitcher.run.logs import JsonObject, parse_event

BLOCKS = ("stdout", "stderr", "trace")
"""Fields of a log line that hold several lines of their own."""
OFTEN_NAMES = ("log-line", "link-health", "free-space")
"""Events there are many of; all others tell how the run goes."""
_AGO = re.compile(r"(\d+)\s*([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@attrs.frozen(kw_only=True)
class Wanted:
    """Which events of a log are wanted. What tells how the run goes has no level and is wanted at each."""

    level: Level = Level.FULL
    job: str = ""
    machine: str = ""
    since: datetime | None = None

    def has(self, data: JsonObject, event: Event | None) -> bool:
        """Whether an event, as JSON and as this program knows it, is wanted."""
        if _level(data) < self.level and data.get("type") in OFTEN_NAMES:
            return False
        if (self.job and data.get("job") != self.job) or (self.machine and data.get("machine") != self.machine):
            return False
        return self.since is None or event is None or event.time >= self.since


def read_level(text: str) -> Level:
    """A level by its name. Raises UsageError."""
    try:
        return Level[text.upper()]
    except KeyError as error:
        raise UsageError(f"there is no level {printable(text)}", f"levels: {', '.join(Level.__members__)}") from error


def read_since(text: str) -> datetime:
    """A moment: "10m" ago (s, m, h, d), or a time in ISO 8601, of this PC's zone unless it says another."""
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago:
            return now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError) as error:
        hint = 'write "90s", "10m", "2h", "3d", or a time: 2026-03-01T20:15'
        raise UsageError(f"{printable(text)!r} is no moment", hint) from error


def shown(events: Iterator[JsonObject], wanted: Wanted) -> Iterator[tuple[JsonObject, list[str]]]:
    """The wanted events, each with its lines of text, safe for a terminal."""
    for data in events:
        event = parse_event(data)
        if wanted.has(data, event):
            yield data, _unknown_lines(data) if event is None else _lines(event)


def _level(data: JsonObject) -> Level:
    """How much an event matters; one that is not a line of the log, and often told, is for the curious."""
    return Level.__members__.get(str(data.get("level")), Level.DEBUG)


def _lines(event: Event) -> list[str]:
    if isinstance(event, LogLine):
        fields = {name: value for name, value in event.fields.items() if name not in BLOCKS}
        # The level stands in a column of its own.
        words = [log_words(attrs.evolve(event, level=Level.INFO, fields=fields))]
        for name in BLOCKS:
            words += [f"  {name} | {one_line(line)}" for line in event.fields.get(name, "").splitlines()]
    else:
        words = lines_of(event, Level.DEBUG)
    time = f"{event.time.astimezone():%Y-%m-%d %H:%M:%S.%f}"[:-3]
    level = event.level.name if isinstance(event, LogLine) else ""
    return [f"{time} {level:<8} {words[0]}", *words[1:]] if words else []


def _unknown_lines(data: JsonObject) -> list[str]:
    """An event of another version of the program: all it says."""
    rest = " ".join(f"{name}={value}" for name, value in data.items() if name not in {"type", "schema", "time"})
    return [one_line(f"{data.get('time')} {data.get('type')} {rest}")]
