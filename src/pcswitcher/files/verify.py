"""Reading back what was applied, and digests of content for those who want to be sure."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Mapping

import attrs

from pcswitcher.files.change import Action, FileChange
from pcswitcher.files.comparison import differences
from pcswitcher.files.descent import Descent
from pcswitcher.files.entry import parent_of, split_records, unpack_record
from pcswitcher.files.manifest import Block
from pcswitcher.machine.api import Context, exposed
from pcswitcher.model.errors import SnapshotError
from pcswitcher.model.text import escape

_PIECE = 1024 * 1024
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


@attrs.frozen
class Difference:
    """A path that is not as planned after apply, in words: "mode", "missing", "still there"."""

    path: bytes
    why: tuple[str, ...]


class ReadBack:
    """Compares changes with the directories read back from the target. ``mask``: inode flags that count."""

    def __init__(self, changes: Iterable[FileChange], mask: int) -> None:
        self._mask = mask
        self._by_directory: dict[bytes, list[FileChange]] = {}
        self._groups: dict[bytes, set[int]] = {}
        self.found: list[Difference] = []
        for change in changes:
            self._by_directory.setdefault(parent_of(change.path), []).append(change)

    def directories(self) -> tuple[bytes, ...]:
        """The directories that must be read."""
        return tuple(self._by_directory)

    def take(self, block: Block) -> None:
        """Compare the changes of one directory. Raises FormatError."""
        records = dict(split_records(block.entries, root=not block.path))
        names = tuple(records)
        inodes = {names[position]: inode for position, inode, _ in block.link_list()} if block.links else {}
        for change in self._by_directory.pop(block.path, []):
            self._compare(change, records, inodes)

    def finish(self) -> tuple[Difference, ...]:
        """All differences, after every directory was taken; one that gave no block is not there."""
        for changes in self._by_directory.values():
            for change in changes:
                self._compare(change, {}, {})
        self._by_directory.clear()
        broken = [group for group, inodes in self._groups.items() if len(inodes) > 1]
        self.found.extend(Difference(group, ("link group",)) for group in broken)
        return tuple(self.found)

    def _compare(self, change: FileChange, records: Mapping[bytes, bytes], inodes: Mapping[bytes, int]) -> None:
        name = change.path.rpartition(b"/")[2]
        record = records.get(name)
        if change.after is None:
            if record is not None:
                self.found.append(Difference(change.path, ("still there",)))
            return
        if record is None:
            self.found.append(Difference(change.path, ("missing",)))
            return
        entry = unpack_record(record, change.path)
        if entry.kind is not change.after.kind:
            self.found.append(Difference(change.path, (f"is a {entry.kind.words}",)))
        elif why := differences(change.after, entry, self._mask):
            self.found.append(Difference(change.path, why))
        if change.group and change.action is not Action.METADATA:
            self._groups.setdefault(change.group, set()).add(inodes.get(name, 0))


@exposed
def digest_paths(context: Context, root: bytes, paths: tuple[bytes, ...]) -> tuple[bytes | None, ...]:
    """BLAKE2b-256 of the content of each path below ``root`` (absolute); None: it is no regular file there.

    Raises GuardError for the root, SnapshotError when a file cannot be read.
    """
    digests: list[bytes | None] = []
    with Descent(root) as descent:
        for path in paths:
            context.check_cancelled()
            try:
                digests.append(_digest(context, descent, path))
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise SnapshotError(f"{escape(path)} cannot be read: {error.strerror}") from error
                digests.append(None)
    return tuple(digests)


def _digest(context: Context, descent: Descent, path: bytes) -> bytes | None:
    name = path.rpartition(b"/")[2]
    opening = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    parent = descent.open(parent_of(path))
    if not stat.S_ISREG(os.lstat(name, dir_fd=parent).st_mode):
        return None
    digest = hashlib.blake2b(digest_size=32)
    with os.fdopen(os.open(name, opening, dir_fd=parent), "rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            context.check_cancelled()
            digest.update(piece)
    return digest.digest()
