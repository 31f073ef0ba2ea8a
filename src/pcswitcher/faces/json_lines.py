"""One JSON object per event, for programs. The last one is ``run-finished`` with the exit code."""

from __future__ import annotations

from typing import TextIO

from pcswitcher.faces.lines import Lines
from pcswitcher.model.codec import dump_plain
from pcswitcher.model.events import Event, event_to_json


class JsonFace:
    """A Sink that prints every event as one line of JSON."""

    def __init__(self, stream: TextIO) -> None:
        self._lines = Lines(stream)

    def take(self, event: Event) -> None:
        """See Sink."""
        self._lines.write([dump_plain(event_to_json(event))])
