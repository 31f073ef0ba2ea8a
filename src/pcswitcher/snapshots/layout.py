"""The btrfs layout of a machine: which subvolumes hold the synced trees, and what no snapshot of them holds.

Types, and the pure decisions over what was read; ``reading`` does the reading.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum

import attrs

from pcswitcher.model.errors import CheckError, SnapshotError
from pcswitcher.model.text import escape, human_count
from pcswitcher.snapshots.ioctls import ListedSubvolume
from pcswitcher.snapshots.mounts import BTRFS, Mount, covering_mount, join, relative_to, visible_mounts
from pcswitcher.snapshots.names import subvolume_name


class PlaceKind(StrEnum):
    """What stands at ``/.snapshots``."""

    SUBVOLUME = "subvolume"
    MISSING = "missing"
    DIRECTORY = "plain directory"
    """A plain directory, or anything else that is no subvolume."""
    OTHER_FILESYSTEM = "other filesystem"
    """Something on a filesystem that is not btrfs."""


@attrs.frozen(kw_only=True)
class SnapshotsPlace:
    """Where snapshots live (``/.snapshots``), and on which filesystem."""

    path: bytes
    kind: PlaceKind
    device: str = ""
    """``major:minor`` of the filesystem it is on, or would be on, as the mount table has it."""
    filesystem: str = ""
    """UUID of that btrfs; empty when it is none."""
    subvolume_id: int = 0


@attrs.frozen(kw_only=True)
class ScopeSubvolume:
    """A subvolume that holds at least one synced tree."""

    name: str
    """Its path from the top level: ``@home``."""
    subvolume_id: int
    uuid: str
    root: bytes
    """An absolute path where the whole subvolume can be seen."""
    device: str


@attrs.frozen(kw_only=True)
class PlacedTree:
    """Where a synced tree is: in which subvolume, and at which path inside it (empty: the subvolume itself)."""

    tree: bytes
    subvolume: str
    inside: bytes


class UncoveredKind(StrEnum):
    """Why something is not in a snapshot of the subvolume above it."""

    NESTED_SUBVOLUME = "nested subvolume"
    MOUNT = "mount"


@attrs.frozen(kw_only=True)
class Uncovered:
    """Something below a subvolume in scope that its snapshots show as an empty directory."""

    path: bytes
    """Where it is on the running system."""
    kind: UncoveredKind
    subvolume: str
    """The subvolume in scope above it."""
    tree: bytes
    """The synced tree it stands in; empty when it is in none."""
    what: str
    """The nested subvolume's name, or the filesystem that is mounted."""
    inner: int = 0
    """How many more subvolumes stand below it."""


@attrs.frozen(kw_only=True)
class TopLevel:
    """How the top level of the filesystem can be reached: where it is mounted, or the device to mount privately."""

    path: bytes | None
    device: bytes


@attrs.frozen(kw_only=True)
class LayoutProblem:
    """Something about the layout a person must know: what is wrong, what mends it, and whether it stops a run."""

    message: str
    hint: str
    blocking: bool = True


@attrs.frozen(kw_only=True)
class Layout:
    """What was found. With a blocking problem the rest may be incomplete."""

    snapshots: SnapshotsPlace
    top_level: TopLevel | None
    trees: tuple[PlacedTree, ...]
    subvolumes: tuple[ScopeSubvolume, ...]
    uncovered: tuple[Uncovered, ...]
    problems: tuple[LayoutProblem, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the subvolumes in scope, as ``create_snapshots`` takes them."""
        return tuple(subvolume.name for subvolume in self.subvolumes)

    def require_sound(self) -> None:
        """Raise CheckError naming every blocking problem, when there is one."""
        blocking = [problem for problem in self.problems if problem.blocking]
        if blocking:
            hints = dict.fromkeys(problem.hint for problem in blocking if problem.hint)
            raise CheckError("; ".join(problem.message for problem in blocking), "; ".join(hints))

    def place_of(self, tree: bytes) -> PlacedTree:
        """Where a synced tree is. Raises SnapshotError for one that was not asked for or has a problem."""
        for place in self.trees:
            if place.tree == tree:
                return place
        raise SnapshotError(f"no subvolume is known for {escape(tree)}")


def place_tree(
    machine: str, mount: Mount, tree: bytes, identity: int, subvolumes: Sequence[ListedSubvolume]
) -> PlacedTree:
    """Decide in which subvolume ``tree`` is, and where in it.

    ``mount`` covers the tree, ``identity`` is the id of the subvolume that the tree's directory lies in (that of
    the mount, or of one nested below it). Raises CheckError when it cannot be snapshotted.
    """
    shown = escape(tree)
    by_id = {subvolume.subvolume_id: subvolume for subvolume in subvolumes}
    found = by_id.get(identity)
    below = relative_to(tree, mount.point)
    if found is None or below is None:
        raise CheckError(
            f"{machine}: the subvolume mounted at {escape(mount.point)} has been deleted",
            f"restart {machine}, or mount the subvolume that {shown} shall be",
        )
    path = join(mount.root, below).strip(b"/")
    inside = path if not found.path else relative_to(path, found.path)
    if inside is None:
        raise CheckError(
            f"{machine}: {shown} is not where the mount table says: in /{escape(path)}, not in /{escape(found.path)}",
            f"restart {machine}",
        )
    return PlacedTree(tree=tree, subvolume=subvolume_name(found.path), inside=inside)


def refuse_filesystem(machine: str, mount: Mount, tree: bytes, place: SnapshotsPlace) -> None:
    """Raise CheckError when ``mount``, on which ``tree`` is, cannot be snapshotted to ``place``."""
    shown = escape(tree)
    leave_out = "or leave the tree out of the settings"
    if mount.filesystem != BTRFS:
        raise CheckError(
            f"{machine}: {shown} is on {mount.filesystem} (mounted at {escape(mount.point)}), and only btrfs can be"
            " snapshotted",
            f"move {shown} to a btrfs subvolume on the filesystem of /, {leave_out}",
        )
    if not place.filesystem:
        raise CheckError(
            f"{machine}: {shown} cannot be snapshotted, because {escape(place.path)} is not on btrfs",
            f"mount a subvolume of the btrfs that holds {shown} at {escape(place.path)}",
        )
    if mount.device != place.device:
        raise CheckError(
            f"{machine}: {shown} is on another btrfs ({escape(mount.source)}) than {escape(place.path)}, and a"
            " snapshot cannot leave its filesystem",
            f"keep {shown} and {escape(place.path)} on one btrfs, {leave_out}",
        )


def place_problem(machine: str, place: SnapshotsPlace, filesystem: str) -> LayoutProblem | None:
    """What is wrong with the place for snapshots; ``filesystem`` is the type of the one it is on, or would be on."""
    shown = escape(place.path)
    if place.kind is PlaceKind.DIRECTORY:
        return LayoutProblem(
            message=f"{machine}: {shown} is a plain directory, not a subvolume, so snapshots in it would be part of"
            " every snapshot of what is above it",
            hint=f"look into it, then: rmdir {shown} && btrfs subvolume create {shown}",
        )
    if place.kind is PlaceKind.OTHER_FILESYSTEM:
        return LayoutProblem(
            message=f"{machine}: {shown} is on {filesystem}, not on btrfs",
            hint=f"unmount it; {shown} must be a subvolume of the btrfs that holds the synced trees",
        )
    if place.kind is PlaceKind.MISSING and not place.filesystem:
        return LayoutProblem(
            message=f"{machine}: {shown} is missing and cannot be made: it would be on {filesystem}, not on btrfs",
            hint=f"mount a subvolume of the btrfs that holds the synced trees at {shown}",
        )
    return None


def visible_roots(mounts: Sequence[Mount], device: str, path: bytes) -> tuple[bytes, ...]:
    """Absolute paths at which the subvolume with ``path`` from the top level should be seen, the best first.

    Its own mounts come before paths through mounts of what is above it. What another mount hides is left out.
    """
    absolute = b"/" + path
    found: list[tuple[int, bytes]] = []
    for mount in mounts:
        below = relative_to(absolute, mount.root)
        if mount.device != device or mount.filesystem != BTRFS or below is None:
            continue
        candidate = join(mount.point, below)
        if covering_mount(mounts, candidate) is mount:
            found.append((len(below), candidate))
    return tuple(candidate for _, candidate in sorted(found))


def find_top_level(mounts: Sequence[Mount], device: str) -> TopLevel | None:
    """How the top level of the btrfs with ``device`` can be reached; None when nothing of it is mounted."""
    sources = [mount.source for mount in mounts if mount.device == device]
    if not sources:
        return None
    roots = visible_roots(mounts, device, b"")
    return TopLevel(path=roots[0] if roots else None, device=sources[0])


def find_uncovered(
    mounts: Sequence[Mount],
    scope: Sequence[ScopeSubvolume],
    trees: Sequence[PlacedTree],
    subvolumes: Sequence[ListedSubvolume],
    snapshots_id: int,
) -> tuple[Uncovered, ...]:
    """Name what snapshots of the subvolumes in ``scope`` do not hold.

    Those are the subvolumes nested directly below one (except our own place for snapshots, and others in scope),
    and whatever is mounted inside a synced tree.
    """
    found = {item.path: item for item in _find_nested(scope, trees, subvolumes, snapshots_id)}
    own_trees = {tree.tree for tree in trees}
    for mount in visible_mounts(mounts):
        for tree in trees:
            if relative_to(mount.point, tree.tree) and mount.point not in own_trees:
                item = Uncovered(
                    path=mount.point,
                    kind=UncoveredKind.MOUNT,
                    subvolume=tree.subvolume,
                    tree=tree.tree,
                    what=mount.filesystem,
                )
                found.setdefault(mount.point, item)
    return tuple(found[path] for path in sorted(found))


def _find_nested(
    scope: Sequence[ScopeSubvolume],
    trees: Sequence[PlacedTree],
    subvolumes: Sequence[ListedSubvolume],
    snapshots_id: int,
) -> list[Uncovered]:
    """Name the subvolumes nested directly below those in ``scope``, and count what is nested deeper."""
    by_id = {subvolume.subvolume_id: subvolume for subvolume in subvolumes}
    above_by_id = {subvolume.subvolume_id: subvolume for subvolume in scope}
    own = {snapshots_id, *above_by_id}
    inner = _count_inner(by_id, above_by_id.keys())
    found: list[Uncovered] = []
    for nested in subvolumes:
        above = above_by_id.get(nested.parent_id)
        if above is None or nested.subvolume_id in own:
            continue
        parent = by_id[nested.parent_id].path
        below = relative_to(nested.path, parent) if parent else nested.path
        if below is not None:
            item = Uncovered(
                path=join(above.root, below),
                kind=UncoveredKind.NESTED_SUBVOLUME,
                subvolume=above.name,
                tree=_tree_holding(trees, above.name, below),
                what=subvolume_name(nested.path),
                inner=inner.get(nested.subvolume_id, 0),
            )
            found.append(item)
    return found


def _count_inner(by_id: Mapping[int, ListedSubvolume], scope: Collection[int]) -> dict[int, int]:
    """How many subvolumes stand, at any depth, below each that is nested directly in one of ``scope``."""
    counts: dict[int, int] = {}
    for subvolume in by_id.values():
        current = subvolume
        while current.parent_id in by_id and current.parent_id not in scope:
            current = by_id[current.parent_id]
        if current is not subvolume and current.parent_id in scope:
            counts[current.subvolume_id] = counts.get(current.subvolume_id, 0) + 1
    return counts


def uncovered_problems(machine: str, uncovered: Sequence[Uncovered]) -> tuple[LayoutProblem, ...]:
    """Say what inside the synced trees stays behind, once per directory. It warns: the rest can be synced.

    What stands in no synced tree is left out. Container tools make hundreds of subvolumes in one directory.
    """
    groups: dict[tuple[bytes, UncoveredKind], list[Uncovered]] = {}
    for item in uncovered:
        if item.tree:
            groups.setdefault((os.path.dirname(item.path), item.kind), []).append(item)
    return tuple(_uncovered_problem(machine, directory, group) for (directory, _), group in groups.items())


def _uncovered_problem(machine: str, directory: bytes, group: Sequence[Uncovered]) -> LayoutProblem:
    first = group[0]
    inner = sum(item.inner for item in group)
    more = f", with {human_count(inner, 'subvolume')} below," if inner else ""
    if len(group) == 1:
        what = f"{escape(first.path)} ({first.kind.value} {first.what}){more} is"
    else:
        count = human_count(len(group), first.kind.value)
        what = f"{escape(directory)} holds {count}{more} that are, {escape(os.path.basename(first.path))} among them,"
    return LayoutProblem(
        message=f"{machine}: {what} not in snapshots of {first.subvolume} and will not be synced",
        hint=f"name {escape(first.path)} as a tree of its own in the settings, if it shall be synced",
        blocking=False,
    )


def _tree_holding(trees: Sequence[PlacedTree], subvolume: str, below: bytes) -> bytes:
    """The synced tree in which the path ``below`` the root of a subvolume stands; empty when it is in none."""
    holding = [
        tree.tree
        for tree in trees
        if tree.subvolume == subvolume and (not tree.inside or relative_to(below, tree.inside) is not None)
    ]
    return max(holding, key=len, default=b"")
