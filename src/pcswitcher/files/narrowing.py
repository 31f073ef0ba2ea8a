"""A delta without some of its paths, and without what cannot be done when those stay as they are. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from pcswitcher.files.change import Action, FileChange, TreeDelta
from pcswitcher.files.entry import Kind, parent_of

_MAKES_ROOM = frozenset({Action.CREATE, Action.RETYPE})


def narrow(delta: TreeDelta, refused: Iterable[bytes]) -> TreeDelta:
    """The delta when the ``refused`` paths (relative) stay as they are on the target.

    With a path go: what would be made below a directory that does not come; the directories above that would be
    removed or replaced; the other files of its database. Hard links among the rest stay links of each other.
    """
    out = _closure(delta, frozenset(refused))
    if not out:
        return delta
    left = [change for change in delta.changes if change.path not in out]
    return attrs.evolve(delta, changes=tuple(_regroup(left)))


def _closure(delta: TreeDelta, refused: frozenset[bytes]) -> set[bytes]:
    by_path = {change.path: change for change in delta.changes}
    out = {path for path in refused if path in by_path}
    before = -1
    while len(out) != before:
        before = len(out)
        units = {by_path[path].unit for path in out} - {b""}
        if units:
            out |= {change.path for change in delta.changes if change.unit in units}
        for path in list(out):
            _keep_above(path, by_path, out)
        for change in delta.changes:  # in the order of a walk: a directory stands before what is below it
            above = by_path.get(parent_of(change.path)) if change.path else None
            if above is not None and above.path in out and above.action in _MAKES_ROOM:
                out.add(change.path)
    return out


def _keep_above(path: bytes, by_path: dict[bytes, FileChange], out: set[bytes]) -> None:
    """Directories of the target that hold something that stays cannot go."""
    while path:
        path = parent_of(path)
        above = by_path.get(path)
        if above is not None and _takes_directory_away(above):
            out.add(path)


def _takes_directory_away(change: FileChange) -> bool:
    was_directory = change.before is not None and change.before.kind is Kind.DIRECTORY
    return was_directory and change.action in {Action.DELETE, Action.RETYPE}


def _regroup(changes: list[FileChange]) -> list[FileChange]:
    """A hard-link group is named after its first path: where that one is left out, after the next."""
    members: dict[bytes, list[bytes]] = {}
    for change in changes:
        if change.group:
            members.setdefault(change.group, []).append(change.path)
    names = {group: paths[0] if len(paths) > 1 else b"" for group, paths in members.items()}
    return [attrs.evolve(change, group=names[change.group]) if change.group else change for change in changes]
