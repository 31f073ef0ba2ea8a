"""Hard links: which paths are names of one inode, on each machine, and which must be linked anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import attrs


@attrs.define
class LinkTable:
    """The hard-linked paths of one tree, in the order of a walk.

    ``counts`` are the inodes' own link counts, higher than the paths here when some are out of scope.
    """

    inodes: dict[bytes, int] = attrs.field(factory=dict[bytes, int])
    groups: dict[int, list[bytes]] = attrs.field(factory=dict[int, list[bytes]])
    counts: dict[int, int] = attrs.field(factory=dict[int, int])

    def add(self, path: bytes, inode: int, count: int) -> None:
        """Note that ``path`` names ``inode``, which has ``count`` names in all."""
        self.inodes[path] = inode
        self.groups.setdefault(inode, []).append(path)
        self.counts[inode] = count

    def discard(self, path: bytes) -> None:
        """Forget a path that will not be changed: its group is settled without it."""
        inode = self.inodes.pop(path, None)
        if inode is not None:
            self.groups[inode].remove(path)

    def group(self, path: bytes) -> tuple[bytes, ...]:
        """All known names of the inode that ``path`` names, first one first."""
        inode = self.inodes.get(path)
        return (path,) if inode is None else tuple(self.groups[inode])

    def leads_out(self, path: bytes) -> bool:
        """Whether the inode has names that are not in this table."""
        inode = self.inodes.get(path)
        return inode is not None and self.counts[inode] > len(self.groups[inode])


def to_relink(
    source: LinkTable, target: LinkTable, *, on_both: Callable[[bytes], bool], carried: Iterable[bytes]
) -> set[bytes]:
    """Paths that must become names of another inode though nothing else may differ.

    ``on_both`` says whether a path stays on the target (exists on both machines as the same kind);
    ``carried`` are paths that travel anyway: their whole groups must travel with them.
    """
    found: set[bytes] = set()
    for path in {*source.inodes, *target.inodes}:
        if not on_both(path):
            continue
        wanted = frozenset(source.group(path))
        present = frozenset(other for other in target.group(path) if on_both(other))
        if wanted != present:
            found.update(wanted)
    for path in carried:
        found.update(source.group(path))
    return found
