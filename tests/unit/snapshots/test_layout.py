"""What the layout means: trees placed, problems named, what no snapshot holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest

from pcswitcher.model.codec import dumps, loads
from pcswitcher.model.errors import CheckError, SnapshotError
from pcswitcher.snapshots.folder import Snapshot
from pcswitcher.snapshots.ioctls import ListedSubvolume
from pcswitcher.snapshots.layout import (
    Layout,
    LayoutProblem,
    PlacedTree,
    PlaceKind,
    ScopeSubvolume,
    SnapshotsPlace,
    TopLevel,
    Uncovered,
    UncoveredKind,
    find_top_level,
    find_uncovered,
    place_problem,
    place_tree,
    refuse_filesystem,
    uncovered_problems,
    visible_roots,
)
from pcswitcher.snapshots.mounts import Mount, covering_mount, parse_mountinfo
from pcswitcher.snapshots.names import Moment
from pcswitcher.snapshots.snapshots import snapshot_path

DATA = Path(__file__).parents[2] / "data" / "snapshots"
PLACE = SnapshotsPlace(
    path=b"/.snapshots", kind=PlaceKind.SUBVOLUME, device="0:26", filesystem="6a1c8c39", subvolume_id=258
)


def table(name: str) -> tuple[Mount, ...]:
    return parse_mountinfo((DATA / f"{name}.mountinfo").read_bytes())


def listed(*rows: tuple[int, int, bytes]) -> tuple[ListedSubvolume, ...]:
    return tuple(
        ListedSubvolume(subvolume_id=identity, parent_id=parent, path=path)
        for identity, parent, path in ((5, 0, b""), *rows)
    )


def scope(name: str, identity: int, root: bytes) -> ScopeSubvolume:
    return ScopeSubvolume(name=name, subvolume_id=identity, uuid=f"uuid-{identity}", root=root, device="0:26")


FLAT = listed((256, 5, b"@"), (257, 5, b"@home"), (258, 5, b"@snapshots"))
SNAPPER = listed(
    (256, 5, b"@"),
    (262, 256, b"@/home"),
    (263, 256, b"@/root"),
    (267, 256, b"@/.snapshots"),
    (268, 267, b"@/.snapshots/1/snapshot"),
)


@pytest.mark.parametrize(
    ("name", "tree", "identity", "subvolumes", "expected"),
    [
        ("flat", b"/home", 257, FLAT, ("@home", b"")),
        ("flat", b"/root", 256, FLAT, ("@", b"root")),
        ("flat", b"/home/sam", 257, FLAT, ("@home", b"sam")),
        ("flat", b"/", 256, FLAT, ("@", b"")),
        ("snapper", b"/root", 263, SNAPPER, ("@/root", b"")),
        ("snapper", b"/opt", 268, SNAPPER, ("@/.snapshots/1/snapshot", b"opt")),
        # A subvolume inside @ that has no mount of its own, as systemd-tmpfiles makes them.
        ("flat", b"/srv/data/x", 300, (*FLAT, ListedSubvolume(subvolume_id=300, parent_id=256, path=b"@/srv/data")),
         ("@/srv/data", b"x")),
        # The top level itself is mounted.
        ("by_number", b"/mnt/top/stuff", 5, FLAT, ("/", b"stuff")),
        ("by_number", b"/mnt/top", 5, FLAT, ("/", b"")),
        # A directory of a subvolume is mounted.
        ("hidden", b"/srv/sam/work", 258, listed((258, 5, b"@data")), ("@data", b"sam/work")),
    ],
)  # fmt: skip
def test_a_tree_is_found_in_its_subvolume(
    name: str, tree: bytes, identity: int, subvolumes: Sequence[ListedSubvolume], expected: tuple[str, bytes]
) -> None:
    """S1, faults row 37."""
    found = place_tree("atlas", covering_mount(table(name), tree), tree, identity, subvolumes)
    assert (found.tree, found.subvolume, found.inside) == (tree, *expected)


def test_a_deleted_subvolume_is_refused() -> None:
    """S1, faults row 36."""
    mount = covering_mount(table("hidden"), b"/mnt/gone")
    with pytest.raises(CheckError, match=r"atlas.*has been deleted"):
        place_tree("atlas", mount, b"/mnt/gone/x", 300, FLAT)


def test_a_tree_elsewhere_than_the_table_says_is_refused() -> None:
    """S1: a bind mount of another directory than the listing knows."""
    mount = covering_mount(table("flat"), b"/root")
    with pytest.raises(CheckError, match="not where the mount table says"):
        place_tree("atlas", mount, b"/root", 257, FLAT)


def test_home_on_ext4_is_refused_in_clear_words() -> None:
    """Faults row 37: ext4 home."""
    with pytest.raises(CheckError, match="atlas: /home is on ext4") as caught:
        refuse_filesystem("atlas", covering_mount(table("ext4_home"), b"/home"), b"/home", PLACE)
    assert "btrfs" in caught.value.hint


def test_home_on_another_btrfs_is_refused_in_clear_words() -> None:
    """Faults row 37: several devices."""
    with pytest.raises(CheckError, match=r"another btrfs \(/dev/sdb1\)") as caught:
        refuse_filesystem("atlas", covering_mount(table("two_filesystems"), b"/home"), b"/home", PLACE)
    assert "/.snapshots" in caught.value.hint
    refuse_filesystem("atlas", covering_mount(table("two_filesystems"), b"/root"), b"/root", PLACE)


@pytest.mark.parametrize(
    ("kind", "filesystem", "words"),
    [
        (PlaceKind.DIRECTORY, "6a1c8c39", "plain directory"),
        (PlaceKind.OTHER_FILESYSTEM, "", "is on ext4"),
        (PlaceKind.MISSING, "", "missing and cannot be made"),
    ],
)
def test_a_wrong_place_for_snapshots_is_a_blocking_problem(kind: PlaceKind, filesystem: str, words: str) -> None:
    """S3."""
    place = SnapshotsPlace(path=b"/.snapshots", kind=kind, filesystem=filesystem)
    problem = place_problem("atlas", place, "ext4")
    assert problem is not None
    assert problem.blocking
    assert words in problem.message
    assert problem.hint


@pytest.mark.parametrize("kind", [PlaceKind.SUBVOLUME, PlaceKind.MISSING])
def test_a_place_that_is_there_or_can_be_made_is_no_problem(kind: PlaceKind) -> None:
    """S3."""
    place = SnapshotsPlace(path=b"/.snapshots", kind=kind, filesystem="6a1c8c39")
    assert place_problem("atlas", place, "btrfs") is None


def test_the_roots_of_a_subvolume_are_found_where_they_can_be_seen() -> None:
    """S1: its own mount first; what is hidden or only a part is no root."""
    assert visible_roots(table("flat"), "0:26", b"@home") == (b"/home",)
    assert visible_roots(table("flat"), "0:26", b"@/srv/data") == (b"/srv/data",)
    assert visible_roots(table("flat"), "0:99", b"@home") == ()
    assert visible_roots(table("by_number"), "0:26", b"@home-old") == (b"/home", b"/mnt/top/@home-old")
    assert visible_roots(table("hidden"), "0:26", b"@home") == ()
    assert visible_roots(table("hidden"), "0:26", b"@photos") == ()
    assert visible_roots(table("hidden"), "0:26", b"@data") == ()
    assert visible_roots(table("snapper"), "0:26", b"@/home") == (b"/home",)


def test_the_top_level_is_found_or_the_device_to_mount() -> None:
    """S6: where a rollback could reach all subvolumes."""
    assert find_top_level(table("by_number"), "0:26") == TopLevel(path=b"/mnt/top", device=b"/dev/sda2")
    assert find_top_level(table("flat"), "0:26") == TopLevel(path=None, device=b"/dev/nvme0n1p2")
    assert find_top_level(table("flat"), "0:77") is None


def test_nested_subvolumes_are_named_once_with_what_is_below_them() -> None:
    """S1, faults row 37: nested subvolumes are not in a snapshot."""
    subvolumes = listed(
        *((item.subvolume_id, item.parent_id, item.path) for item in FLAT[1:]),
        (270, 256, b"@/var/lib/docker/btrfs/subvolumes/1f0e"),
        (271, 257, b"@home/sam/.snapshots"),
        (272, 271, b"@home/sam/.snapshots/1/snapshot"),
        (273, 272, b"@home/sam/.snapshots/1/snapshot/deep"),
        (274, 256, b"@/root/box"),
        (275, 258, b"@snapshots/pc-switcher/0001/pre-@"),
    )
    trees = (
        PlacedTree(tree=b"/home", subvolume="@home", inside=b""),
        PlacedTree(tree=b"/root", subvolume="@", inside=b"root"),
    )
    found = find_uncovered(
        table("flat"), (scope("@home", 257, b"/home"), scope("@", 256, b"/")), trees, subvolumes, 258
    )
    assert [(item.path, item.subvolume, item.tree, item.what, item.inner) for item in found] == [
        (b"/home/sam/.snapshots", "@home", b"/home", "@home/sam/.snapshots", 2),
        (b"/root/box", "@", b"/root", "@/root/box", 0),
        (b"/var/lib/docker/btrfs/subvolumes/1f0e", "@", b"", "@/var/lib/docker/btrfs/subvolumes/1f0e", 0),
    ]
    assert {item.kind for item in found} == {UncoveredKind.NESTED_SUBVOLUME}


def test_our_own_place_nested_in_the_root_is_not_named() -> None:
    """S3: `/.snapshots` made by us is nested in `@`."""
    subvolumes = listed((256, 5, b"@"), (258, 256, b"@/.snapshots"), (259, 258, b"@/.snapshots/pc-switcher/1/pre-@"))
    assert find_uncovered((), (scope("@", 256, b"/"),), (), subvolumes, 258) == ()


def test_a_nested_subvolume_that_is_in_scope_itself_is_not_named() -> None:
    """S1: /home may be a subvolume nested in @."""
    subvolumes = listed((256, 5, b"@"), (257, 256, b"@/home"), (258, 257, b"@/home/vm"))
    found = find_uncovered((), (scope("@", 256, b"/"), scope("@/home", 257, b"/home")), (), subvolumes, 0)
    assert [item.path for item in found] == [b"/home/vm"]


def test_the_top_level_in_scope_names_what_is_nested_in_it() -> None:
    """S1: a filesystem without a layout, mounted at its top level."""
    tree = PlacedTree(tree=b"/home", subvolume="/", inside=b"home")
    found = find_uncovered((), (scope("/", 5, b"/"),), (tree,), listed((300, 5, b"home/sam/vm")), 0)
    assert [(item.path, item.tree) for item in found] == [(b"/home/sam/vm", b"/home")]


def test_mounts_inside_a_tree_are_named_and_mounts_elsewhere_are_not() -> None:
    """F6, faults row 37."""
    trees = (PlacedTree(tree=b"/home", subvolume="@home", inside=b""),)
    found = find_uncovered(table("nested_docker"), (scope("@home", 257, b"/home"),), trees, FLAT, 258)
    assert [(item.path, item.kind, item.what) for item in found] == [
        (b"/home/sam/Cloud", UncoveredKind.MOUNT, "fuse.rclone")
    ]
    (problem,) = uncovered_problems("atlas", found)
    assert not problem.blocking
    assert "atlas: /home/sam/Cloud (mount fuse.rclone)" in problem.message


def test_hundreds_of_subvolumes_in_one_directory_are_one_warning() -> None:
    """U4, faults row 37: a container tool's storage in a home."""
    rows = [(300 + number, 257, b"@home/sam/layers/%03d" % number) for number in range(200)]
    subvolumes = listed((257, 5, b"@home"), *rows, (900, 300, b"@home/sam/layers/000/inner"), (901, 257, b"@home/vm"))
    trees = (PlacedTree(tree=b"/home", subvolume="@home", inside=b""),)
    found = find_uncovered((), (scope("@home", 257, b"/home"),), trees, subvolumes, 0)
    assert len(found) == 201
    layers, single = uncovered_problems("atlas", found)
    assert "atlas: /home/sam/layers holds 200 nested subvolumes, with 1 subvolume below, that are" in layers.message
    assert "atlas: /home/vm (nested subvolume @home/vm) is not in snapshots of @home" in single.message
    outside = tuple(attrs.evolve(item, tree=b"") for item in found)
    assert uncovered_problems("atlas", outside) == ()


def test_a_mount_that_is_a_tree_of_its_own_is_not_named() -> None:
    """F1: any configured tree."""
    trees = (
        PlacedTree(tree=b"/home", subvolume="@home", inside=b""),
        PlacedTree(tree=b"/home/sam/Cloud", subvolume="@cloud", inside=b""),
    )
    assert find_uncovered(table("nested_docker"), (), trees, (), 0) == ()


def example_layout(*problems: LayoutProblem) -> Layout:
    return Layout(
        snapshots=PLACE,
        top_level=TopLevel(path=None, device=b"/dev/sda2"),
        trees=(
            PlacedTree(tree=b"/home", subvolume="@home", inside=b""),
            PlacedTree(tree=b"/root", subvolume="@", inside=b"root"),
        ),
        subvolumes=(scope("@home", 257, b"/home"), scope("@", 256, b"/")),
        uncovered=(
            Uncovered(path=b"/home/\xff", kind=UncoveredKind.MOUNT, subvolume="@home", tree=b"/home", what="ext4"),
        ),
        problems=problems,
    )


def test_a_layout_crosses_the_wire_unchanged() -> None:
    """S1: the layout of both machines is judged on one."""
    layout = example_layout(LayoutProblem(message="m", hint="h"))
    assert loads(Layout, dumps(layout)) == layout
    assert layout.names == ("@home", "@")


def test_all_blocking_problems_are_raised_together() -> None:
    """J3, S1."""
    example_layout(LayoutProblem(message="only told", hint="", blocking=False)).require_sound()
    layout = example_layout(
        LayoutProblem(message="first", hint="mend it"),
        LayoutProblem(message="only told", hint="never mind", blocking=False),
        LayoutProblem(message="second", hint="mend it"),
    )
    with pytest.raises(CheckError) as caught:
        layout.require_sound()
    assert (caught.value.message, caught.value.hint) == ("first; second", "mend it")


def test_a_tree_is_found_inside_the_snapshot_of_its_subvolume() -> None:
    """S7."""
    layout = example_layout()
    snapshot = Snapshot(
        run="0007",
        moment=Moment.PRE,
        subvolume="@",
        path=b"/.snapshots/pc-switcher/0007/pre-@",
        uuid="u",
        source_uuid="s",
        created=datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
        generation=1,
        read_only=True,
    )
    assert snapshot_path(layout, snapshot, b"/root") == b"/.snapshots/pc-switcher/0007/pre-@/root"
    with pytest.raises(SnapshotError, match="/home is in subvolume @home, not in @"):
        snapshot_path(layout, snapshot, b"/home")
    with pytest.raises(SnapshotError, match="no subvolume is known for /srv"):
        snapshot_path(layout, snapshot, b"/srv")
    assert loads(Snapshot, dumps(snapshot)) == snapshot
