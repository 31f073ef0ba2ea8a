"""A closer look at one changed path: every attribute that differs, and the difference of its text."""

from __future__ import annotations

import contextlib
import difflib
import os
import stat
from collections.abc import Sequence

from pcswitcher.files.change import FileChange
from pcswitcher.files.descent import Descent
from pcswitcher.files.entry import Entry, Kind, parent_of
from pcswitcher.jobs.api import Context, Details, Machine, escape, exposed, human_size
from pcswitcher.jobs.files.changes import describe, moment
from pcswitcher.machine.pieces import batches
from pcswitcher.model.errors import FormatError
from pcswitcher.model.text import printable, unescape

TEXT_LIMIT = 256 * 1024
"""Most bytes of a file that are read to show a difference."""
DIFFERENCE_LIMIT = 2000
"""Most lines of a difference that are shown."""


@exposed
def read_beginning(context: Context, root: bytes, path: bytes, limit: int) -> bytes | None:
    """The content of a regular file below ``root`` (no symlink is followed); None: it is none, or over ``limit``."""
    with Descent(root) as descent:
        try:
            directory = descent.open(parent_of(path))
            name = path.rpartition(b"/")[2]
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
        except OSError:
            return None
        with open(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_size > limit:
                return None
            return file.read(limit)


async def find_missing(machine: Machine, roots: Sequence[bytes], items: Sequence[str]) -> frozenset[str]:
    """Those of ``items`` (paths as they are shown) in the trees at ``roots`` that are proved to be missing there."""
    asked: dict[bytes, dict[bytes, list[str]]] = {}
    for item in items:
        with contextlib.suppress(FormatError):  # what is no path proves nothing
            path = unescape(item).rstrip(b"/")
            root = next((root for root in roots if path.startswith(root + b"/")), None)
            if root is not None:
                asked.setdefault(root, {}).setdefault(path[len(root) + 1 :], []).append(item)
    gone: set[str] = set()
    for root, known in asked.items():
        # Of each byte of a path there are five at most on the way (\\x1b), and its quotes and comma.
        for batch in batches(known, lambda path: 5 * len(path) + 3):
            gone.update(item for path in await machine.call(missing_of, root, batch) for item in known[path])
    return frozenset(gone)


@exposed
def missing_of(context: Context, root: bytes, paths: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Those of ``paths`` in the tree at ``root`` of which it is proved that nothing stands there.

    A directory that cannot be looked into proves nothing, and neither does an empty one: it may be the place where
    another filesystem is mounted at other times.
    """
    missing: list[bytes] = []
    with Descent(root) as descent:
        for path in paths:
            context.check_cancelled()
            with contextlib.suppress(OSError, ValueError):  # ValueError: a NUL, which no name has
                if _is_missing(descent, path):
                    missing.append(path)
    return tuple(missing)


def _is_missing(descent: Descent, path: bytes) -> bool:
    """Whether it is proved. Raises OSError for a directory that cannot be looked into."""
    while True:
        parent, name = parent_of(path), path.rpartition(b"/")[2]
        try:
            directory = descent.open(parent)
        except FileNotFoundError:
            path = parent  # then what it would be in must be missing
            continue
        try:
            os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            with os.scandir(directory) as entries:
                return next(entries, None) is not None
        return False


async def look(source: tuple[Machine, bytes], target: tuple[Machine, bytes], change: FileChange, rule: str) -> Details:
    """Details of a change; each machine with the directory its tree is read from. ``rule``: why it travels."""
    theirs, mine = await _text(*target, change.path, change.before), await _text(*source, change.path, change.after)
    difference: tuple[str, ...] = ()
    if theirs is not None and mine is not None and theirs != mine:
        lines = difflib.unified_diff(theirs, mine, target[0].name, source[0].name, lineterm="", n=3)
        difference = tuple(printable(line) for _, line in zip(range(DIFFERENCE_LIMIT), lines, strict=False))
    return Details(rows=rows_of(change.before, change.after), difference=difference, rule=rule)


async def _text(machine: Machine, directory: bytes, path: bytes, entry: Entry | None) -> list[str] | None:
    """The lines of a text file; of nothing: none. None when it is no text, or too long to show."""
    if entry is None:
        return []
    if entry.kind is not Kind.FILE or entry.size > TEXT_LIMIT:
        return None
    content = await machine.call(read_beginning, directory, path, TEXT_LIMIT)
    if content is None or b"\0" in content:
        return None
    try:
        return content.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        return None


def rows_of(before: Entry | None, after: Entry | None) -> tuple[tuple[str, str, str], ...]:
    """What differs between two entries: name, the target's value, the source's."""
    theirs, mine = attributes(before), attributes(after)
    names = [*theirs, *(name for name in mine if name not in theirs)]
    rows = [(name, theirs.get(name, ""), mine.get(name, "")) for name in names]
    return (("is", describe(before), describe(after)), *(row for row in rows if row[1] != row[2]))


def attributes(entry: Entry | None) -> dict[str, str]:
    """Every attribute of an entry in words."""
    if entry is None:
        return {}
    found = {
        "size": human_size(entry.size) if entry.kind is Kind.FILE else "",
        "mtime": f"{moment(entry.mtime_ns)} +{entry.mtime_ns % 10**9} ns",
        "mode": f"{entry.mode:04o}",
        "owner": str(entry.uid),
        "group": str(entry.gid),
        "symlink target": escape(entry.target),
        "device number": str(entry.device) if entry.device else "",
        "flags": f"{entry.flags:#x}" if entry.flags else "",
    }
    found |= {f"xattr {escape(name)}": escape(value) for name, value in entry.xattrs}
    return {name: value for name, value in found.items() if value}
