"""What the target's agent is told to do, path by path: plain values for the wire."""

from __future__ import annotations

from enum import StrEnum

import attrs

from pcswitcher.files.entry import Entry, Kind


class Area(StrEnum):
    """Parts of a stage. What is transferred into ``nocow`` is born without copy-on-write (chattr(1), +C)."""

    PLAIN = "plain"
    NOCOW = "nocow"


class StepAction(StrEnum):
    """What is done with one path of the live tree."""

    PLACE = "place"  # move it from the stage to where nothing is
    REPLACE = "replace"  # move it from the stage over what is there
    EXCHANGE = "exchange"  # swap it with what is there, which is of another kind
    REMOVE = "remove"  # unlink it, or remove the empty directory


@attrs.frozen
class Fingerprint:
    """Enough of an entry to notice that a path is not what the plan saw. Of directories only the kind counts."""

    kind: Kind
    size: int = 0
    mtime_ns: int = 0

    @classmethod
    def of(cls, entry: Entry) -> Fingerprint:
        """The fingerprint of an entry."""
        if entry.kind is Kind.DIRECTORY:
            return cls(entry.kind)
        return cls(entry.kind, entry.size if entry.kind is Kind.FILE else 0, entry.mtime_ns)


@attrs.frozen
class FileStep:
    """One action on one path.

    ``expected``: what the plan saw there (None: nothing). ``wanted``: what is to be there afterwards; a step
    already done is done. When one step of a ``unit`` fails, its later ones are not tried.
    """

    path: bytes
    action: StepAction
    expected: Fingerprint | None
    wanted: Fingerprint | None = None
    area: Area = Area.PLAIN
    unit: bytes = b""


@attrs.frozen
class MetadataStep:
    """Give a path all attributes of ``entry`` but its content, or only its inode flags."""

    entry: Entry
    expected: Fingerprint
    flags_only: bool = False
