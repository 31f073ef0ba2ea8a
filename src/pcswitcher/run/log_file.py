"""The log of a run: every event of both machines as one line of JSON, in one private file.

Lines are written by a thread of their own: a disk that is slow, full or gone costs the run nothing (requirement L5).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections import Counter, deque
from pathlib import Path

from pcswitcher.model.codec import JsonValue, dump_plain
from pcswitcher.model.events import Event, FreeSpace, Level, LinkHealth, LogLine, Progress, event_to_json
from pcswitcher.run.pace import ProgressPace

GATHERING = 0.05
"""Seconds in which lines below INFO gather to be written together."""
WAITING_LIMIT = 32 * 1024 * 1024
"""Bytes that wait for the disk before lines at FULL are left out; at DEBUG they are from half of that on."""
PATIENCE = 5.0
"""Seconds the disk gets at the end for what still waits."""
BATCH = 1024 * 1024
OFTEN = (LogLine, LinkHealth, FreeSpace, Progress)
"""Events there are many of, which a log may do without."""


class LogFile:
    """A Sink that writes a file of mode 0600 in a directory of mode 0700.

    It holds a lock (flock(2)) on the file, so that nobody takes the log of a run for a finished one. ``problem`` says
    why the log is not whole; the run goes on.
    """

    def __init__(self, path: Path, level: Level = Level.FULL, limit: int = WAITING_LIMIT) -> None:
        self.path = path
        self.level = level
        self.problem = ""
        self._limit = limit
        self._pace = ProgressPace()
        self._lines: deque[bytes] = deque()
        # Each of the two numbers is changed by one thread only: what waits is their difference.
        self._taken = 0
        self._written = 0
        self._left_out: Counter[Level] = Counter()
        self._wake, self._urgent = threading.Event(), threading.Event()
        self._moved = threading.Condition()
        self._closed = False
        self._ended = True
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            self._fail(error)
            return
        self._ended = False
        self._writer = threading.Thread(target=self._write, args=(descriptor,), name="log", daemon=True)
        self._writer.start()

    def take(self, event: Event) -> None:
        """See Sink. Lines below the level are left out; of progress there is one every few seconds (J4)."""
        if self._ended or self._closed or (isinstance(event, Progress) and not self._pace.is_due(event)):
            return
        level = level_of(event)
        if level < self.level and isinstance(event, OFTEN):
            return
        waiting = self._taken - self._written
        if waiting > self._limit // 2 and waiting > self._room_for(level):
            self._left_out[level] += 1
            return
        if self._left_out and waiting <= self._limit // 2:
            self._tell_left_out()
        self._put(line_of(event))
        if level >= Level.INFO:
            self._urgent.set()

    def flush(self, patience: float = PATIENCE) -> None:
        """Wait until everything so far is written, at most so many seconds."""
        wanted = self._taken
        self._urgent.set()
        with self._moved:
            self._moved.wait_for(lambda: self._ended or self._written >= wanted, patience)

    def close(self) -> None:
        """Write what is left, within PATIENCE."""
        if self._closed or self._ended:
            return
        if self._left_out:
            self._tell_left_out()
        self._closed = True
        self._urgent.set()
        self._wake.set()
        self._writer.join(PATIENCE)
        if self._writer.is_alive():
            self.problem = f"the log {self.path} is not whole: its disk does not answer"

    def _room_for(self, level: Level) -> int | float:
        """How many bytes may wait when a line of ``level`` comes."""
        if level >= Level.WARNING:
            return float("inf")
        return {Level.DEBUG: self._limit // 2, Level.FULL: self._limit}.get(level, 2 * self._limit)

    def _put(self, line: bytes) -> None:
        self._lines.append(line)
        self._taken += len(line)
        if not self._wake.is_set():
            self._wake.set()

    def _tell_left_out(self) -> None:
        counts = ", ".join(f"{count:,} at {level.name}" for level, count in sorted(self._left_out.items()))
        self._left_out.clear()
        message = f"the disk of this log was too slow, lines were left out: {counts}"
        self._put(line_of(LogLine(level=Level.WARNING, message=message)))

    def _write(self, descriptor: int) -> None:
        """Be the thread that writes."""
        try:
            with contextlib.suppress(OSError):  # some filesystems know no locks; their logs are never tidied up
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            closed = False
            while not closed:
                self._wake.wait()
                self._urgent.wait(GATHERING)
                closed = self._closed
                self._wake.clear()
                self._urgent.clear()
                self._drain(descriptor)
        except OSError as error:
            self._fail(error)
        finally:
            with contextlib.suppress(OSError):
                os.close(descriptor)
            with self._moved:
                self._ended = True
                self._moved.notify_all()

    def _drain(self, descriptor: int) -> None:
        while self._lines:
            batch = bytearray()
            while self._lines and len(batch) < BATCH:
                batch += self._lines.popleft()
            rest = memoryview(batch)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            with self._moved:
                self._written += len(batch)
                self._moved.notify_all()

    def _fail(self, error: OSError) -> None:
        self.problem = f"the log {self.path} cannot be written: {error.strerror}"
        self._ended = True
        self._lines.clear()


def level_of(event: Event) -> Level:
    """How much an event matters to a log. How the run goes is always in it."""
    if isinstance(event, LogLine):
        return event.level
    if isinstance(event, Progress):
        return Level.FULL
    return Level.DEBUG if isinstance(event, OFTEN) else Level.WARNING


def line_of(event: Event) -> bytes:
    """An event as a line of the log: what ``--json`` prints, without what is empty and with milliseconds.

    A hundred thousand lines compress to less than two megabytes that way: microseconds are noise.
    """
    time = event.time.isoformat(timespec="milliseconds")
    if isinstance(event, LogLine):
        data: dict[str, JsonValue] = {"type": "log-line", "schema": 1, "level": event.level.name, "time": time}
        if event.machine:
            data["machine"] = event.machine
        if event.job:
            data["job"] = event.job
        data["message"] = event.message
        if event.fields:
            data["fields"] = dict(event.fields)
    else:
        data = {**event_to_json(event), "time": time}
    return dump_plain(data).encode("ascii") + b"\n"
