"""Plain lines, for logs, pipes, screen readers and terminals that can do no more."""

from __future__ import annotations

from typing import TextIO

from pcswitcher.faces.health import Room, link_is_bad, room
from pcswitcher.faces.lines import Lines
from pcswitcher.faces.words import lines_of
from pcswitcher.model.events import Event, FreeSpace, Level, LinkHealth, Progress
from pcswitcher.model.settings import DiskSettings
from pcswitcher.run.pace import ProgressPace


class PlainFace:
    """A Sink that prints events as lines of text.

    Progress every five seconds; free space and a link only when they turn bad and when they are good again.
    """

    def __init__(self, stream: TextIO, level: Level = Level.INFO, disk: DiskSettings | None = None) -> None:
        self._lines = Lines(stream)
        self._level = level
        self._disk = disk or DiskSettings()
        self._pace = ProgressPace()
        self._rooms: dict[tuple[str, str], Room] = {}
        self._bad_links: set[str] = set()

    def take(self, event: Event) -> None:
        """See Sink."""
        if self._is_news(event):
            self._lines.write(lines_of(event, self._level))

    def _is_news(self, event: Event) -> bool:
        match event:
            case Progress():
                return self._pace.is_due(event)
            case FreeSpace():
                before = self._rooms.get((event.machine, event.path), Room.ENOUGH)
                self._rooms[event.machine, event.path] = room(event, self._disk)
                return before is not self._rooms[event.machine, event.path]
            case LinkHealth():
                was_bad = event.machine in self._bad_links
                (self._bad_links.add if link_is_bad(event) else self._bad_links.discard)(event.machine)
                return was_bad is not link_is_bad(event)
            case _:
                return True
