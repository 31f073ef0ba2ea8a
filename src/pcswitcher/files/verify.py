"""Reading back what was applied, and comparing it with what was planned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from pcswitcher.files.change import Action, FileChange
from pcswitcher.files.comparison import differences
from pcswitcher.files.entry import parent_of, split_records, unpack_record
from pcswitcher.files.manifest import Block


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
