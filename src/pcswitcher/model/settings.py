"""The settings of a person, as types with defaults: the one source of what can be set.

``run.settings`` reads them from a file and writes the commented defaults; a field's help is its comment there, its
line in the reference, and part of an error about it. A job adds its own table: a subclass of ``JobSettings``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Self, TypeVar, cast

import attrs

from pcswitcher.model.codec import TextForm, TextForms
from pcswitcher.model.events import Level
from pcswitcher.model.plan import ConflictPolicy

T = TypeVar("T")


def setting(default: T, help: str, *, least: float | None = None, most: float | None = None, unit: str = "") -> T:  # noqa: A002
    """A field of a table of settings: its default, its explanation, and for numbers its range and unit.

    Values out of range are refused with the range; ``run.settings`` adds file and line.
    """
    metadata = {"help": help, "least": least, "most": most, "unit": unit}
    field: T = attrs.field(default=default, metadata=metadata, validator=[_check_range])  # attrs types it as its value
    return field


def help_of(field: attrs.Attribute[object]) -> str:
    """The words that explain a field, with its unit and range."""
    words = str(field.metadata.get("help", ""))
    extent = range_words(field)
    return f"{words.rstrip('.')} ({extent})." if extent else words


def range_words(field: attrs.Attribute[T]) -> str:
    """Unit and range of a numeric field: "seconds, 5 to 300"; empty when it has neither."""
    least, most, unit = (field.metadata.get(key) for key in ("least", "most", "unit"))
    match least, most:
        case None, None:
            extent = ""
        case _, None:
            extent = f"at least {least:g}"
        case None, _:
            extent = f"at most {most:g}"
        case _:
            extent = f"{least:g} to {most:g}"
    return ", ".join(filter(None, (str(unit or ""), extent)))


def _check_range(_: object, field: attrs.Attribute[T], value: T) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    least, most = field.metadata.get("least"), field.metadata.get("most")
    if (least is not None and value < least) or (most is not None and value > most):
        shown = int(value) if value == int(value) else value
        raise ValueError(f"{shown} is out of range: {range_words(field)}")


_THRESHOLD = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(%|[KMGT]i?B)\s*")
_UNITS = {
    **{f"{letter}B": 1000**power for power, letter in enumerate("KMGT", start=1)},
    **{f"{letter}iB": 1024**power for power, letter in enumerate("KMGT", start=1)},
}


@attrs.frozen
class Threshold:
    """An amount of free space: a share of the filesystem, or bytes (requirement S8)."""

    text: str
    percent: float = 0.0
    bytes: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "20%" or "40 GiB". Raises ValueError, for a bare number too: nobody knows what it would count."""
        found = _THRESHOLD.fullmatch(text)
        if found is None:
            raise ValueError(
                f'{text!r} is no amount of space: write a share ("20%") or a size with its unit ("40 GiB")'
            )
        number, unit = float(found[1]), found[2]
        if unit == "%":
            if number > 100:
                raise ValueError(f"{text!r} is more than there is")
            return cls(text.strip(), percent=number)
        return cls(text.strip(), bytes=int(number * _UNITS[unit]))

    def of(self, total: int) -> int:
        """How many bytes it means on a filesystem of ``total`` bytes."""
        return int(total * self.percent / 100) if self.percent else self.bytes


def read_level(data: object) -> Level:
    """A level by its name, in capitals or not. Raises ValueError naming those there are."""
    try:
        return Level[str(data).upper()]
    except KeyError as error:
        raise ValueError(f"{data!r} is none of: {', '.join(Level.__members__)}") from error


def read_threshold(data: object) -> Threshold:
    """An amount of space as a person wrote it. Raises ValueError, also for a number without a unit."""
    return Threshold.parse(str(data))


SETTING_FORMS = cast(
    "TextForms",
    (
        TextForm(Level, read_level, lambda level: level.name),
        TextForm(Threshold, read_threshold, lambda threshold: threshold.text),
    ),
)
"""How a settings file writes what programs write differently."""


class Reaction(StrEnum):
    """What a check does with what it found."""

    IGNORE = "ignore"
    WARN = "warn"
    BLOCK = "block"


class LoggedInReaction(StrEnum):
    """What happens when somebody is logged in on the other PC."""

    IGNORE = "ignore"
    WARN = "warn"
    BLOCK = "block"
    LOG_OUT = "log-out"
    """The review says so, and their sessions are ended before anything is changed."""


@attrs.frozen(kw_only=True)
class JobSettings:
    """The settings of a job. A job with more than this subclasses it."""

    enabled: bool = setting(default=True, help="Whether a sync does this job when --only does not name it.")


@attrs.frozen(kw_only=True)
class RunSettings:
    """How a run goes."""

    grace: float = setting(
        30.0, "How long a job that is told to stop may take before it is killed", least=1, most=600, unit="seconds"
    )
    conflicts: ConflictPolicy = setting(
        ConflictPolicy.ASK, "Who answers a conflict: ask (the review), source, target (its item stays), stop."
    )
    logged_in: LoggedInReaction = setting(
        LoggedInReaction.WARN, "When somebody is logged in on the other PC: ignore, warn, block, log-out."
    )
    open_files: Reaction = setting(
        Reaction.WARN, "When programs on the other PC hold files of synced trees open: ignore, warn, block."
    )


@attrs.frozen(kw_only=True)
class LogSettings:
    """What is logged where."""

    file: Level = setting(Level.FULL, "The least level of the log file: DEBUG, FULL, INFO, WARNING, ERROR, CRITICAL.")
    screen: Level = setting(Level.INFO, "The least level of the screen and of plain lines.")
    libraries: Level = setting(Level.WARNING, "The least level of what libraries log, on top of the two above.")
    keep: int = setting(
        50, "How many logs are kept; older ones are deleted, all but the last are compressed", least=1, most=10_000
    )


@attrs.frozen(kw_only=True)
class DiskSettings:
    """Free space, checked before a run and watched during it, on both PCs."""

    preflight: Threshold = setting(
        Threshold.parse("20%"), 'A run needs so much free space to start: "20%" or "40 GiB".'
    )
    warn: Threshold = setting(Threshold.parse("25%"), "During a run, less than this is a warning.")
    stop: Threshold = setting(Threshold.parse("15%"), "During a run, less than this stops it safely.")
    interval: float = setting(30.0, "How often it is looked at during a run", least=1, most=300, unit="seconds")


@attrs.frozen(kw_only=True)
class SnapshotSettings:
    """How long snapshots are kept. What both PCs last agreed on is always kept."""

    automatic: bool = setting(default=True, help="Whether old snapshots are deleted after each run.")
    keep_runs: int = setting(
        5, "The snapshots of so many newest runs are kept, whatever their age", least=1, most=10_000, unit="runs"
    )
    keep_days: int = setting(14, "Snapshots of older runs are kept so long", least=0, most=3650, unit="days")


@attrs.frozen(kw_only=True)
class Settings:
    """All settings."""

    run: RunSettings = attrs.field(factory=RunSettings, metadata={"help": "How a run goes."})
    log: LogSettings = attrs.field(factory=LogSettings, metadata={"help": "What is logged where."})
    disk: DiskSettings = attrs.field(
        factory=DiskSettings, metadata={"help": "Free space, checked before a run and watched during it, on both PCs."}
    )
    snapshots: SnapshotSettings = attrs.field(
        factory=SnapshotSettings,
        metadata={"help": "How long snapshots are kept. What both PCs last agreed on is always kept."},
    )
    jobs: Mapping[str, JobSettings] = attrs.field(factory=dict[str, JobSettings])
    """By the name of the job."""
