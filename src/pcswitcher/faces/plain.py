"""Plain lines, for logs, pipes, screen readers and terminals that can do no more."""

from __future__ import annotations

import time
from typing import TextIO

from pcswitcher.faces.lines import Lines
from pcswitcher.faces.words import lines_of
from pcswitcher.model.events import Event, Progress

PROGRESS_INTERVAL = 5.0
"""Least seconds between two progress lines of one job on one machine."""


class PlainFace:
    """A Sink that prints every event as lines of text."""

    def __init__(self, stream: TextIO) -> None:
        self._lines = Lines(stream)
        self._next: dict[tuple[str, str], float] = {}

    def take(self, event: Event) -> None:
        """See Sink."""
        if isinstance(event, Progress):
            key = (event.job, event.machine)
            moment = time.monotonic()
            if moment < self._next.setdefault(key, moment + PROGRESS_INTERVAL):
                return
            self._next[key] = moment + PROGRESS_INTERVAL
        self._lines.write(lines_of(event))
