"""How often progress is written down where every line stays: on plain terminals and in the log."""

from __future__ import annotations

from pcswitcher.model.events import Progress

PROGRESS_INTERVAL = 5.0
"""Least seconds between two lines about one job on one machine."""


class ProgressPace:
    """Picks the progress worth a line: five seconds after the first, which says nothing yet, and after each picked."""

    def __init__(self) -> None:
        self._picked: dict[tuple[str, str], float] = {}

    def is_due(self, event: Progress) -> bool:
        """Whether ``event`` is worth a line; if so, it counts as written."""
        key = (event.job, event.machine)
        moment = event.time.timestamp()
        since = moment - self._picked.setdefault(key, moment)
        if 0 <= since < PROGRESS_INTERVAL:
            return False
        self._picked[key] = moment
        return True
