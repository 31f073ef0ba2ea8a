"""Names of runs, subvolumes and snapshots, as text and as directory names.

A subvolume is called by its path from the top level of its filesystem: ``@home``, ``root/home``; the top
level itself is ``/``. Bytes that are no printable text are escaped (``model.text``). As part of a directory
name everything but plain characters is percent-encoded, so ``pre-root%2Fhome`` can be read back.
"""

from __future__ import annotations

import re
from enum import StrEnum
from urllib.parse import quote_from_bytes, unquote_to_bytes

from pcswitcher.model.errors import FormatError, SnapshotError
from pcswitcher.model.text import escape, printable, unescape

TOP_LEVEL = "/"
"""The name of the top level of a filesystem."""

_RUN = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
_PLAIN_CHARACTERS = "@+=,"
_LONGEST_NAME = 255


class Moment(StrEnum):
    """When in a run a snapshot was taken: before anything was changed, or after everything was."""

    PRE = "pre"
    POST = "post"


def check_run(run: str) -> str:
    """Give back a run's label when it can be a directory name. Raises SnapshotError for one that leads elsewhere."""
    if not _RUN.fullmatch(run):
        raise SnapshotError(f"{printable(run)!r} is not the label of a run")
    return run


def is_run(name: bytes) -> bool:
    """Whether a directory name is the label of a run."""
    return _RUN.fullmatch(escape(name)) is not None


def subvolume_name(path: bytes) -> str:
    """Name the subvolume at ``path`` from the top level (without a leading slash; empty for the top level)."""
    return escape(path) if path else TOP_LEVEL


def subvolume_path(name: str) -> bytes:
    """The path from the top level of the subvolume called ``name``. Raises SnapshotError when it is no name."""
    try:
        path = unescape(name)
    except FormatError as error:
        raise SnapshotError(f"{printable(name)!r} is not the name of a subvolume") from error
    if name == TOP_LEVEL:
        return b""
    if not path or any(part in {b"", b".", b".."} for part in path.split(b"/")) or b"\0" in path:
        raise SnapshotError(f"{printable(name)!r} is not the name of a subvolume")
    return path


def entry_name(moment: Moment, subvolume: str) -> bytes:
    """The directory name of a snapshot of a subvolume. Raises SnapshotError when it would be too long."""
    path = subvolume_path(subvolume) or TOP_LEVEL.encode()
    entry = f"{moment.value}-{quote_from_bytes(path, safe=_PLAIN_CHARACTERS)}".encode("ascii")
    if len(entry) > _LONGEST_NAME:
        raise SnapshotError(
            f"the path of subvolume {printable(subvolume)} is too long to name a snapshot after it",
            "mount a subvolume with a shorter path, or leave its tree out of the settings",
        )
    return entry


def parse_entry(entry: bytes) -> tuple[Moment, str] | None:
    """The moment and subvolume a snapshot's directory name stands for; None when we gave no such name."""
    moment_text, _, quoted = escape(entry).partition("-")
    path = unquote_to_bytes(quoted)
    try:
        moment = Moment(moment_text)
        name = subvolume_name(b"" if path == TOP_LEVEL.encode() else path)
        return (moment, name) if quoted and entry_name(moment, name) == entry else None
    except (ValueError, SnapshotError):
        return None
