"""The changes of all trees as lines of the plan, made one by one when somebody looks: there may be a million."""

from __future__ import annotations

import contextlib
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import overload

import attrs

from pcswitcher.files import change as engine
from pcswitcher.files.change import FileChange, TreeDelta
from pcswitcher.files.conflicts import Conflict
from pcswitcher.files.entry import Entry, Kind, order_key
from pcswitcher.files.rule import RuleTexts
from pcswitcher.jobs.api import Action, Change, Risk, escape, human_size, unescape
from pcswitcher.model.errors import FormatError

ACTIONS = {
    engine.Action.CREATE: Action.ADD,
    engine.Action.UPDATE: Action.CHANGE,
    engine.Action.RETYPE: Action.CHANGE,
    engine.Action.LINK: Action.CHANGE,
    engine.Action.METADATA: Action.METADATA,
    engine.Action.DELETE: Action.REMOVE,
}


@attrs.frozen
class Tree:
    """One synced tree: its live path on both machines and its rules."""

    path: bytes
    rules: RuleTexts

    def shown(self, path: bytes) -> str:
        """A path of the tree as people read it."""
        return escape(self.path + b"/" + path if path else self.path)

    def path_of(self, path: bytes) -> bytes | None:
        """The path below the tree of one on the machine: empty for the tree itself, None for one elsewhere."""
        if path == self.path:
            return b""
        start = self.path + b"/"
        return path[len(start) :] if path.startswith(start) else None


@attrs.frozen
class PlannedTree:
    """One tree, what differs, and what of it the target changed itself."""

    tree: Tree
    delta: TreeDelta
    conflicts: dict[bytes, Conflict] = attrs.field(factory=dict[bytes, Conflict])

    def paths_of(self, items: Collection[str]) -> frozenset[bytes]:
        """The paths in this tree of items as they are shown; what is no path, or elsewhere, is left out."""
        found: set[bytes] = set()
        for item in items:
            with contextlib.suppress(FormatError):
                path = self.tree.path_of(unescape(item))
                found.update(() if path is None else (path,))
        return frozenset(found)


class FileChanges(Sequence[Change]):
    """The changes of all trees, tree after tree, each in the order of a walk."""

    def __init__(self, trees: Sequence[PlannedTree]) -> None:
        self._changes = [(planned, change) for planned in trees for change in planned.delta.changes]

    def __len__(self) -> int:
        return len(self._changes)

    @overload
    def __getitem__(self, index: int) -> Change: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Change]: ...
    def __getitem__(self, index: int | slice) -> Change | Sequence[Change]:
        if isinstance(index, slice):
            return [_change(*each) for each in self._changes[index]]
        return _change(*self._changes[index])

    def __iter__(self) -> Iterator[Change]:
        return (_change(*each) for each in self._changes)


def find(trees: Sequence[PlannedTree], item: str) -> tuple[PlannedTree, FileChange]:
    """The file change that a line of the plan stands for. Raises KeyError, and FormatError for what is no path.

    The changes of a tree are in the order of a walk, so a path is found by halving.
    """
    path = unescape(item)
    for planned in trees:
        below = planned.tree.path_of(path)
        if below is None:
            continue
        changes = planned.delta.changes
        place = bisect_left(changes, order_key(below), key=lambda change: order_key(change.path))
        if place < len(changes) and changes[place].path == below:
            return planned, changes[place]
    raise KeyError(item)


def _change(planned: PlannedTree, change: FileChange) -> Change:
    conflict = planned.conflicts.get(change.path)
    return Change(
        item=planned.tree.shown(change.path),
        action=ACTIONS[change.action],
        before=describe(change.before),
        after=describe(change.after),
        why=", ".join(change.why),
        size=change.carried_bytes,
        risk=Risk.HIGH if _gives_rights(change) else Risk.LOW,
        conflict=conflict.words if conflict else "",
    )


def _gives_rights(change: FileChange) -> bool:
    """Whether a file that gives rights when run comes, changes or goes."""
    return any(entry is not None and entry.privileged for entry in (change.before, change.after))


def describe(entry: Entry | None) -> str:
    """What stands at a path, in a few words: kind, size, time; empty for nothing."""
    if entry is None:
        return ""
    if entry.kind is Kind.SYMLINK:
        return f"symlink to {escape(entry.target)}"
    if entry.kind is not Kind.FILE:
        return entry.kind.words
    return f"file, {human_size(entry.size)}, {moment(entry.mtime_ns)}"


def moment(nanoseconds: int) -> str:
    """A file's time as people read it, in UTC: the machines may live in different zones."""
    try:
        return f"{datetime.fromtimestamp(nanoseconds // 10**9, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):  # a file may claim any year
        return f"{nanoseconds} ns"
