"""What the target changed itself since both machines last agreed: the conflicts of one tree. Pure.

A change of the plan is a conflict when the target's entry is not what the base has. Where only the source moved
on, there is nothing to lose; where the base is not known, nobody can tell, and nothing is called a conflict.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from pcswitcher.files.change import FileChange, TreeDelta
from pcswitcher.files.comparison import differences
from pcswitcher.files.entry import Entry, Kind, parent_of, split_records, unpack_record
from pcswitcher.files.manifest import Capture


@attrs.frozen
class Conflict:
    """Why a change of the plan would undo something the target did. ``words`` go on from the machine's name."""

    words: str


REMOVED_THERE = Conflict("removed it, unchanged here")
REMOVED_THERE_CHANGED_HERE = Conflict("removed it, changed here")
ADDED_THERE = Conflict("made it, nothing of that name is here")
ADDED_BOTH = Conflict("made another of the same name")
CHANGED_THERE = Conflict("changed it, unchanged here")
CHANGED_THERE_REMOVED_HERE = Conflict("changed it, removed here")
CHANGED_BOTH = Conflict("changed it too")


def find_conflicts(
    delta: TreeDelta, base: Capture, volatile: Callable[[bytes, bool], bool] = lambda _path, _directory: False
) -> dict[bytes, Conflict]:
    """The conflicts among the changes of ``delta``, by path.

    ``base``: the tree as both last agreed on it. ``volatile``: whether a path (relative, with whether it is a
    directory) never is a conflict. Raises FormatError for a malformed base.
    """
    wanted: dict[bytes, list[FileChange]] = {}
    for change in delta.changes:
        wanted.setdefault(parent_of(change.path), []).append(change)
    found: dict[bytes, Conflict] = {}

    def judge(change: FileChange, common: Entry | None) -> None:
        conflict = conflict_of(change.before, change.after, common, delta.flag_mask)
        if conflict is None:
            return
        entry = change.before or change.after
        if entry is not None and not volatile(change.path, entry.kind is Kind.DIRECTORY):
            found[change.path] = conflict

    for block in base.blocks():
        changes = wanted.pop(block.path, None)
        if changes is None:
            continue
        records = dict(split_records(block.entries, root=not block.path))
        for change in changes:
            record = records.get(change.path.rpartition(b"/")[2])
            judge(change, None if record is None else unpack_record(record, change.path))
    for changes in wanted.values():
        for change in changes:
            judge(change, None)
    return found


def conflict_of(target: Entry | None, source: Entry | None, base: Entry | None, mask: int) -> Conflict | None:
    """Judge one path by what the target has, the source has and both had (None: nothing)."""
    if same(target, base, mask):
        return None
    unchanged_here = same(source, base, mask)
    if target is None:
        return REMOVED_THERE if unchanged_here else REMOVED_THERE_CHANGED_HERE
    if base is None:
        return ADDED_THERE if source is None else ADDED_BOTH
    if source is None:
        return CHANGED_THERE_REMOVED_HERE
    return CHANGED_THERE if unchanged_here else CHANGED_BOTH


def same(one: Entry | None, other: Entry | None, mask: int) -> bool:
    """Whether two states of a path are equal. The mtime of a directory follows its entries: it is nobody's edit."""
    if one is None or other is None:
        return one is other
    if one.kind is not other.kind:
        return False
    found = differences(one, other, mask)
    return not found or (one.kind is Kind.DIRECTORY and found == ("mtime",))
