"""The journal of a run: what each machine was told about every step, before and after it, synced to disk.

``/var/lib/pc-switcher/runs/<label>/journal.jsonl``, one line per entry. It is written by the agents in the order
payload → journal → base: a step is told as done once what it did would survive a power cut. So after one the
journal tells how far a run came at least, and what may have begun.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import attrs

from pcswitcher.machine.api import Context, Machine, exposed
from pcswitcher.machine.durable import sync_directory
from pcswitcher.model.codec import dumps, loads
from pcswitcher.model.errors import FormatError
from pcswitcher.model.events import Step, now
from pcswitcher.run.record import run_directory

_NAME = "journal.jsonl"
_LINE_LIMIT = 64 * 1024


class Edge(StrEnum):
    """The two sides of a step."""

    BEFORE = "before"
    AFTER = "after"


@attrs.frozen(kw_only=True)
class JournalEntry:
    """One line: which step of the run, before or after it, when by this machine's clock."""

    step: Step
    edge: Edge
    time: datetime = attrs.field(factory=now)


@exposed
def write_journal(context: Context, run: str, entry: JournalEntry) -> None:
    """Add a line to the journal of ``run``, durably. Raises OSError when the disk does not take it."""
    directory = run_directory(run)
    path = f"{directory}/{_NAME}"
    os.makedirs(directory, 0o755, exist_ok=True)
    new = not os.path.lexists(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o644), "wb") as file:
        file.write(dumps(attrs.evolve(entry, time=now())).encode("ascii") + b"\n")
        file.flush()
        os.fsync(file.fileno())
    if new:
        sync_directory(directory)


@exposed
def read_journal(context: Context, run: str) -> tuple[JournalEntry, ...]:
    """The journal of ``run``, up to a line that a power cut left half. Empty when there is none."""
    entries: list[JournalEntry] = []
    try:
        with open(f"{run_directory(run)}/{_NAME}", "rb") as file:
            while line := file.readline(_LINE_LIMIT):
                entries.append(loads(JournalEntry, line))
    except FileNotFoundError:
        pass
    except (FormatError, json.JSONDecodeError):
        return tuple(entries)
    return tuple(entries)


@exposed
def sync_trees(context: Context, trees: tuple[bytes, ...]) -> None:
    """Write what was changed in the filesystems of ``trees`` to disk (syncfs(2)). Raises OSError."""
    for tree in trees:
        descriptor = os.open(tree, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            sync_filesystem(descriptor)
        finally:
            os.close(descriptor)


def sync_filesystem(descriptor: int) -> None:
    """syncfs(2) of the filesystem that an open file is on. Raises OSError."""
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    if library.syncfs(descriptor) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class Journal:
    """Writes every entry on all machines of a run at once. Without a label (a dry run) nothing is written."""

    def __init__(self, machines: Sequence[Machine], run: str | None) -> None:
        self._machines = tuple(machines)
        self._run = run

    async def write(self, step: Step, edge: Edge) -> None:
        """Tell both machines; goes on when both have it on disk."""
        if self._run is not None:
            entry = JournalEntry(step=step, edge=edge)
            await asyncio.gather(*(machine.call(write_journal, self._run, entry) for machine in self._machines))


def changes_begun(entries: tuple[JournalEntry, ...]) -> bool:
    """Whether the target may have been changed already when the journal ends. Pure."""
    return any(entry.step is Step.APPLY for entry in entries)
