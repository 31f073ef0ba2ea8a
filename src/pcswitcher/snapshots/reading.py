"""Reading the layout of the machine we run on: mount table, kernel's answers, the place for snapshots."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from pcswitcher.model.errors import CheckError, FormatError, SnapshotError
from pcswitcher.model.text import escape
from pcswitcher.snapshots.ioctls import ListedSubvolume, machine_name
from pcswitcher.snapshots.layout import (
    Layout,
    LayoutProblem,
    PlacedTree,
    PlaceKind,
    ScopeSubvolume,
    SnapshotsPlace,
    find_top_level,
    find_uncovered,
    place_problem,
    place_tree,
    refuse_filesystem,
    uncovered_problems,
    visible_roots,
)
from pcswitcher.snapshots.mounts import (
    BTRFS,
    FstabEntry,
    Mount,
    covering_mount,
    missing_mounts,
    parse_fstab,
    parse_mountinfo,
    parse_swap_files,
    points_mounted_by_id,
)
from pcswitcher.snapshots.names import subvolume_path
from pcswitcher.snapshots.subvolumes import (
    all_subvolumes,
    containing_subvolume,
    filesystem_identity,
    inspect_subvolume,
)


def read_mounts() -> tuple[Mount, ...]:
    """The mount table of this process. Raises SnapshotError when it cannot be read."""
    try:
        mounts = parse_mountinfo(_read("/proc/self/mountinfo"))
        covering_mount(mounts, b"/")
    except (OSError, FormatError) as error:
        raise SnapshotError(f"{machine_name()}: the mount table cannot be read: {error}") from error
    return mounts


def inspect_place(mounts: Sequence[Mount], path: bytes) -> SnapshotsPlace:
    """Tell what stands at ``path``, the absolute path where snapshots live. Raises SnapshotError."""
    mount = covering_mount(mounts, path)
    on_btrfs = mount.filesystem == BTRFS
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        filesystem = filesystem_identity(os.path.dirname(path)) if on_btrfs else ""
        return SnapshotsPlace(path=path, kind=PlaceKind.MISSING, device=mount.device, filesystem=filesystem)
    except OSError as error:
        raise SnapshotError(f"{machine_name()}: cannot look at {escape(path)}: {error.strerror}") from error
    if not stat.S_ISDIR(mode):
        return SnapshotsPlace(path=path, kind=PlaceKind.DIRECTORY, device=mount.device)
    if not on_btrfs:
        kind = PlaceKind.OTHER_FILESYSTEM if mount.point == path else PlaceKind.DIRECTORY
        return SnapshotsPlace(path=path, kind=kind, device=mount.device)
    filesystem = filesystem_identity(path)
    try:
        identity = inspect_subvolume(path).subvolume_id
    except SnapshotError:
        return SnapshotsPlace(path=path, kind=PlaceKind.DIRECTORY, device=mount.device, filesystem=filesystem)
    return SnapshotsPlace(
        path=path, kind=PlaceKind.SUBVOLUME, device=mount.device, filesystem=filesystem, subvolume_id=identity
    )


def read_machine_layout(place_path: bytes, trees: Sequence[bytes]) -> Layout:
    """Read the layout for snapshots of ``trees`` (absolute paths) below ``place_path``; gathers every problem.

    Raises SnapshotError only when the machine does not answer.
    """
    machine = machine_name()
    mounts = read_mounts()
    place = inspect_place(mounts, place_path)
    problems: list[LayoutProblem] = []
    wrong = place_problem(machine, place, covering_mount(mounts, place_path).filesystem)
    if wrong is not None:
        problems.append(wrong)
    subvolumes = _subvolumes_of(place)
    places: list[PlacedTree] = []
    scope: dict[str, ScopeSubvolume] = {}
    for tree in trees:
        try:
            found = _find_tree(machine, mounts, place, tree, subvolumes)
            if found.subvolume not in scope:
                scope[found.subvolume] = find_subvolume(mounts, place, found.subvolume, subvolumes)
        except CheckError as error:
            problems.append(LayoutProblem(message=error.message, hint=error.hint))
        else:
            places.append(found)
    uncovered = find_uncovered(mounts, tuple(scope.values()), places, subvolumes, place.subvolume_id)
    problems.extend(uncovered_problems(machine, uncovered))
    problems.extend(_swap_problems(machine, scope))
    problems.extend(_fstab_problems(machine, mounts, trees, scope))
    return Layout(
        snapshots=place,
        top_level=find_top_level(mounts, place.device) if place.filesystem else None,
        trees=tuple(places),
        subvolumes=tuple(scope.values()),
        uncovered=uncovered,
        problems=tuple(problems),
    )


def find_subvolume(
    mounts: Sequence[Mount], place: SnapshotsPlace, name: str, subvolumes: Sequence[ListedSubvolume]
) -> ScopeSubvolume:
    """Find where the subvolume called ``name``, on the filesystem of ``place``, can be seen as a whole.

    Raises CheckError when there is none of that name, or it is nowhere to be seen.
    """
    machine = machine_name()
    path = subvolume_path(name)
    listed = next((subvolume for subvolume in subvolumes if subvolume.path == path), None)
    if listed is None:
        raise CheckError(
            f"{machine}: there is no subvolume {name}", "see what there is: btrfs subvolume list " + escape(place.path)
        )
    for root in visible_roots(mounts, place.device, path):
        try:
            info = inspect_subvolume(root)
        except SnapshotError:
            continue  # another mount of the same filesystem may show it
        if info.subvolume_id == listed.subvolume_id:
            return ScopeSubvolume(
                name=name, subvolume_id=info.subvolume_id, uuid=info.uuid, root=root, device=place.device
            )
    raise CheckError(
        f"{machine}: subvolume {name} is mounted only in part, so it cannot be snapshotted",
        f"mount it as a whole somewhere, with the option subvol=/{escape(path)}",
    )


def _subvolumes_of(place: SnapshotsPlace) -> tuple[ListedSubvolume, ...]:
    if not place.filesystem:
        return ()
    return all_subvolumes(os.path.dirname(place.path) if place.kind is PlaceKind.MISSING else place.path)


def _find_tree(
    machine: str,
    mounts: Sequence[Mount],
    place: SnapshotsPlace,
    tree: bytes,
    subvolumes: Sequence[ListedSubvolume],
) -> PlacedTree:
    """Find the subvolume that holds ``tree``. Raises CheckError saying why it cannot be snapshotted."""
    shown = escape(tree)
    real = os.path.realpath(tree)
    if real != tree:
        raise CheckError(
            f"{machine}: {shown} leads to {escape(real)}, by a symlink or another spelling",
            f"name {escape(real)} in the settings instead",
        )
    if not os.path.isdir(tree):
        raise CheckError(f"{machine}: there is no directory {shown}", "create it, or leave it out of the settings")
    mount = covering_mount(mounts, tree)
    refuse_filesystem(machine, mount, tree, place)
    return place_tree(machine, mount, tree, containing_subvolume(tree).subvolume_id, subvolumes)


def _swap_problems(machine: str, scope: dict[str, ScopeSubvolume]) -> list[LayoutProblem]:
    """Active swap files in a subvolume in scope: btrfs refuses its snapshot with "Text file busy"."""
    try:
        swap_files = parse_swap_files(_read("/proc/swaps"))
    except FileNotFoundError:  # a kernel without swap
        return []
    problems: list[LayoutProblem] = []
    for path in swap_files:
        try:
            holder = containing_subvolume(os.path.dirname(path))
        except SnapshotError:
            continue  # not on btrfs, or not in this mount namespace: in no subvolume of ours
        problems.extend(
            LayoutProblem(
                message=f"{machine}: the swap file {escape(path)} is in use inside subvolume {subvolume.name}, and"
                " btrfs makes no snapshot of a subvolume with active swap",
                hint=f"swapoff {escape(path)}, and put the file into a subvolume of its own",
            )
            for subvolume in scope.values()
            if subvolume.uuid == holder.uuid
        )
    return problems


def _fstab_problems(
    machine: str, mounts: Sequence[Mount], trees: Sequence[bytes], scope: dict[str, ScopeSubvolume]
) -> list[LayoutProblem]:
    """What is mounted otherwise than /etc/fstab says, and what it mounts in a way that outlasts a rollback."""
    try:
        fstab = parse_fstab(_read("/etc/fstab"))
    except FileNotFoundError:
        return []
    problems = [
        LayoutProblem(
            message=f"{machine}: {escape(point)} is not mounted, though /etc/fstab says so: it would look empty",
            hint=f"sudo mount {escape(point)}",
        )
        for point in missing_mounts(fstab, mounts, trees)
    ]
    problems += [
        LayoutProblem(
            message=f"{machine}: another filesystem than /etc/fstab says is mounted at {escape(entry.point)}",
            hint=f"compare: findmnt {escape(entry.point)}; grep {escape(entry.point)} /etc/fstab",
        )
        for entry in fstab
        if _is_another(entry, mounts, trees)
    ]
    # A rollback exchanges names, so it would change nothing for what is mounted by number.
    by_number = set(points_mounted_by_id(fstab))
    problems += [
        LayoutProblem(
            message=f"{machine}: /etc/fstab mounts {escape(subvolume.root)} by subvolid=, so a rollback of it would"
            " not last",
            hint=f"write subvol=/{subvolume.name.lstrip('/')} in the line of {escape(subvolume.root)} in /etc/fstab",
            blocking=False,
        )
        for subvolume in scope.values()
        if subvolume.root in by_number
    ]
    return problems


def _is_another(entry: FstabEntry, mounts: Sequence[Mount], trees: Sequence[bytes]) -> bool:
    """Whether an fstab line names a btrfs by UUID, for the very mount that holds a tree, and another one is there."""
    if not entry.uuid or all(covering_mount(mounts, tree).point != entry.point for tree in trees):
        return False
    mount = covering_mount(mounts, entry.point)
    return mount.filesystem == BTRFS and filesystem_identity(entry.point) != entry.uuid


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
