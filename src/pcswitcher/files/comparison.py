"""The differences of two trees, gathered directory by directory; hard links are settled at the end."""

from __future__ import annotations

import attrs

from pcswitcher.files import databases
from pcswitcher.files.change import CARRIED, Action, FileChange, PathProblem
from pcswitcher.files.entry import (
    Entry,
    Kind,
    is_below,
    join,
    kind_of,
    order_key,
    parent_of,
    split_records,
    unpack_record,
)
from pcswitcher.files.flags import NOCOW
from pcswitcher.files.links import LinkTable, to_relink
from pcswitcher.files.manifest import Block, Pruned
from pcswitcher.model.errors import FormatError

LONGEST_PATH = 3900
"""rsync and most programs fail beyond PATH_MAX (4096, with root and stage before the path)."""

_PRUNED_WORDS = {
    Pruned.RULE: "the rules exclude what stands there on the target",
    Pruned.SOCKET: "a socket stands there on the target",
    Pruned.OTHER_FILESYSTEM: "another filesystem is mounted there on the target",
    Pruned.SUBVOLUME: "a btrfs subvolume of its own stands there on the target",
}
_HOLDS_EXCLUDED = "it would replace a directory of the target that holds something the rules exclude"
_TOO_LONG = "path too long for rsync"
_LEAVES = frozenset({Action.CREATE, Action.DELETE, Action.RETYPE})


def differences(before: Entry, after: Entry, mask: int) -> tuple[str, ...]:
    """What differs between two entries of the same kind, in short words; ``mask``: inode flags that count."""
    file, symlink = after.kind is Kind.FILE, after.kind is Kind.SYMLINK
    checks = (
        ("size", file and before.size != after.size),
        ("symlink target", before.target != after.target),
        ("device number", before.device != after.device),
        ("mtime", before.mtime_ns != after.mtime_ns),
        ("mode", not symlink and before.mode != after.mode),
        ("owner", before.uid != after.uid),
        ("group", before.gid != after.gid),
        ("flags", bool((before.flags ^ after.flags) & mask)),
    )
    why = [words for words, differs in checks if differs]
    if before.xattrs != after.xattrs:
        old, new = dict(before.xattrs), dict(after.xattrs)
        names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
        why.extend(f"xattr {name.decode('utf-8', 'backslashreplace')}" for name in names)
    return tuple(why)


def action_for(before: Entry, after: Entry, why: tuple[str, ...], mask: int) -> Action:
    """Whether a difference (``why`` not empty) is one of content or only of metadata.

    A file that gives rights when run is always carried whole: a user of the target may have forged its
    content under the old size and mtime. NOCOW can only be set while a file is empty (chattr(1)).
    """
    if after.kind is Kind.FILE:
        nocow = (before.flags ^ after.flags) & mask & NOCOW
        carried = "size" in why or "mtime" in why or bool(nocow) or after.privileged
    else:
        carried = "symlink target" in why or "device number" in why
    return Action.UPDATE if carried else Action.METADATA


@attrs.define
class _Side:
    """One machine's view of a directory: records by name, what was left out, (inode, link count) by name."""

    records: dict[bytes, bytes]
    pruned: dict[bytes, Pruned]
    links: dict[bytes, tuple[int, int]]

    @classmethod
    def read(cls, block: Block | None) -> _Side:
        """Unpack a block; None is a directory that is not there. Raises FormatError."""
        if block is None:
            return cls({}, {}, {})
        records = dict(split_records(block.entries, root=not block.path))
        if not block.path and b"" not in records:
            raise FormatError("a capture does not tell about its root")
        links: dict[bytes, tuple[int, int]] = {}
        if block.links:
            names = tuple(records)
            try:
                links = {names[position]: (inode, count) for position, inode, count in block.link_list()}
            except IndexError as error:
                raise FormatError("a hard link of a directory has no name") from error
        return cls(records, block.pruned_names(), links)

    def files(self) -> frozenset[bytes]:
        """Names of regular files."""
        return frozenset(name for name, record in self.records.items() if kind_of(record) == Kind.FILE)


class Comparison:
    """Gathers what differs. ``mask``: the inode flags that count."""

    def __init__(self, mask: int) -> None:
        self.mask = mask
        self.changes: dict[bytes, FileChange] = {}
        self.problems: list[PathProblem] = []
        self.kept: set[bytes] = set()
        self._source_links = LinkTable()
        self._target_links = LinkTable()
        self._linked: dict[bytes, tuple[bytes | None, bytes | None]] = {}
        self._source_skipped: set[bytes] = set()
        self._target_skipped: set[bytes] = set()
        self._refused: set[bytes] = set()

    def directory(self, path: bytes, mine: Block | None, theirs: Block | None) -> None:
        """Compare one directory; None: that machine has no such directory. Raises FormatError."""
        mine = _unless_skipped(mine, self._source_skipped)
        theirs = _unless_skipped(theirs, self._target_skipped)
        if mine is None and theirs is None:
            return
        source, target = _Side.read(mine), _Side.read(theirs)
        self._set_aside(path, source, target)
        side_files = databases.has_side_files(source.records) or databases.has_side_files(target.records)
        stale = self._shared_memory(source, target) if side_files else {}
        for name in sorted(source.records.keys() | target.records.keys()):
            wanted, present = source.records.get(name), target.records.get(name)
            if wanted != present:
                self._name(join(path, name), wanted, present)
            if name in source.links or name in target.links:
                self._note_links(join(path, name), name, source, target)
        if side_files:
            self._keep_units(path, source, target, stale)
        if mine is None and target.pruned:
            self._keep_directory(path)

    def finish(self) -> tuple[FileChange, ...]:
        """Settle what needs the whole tree: refused changes, long paths, hard links. Gives the sorted changes."""
        if self._refused:
            self.changes = {
                path: change
                for path, change in self.changes.items()
                if not any(is_below(path, refused) for refused in self._refused)
            }
        for path, change in [item for item in self.changes.items() if len(item[0]) > LONGEST_PATH]:
            if change.action in CARRIED:
                self.problems.append(PathProblem(path, _TOO_LONG))
                del self.changes[path]
                self._source_links.discard(path)
        for path in self._refused:
            self._source_links.discard(path)
        self._settle_links()
        return tuple(sorted(self.changes.values(), key=lambda change: order_key(change.path)))

    def _set_aside(self, path: bytes, source: _Side, target: _Side) -> None:
        for name, reason in target.pruned.items():
            if (record := source.records.pop(name, None)) is not None:
                self.problems.append(PathProblem(join(path, name), _PRUNED_WORDS[reason]))
                if kind_of(record) == Kind.DIRECTORY:
                    self._source_skipped.add(join(path, name))
        for name in source.pruned:
            if (record := target.records.pop(name, None)) is not None and kind_of(record) == Kind.DIRECTORY:
                self._target_skipped.add(join(path, name))

    def _shared_memory(self, source: _Side, target: _Side) -> dict[bytes, bytes]:
        """Take out shared memory of the source's databases; gives what the target has of it."""
        files = source.files()
        for name in databases.shared_memory(files, files):
            del source.records[name]
        left = databases.shared_memory(target.files(), files)
        return {name: target.records.pop(name) for name in left if name not in source.records}

    def _name(self, path: bytes, wanted: bytes | None, present: bytes | None) -> None:
        after = None if wanted is None else unpack_record(wanted, path)
        before = None if present is None else unpack_record(present, path)
        if before is None:
            self.changes[path] = FileChange(path, Action.CREATE, None, after)
        elif after is None:
            self.changes[path] = FileChange(path, Action.DELETE, before, None)
        elif before.kind is not after.kind:
            words = f"{before.kind.words} becomes {after.kind.words}"
            self.changes[path] = FileChange(path, Action.RETYPE, before, after, (words,))
        elif why := differences(before, after, self.mask):
            self.changes[path] = FileChange(path, action_for(before, after, why, self.mask), before, after, why)

    def _note_links(self, path: bytes, name: bytes, source: _Side, target: _Side) -> None:
        wanted, present = source.records.get(name), target.records.get(name)
        self._linked[path] = (wanted, present)
        if wanted is not None and name in source.links:
            self._source_links.add(path, *source.links[name])
        if present is not None and name in target.links:
            self._target_links.add(path, *target.links[name])

    def _keep_units(self, path: bytes, source: _Side, target: _Side, stale: dict[bytes, bytes]) -> None:
        for database, members in databases.units(source.files(), target.files() | stale.keys()).items():
            unit = join(path, database)
            touched = [self.changes[member] for name in members if (member := join(path, name)) in self.changes]
            if all(change.action is Action.METADATA for change in touched):
                continue
            for name in members:
                member = join(path, name)
                change = self.changes.get(member)
                if name in source.records and (change is None or change.action is Action.METADATA):
                    before = unpack_record(target.records[name], member)
                    after = unpack_record(source.records[name], member)
                    why = (*(change.why if change else ()), "database unit")
                    self.changes[member] = FileChange(member, Action.UPDATE, before, after, why, unit=unit)
                elif change is not None:
                    self.changes[member] = attrs.evolve(change, unit=unit)
            memory = database + databases.SHARED_MEMORY
            if memory in stale:
                member = join(path, memory)
                before = unpack_record(stale[memory], member)
                self.changes[member] = FileChange(member, Action.DELETE, before, None, ("database unit",), unit=unit)

    def _keep_directory(self, path: bytes) -> None:
        """A directory only the target has holds excluded names: it and what is above it stay."""
        while path and (change := self.changes.get(path)) is not None:
            if change.action is Action.DELETE:
                self.kept.add(path)
            elif change.action is Action.RETYPE:
                self.problems.append(PathProblem(path, _HOLDS_EXCLUDED))
                self._refused.add(path)
            else:
                return
            del self.changes[path]
            path = parent_of(path)

    def _settle_links(self) -> None:
        for path, change in list(self.changes.items()):
            if change.action is Action.METADATA and self._target_links.leads_out(path):
                why = (*change.why, "a hard link out of scope")
                self.changes[path] = attrs.evolve(change, action=Action.UPDATE, why=why)
        carried = [path for path, change in self.changes.items() if change.action in CARRIED]
        for path in to_relink(self._source_links, self._target_links, on_both=self._stays, carried=carried):
            self._link(path)
        for paths in self._source_links.groups.values():
            members = [path for path in paths if path in self.changes and self.changes[path].action in CARRIED]
            if len(members) > 1:
                for path in members:
                    self.changes[path] = attrs.evolve(self.changes[path], group=members[0])

    def _stays(self, path: bytes) -> bool:
        wanted, present = self._linked.get(path, (None, None))
        change = self.changes.get(path)
        return wanted is not None and present is not None and (change is None or change.action not in _LEAVES)

    def _link(self, path: bytes) -> None:
        change = self.changes.get(path)
        if change is not None and change.action is Action.METADATA:
            self.changes[path] = attrs.evolve(change, action=Action.LINK, why=(*change.why, "link group"))
        elif change is None:
            wanted, present = self._linked.get(path, (None, None))
            if wanted is not None and present is not None:
                before, after = unpack_record(present, path), unpack_record(wanted, path)
                if before.kind is after.kind:
                    self.changes[path] = FileChange(path, Action.LINK, before, after, ("link group",))


def _unless_skipped(block: Block | None, skipped: set[bytes]) -> Block | None:
    if block is None or not skipped or not block.path:
        return block
    if block.path in skipped or parent_of(block.path) in skipped:
        skipped.add(block.path)
        return None
    return block
