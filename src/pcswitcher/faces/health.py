"""What of a run's surroundings is worth a person's attention: a slow or silent link, little room."""

from __future__ import annotations

from enum import IntEnum

from pcswitcher.model.events import FreeSpace, LinkHealth
from pcswitcher.model.settings import DiskSettings

SILENT = 10.0
"""Seconds without a word from a machine that are worth telling: two pings were not answered."""
SLOW = 1.0
"""Seconds of a round trip that are worth telling."""


class Room(IntEnum):
    """How much free space there is, measured by the person's own thresholds."""

    ENOUGH = 0
    LITTLE = 1
    TOO_LITTLE = 2


def room(space: FreeSpace, disk: DiskSettings) -> Room:
    """Judge a filesystem's free space by the thresholds of a running run (requirement S8)."""
    if space.free < disk.stop.of(space.total):
        return Room.TOO_LITTLE
    return Room.LITTLE if space.free < disk.warn.of(space.total) else Room.ENOUGH


def link_is_bad(link: LinkHealth) -> bool:
    """Whether a link is silent or slow."""
    return link.silent >= SILENT or link.round_trip >= SLOW
