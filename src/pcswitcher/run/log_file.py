"""The log of a run: every event of both machines as one line of JSON, in one private file."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from pcswitcher.model.codec import JsonValue, dump_plain
from pcswitcher.model.errors import PcSwitcherError
from pcswitcher.model.events import Event, Level, LogLine, Progress, event_to_json


class LogFile:
    """A Sink that writes a file of mode 0600 in a directory of mode 0700.

    A run goes on when its log cannot be written (requirement L5); ``problem`` then says why.
    """

    def __init__(self, path: Path, level: Level = Level.FULL) -> None:
        self.path = path
        self.level = level
        self.problem = ""
        self._file: IO[str] | None = None
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            self._file = os.fdopen(descriptor, "w", encoding="ascii")
        except OSError as error:
            self._fail(error)

    def take(self, event: Event) -> None:
        """See Sink. Progress is for the screen; lines below the level are left out."""
        if self._file is None or isinstance(event, Progress):
            return
        if isinstance(event, LogLine) and event.level < self.level:
            return
        try:
            self._file.write(dump_plain(event_to_json(event)) + "\n")
            if not (isinstance(event, LogLine) and event.level < Level.INFO):
                self._file.flush()
        except OSError as error:
            self._fail(error)

    def close(self) -> None:
        """Write what is left."""
        if self._file is not None:
            try:
                self._file.close()
            except OSError as error:
                self._fail(error)
            self._file = None

    def _fail(self, error: OSError) -> None:
        self.problem = f"the log {self.path} cannot be written: {error.strerror}"
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):  # it is closed even when what it held cannot be written
                file.close()


def list_logs(directory: Path) -> list[Path]:
    """The log files, newest first (their names start with the time)."""
    try:
        return sorted(directory.glob("*.jsonl"), reverse=True)
    except OSError as error:
        raise PcSwitcherError(f"{directory} cannot be read: {error.strerror}") from error


def read_log(path: Path) -> Iterator[dict[str, JsonValue]]:
    """The events of a log file as JSON objects, up to a line that a crash cut short. Raises PcSwitcherError."""
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            for line in file:
                try:
                    event = json.loads(line)
                except ValueError:
                    return
                if isinstance(event, dict):
                    yield event
    except OSError as error:
        raise PcSwitcherError(f"{path} cannot be read: {error.strerror}") from error
