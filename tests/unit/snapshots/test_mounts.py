"""The mount table as data: captured tables, and every table there could be."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.model.errors import FormatError
from pcswitcher.snapshots.mounts import (
    Mount,
    covering_mount,
    join,
    missing_mounts,
    parse_fstab,
    parse_mountinfo,
    parse_swap_files,
    points_mounted_by_id,
    relative_to,
    visible_mounts,
)

DATA = Path(__file__).parents[2] / "data" / "snapshots"


def table(name: str) -> tuple[Mount, ...]:
    return parse_mountinfo((DATA / f"{name}.mountinfo").read_bytes())


def encode(path: bytes) -> bytes:
    r"""Escape as the kernel does: space, tab, newline and backslash in octal."""
    return b"".join(b"\\%03o" % byte if byte in b" \t\n\\" else bytes([byte]) for byte in path)


@pytest.mark.parametrize("name", sorted(path.stem for path in DATA.glob("*.mountinfo")))
def test_every_captured_table_is_read_line_by_line(name: str) -> None:
    """S1, faults row 37."""
    content = (DATA / f"{name}.mountinfo").read_bytes()
    mounts = parse_mountinfo(content)
    assert len(mounts) == content.count(b"\n")
    assert covering_mount(mounts, b"/").point == b"/"
    for mount in mounts:
        assert (mount.subvolume_id is not None) == (mount.filesystem == "btrfs")


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("flat", b"/", (b"/", 256, b"/@")),
        ("flat", b"/root/.ssh", (b"/", 256, b"/@")),
        ("flat", b"/home", (b"/home", 257, b"/@home")),
        ("flat", b"/home/sam", (b"/home", 257, b"/@home")),
        ("flat", b"/homes", (b"/", 256, b"/@")),
        ("flat", b"/.snapshots/pc-switcher", (b"/.snapshots", 258, b"/@snapshots")),
        ("flat", b"/boot/efi", (b"/boot/efi", None, None)),
        ("by_number", b"/home", (b"/home", 301, b"/@home-old")),
        ("by_number", b"/mnt/top/@home", (b"/mnt/top", 5, b"/")),
        ("nested_docker", b"/var/lib/docker/btrfs/x", (b"/var/lib/docker/btrfs", 256, b"/@")),
        ("nested_docker", b"/home/sam/Cloud/a", (b"/home/sam/Cloud", None, None)),
        ("ext4_home", b"/home", (b"/home", None, None)),
        ("snapper", b"/root", (b"/root", 263, b"/@/root")),
        ("snapper", b"/usr", (b"/", 268, b"/@/.snapshots/1/snapshot")),
        ("hidden", b"/home/sam/photos", (b"/home", None, None)),
        ("hidden", b"/mnt/gone", (b"/mnt/gone", 300, None)),
        ("container", b"/root", (b"/", 256, b"/@")),
        ("container", b"/home/sam", (b"/home", 257, b"/@home")),
        ("container", b"/.snapshots", (b"/.snapshots", 258, b"/@snapshots")),
        ("escapes", b"/home/sam", (b"/home", 257, b"/my home, all\\of\tit\n")),
    ],
)
def test_a_path_lies_on_the_mount_the_kernel_would_reach(name: str, path: bytes, expected: tuple[object, ...]) -> None:
    """S1, faults row 37: names come from the mount table; what is mounted over hides what is under it."""
    mount = covering_mount(table(name), path)
    assert (mount.point, mount.subvolume_id, mount.subvolume_path) == expected


def test_escapes_are_undone_in_every_field() -> None:
    """Faults row 12: names with blanks, newlines, backslashes, no valid UTF-8."""
    mounts = {mount.mount_id: mount for mount in table("escapes")}
    assert mounts[40].root == b"/my home, all\\of\tit\n"
    assert mounts[40].is_whole_subvolume
    assert mounts[41].point == b"/home/sam/USB stick - blue"
    assert mounts[42].source == b""
    assert mounts[43].point == b"/home/sam/x\xe9"


def test_a_directory_of_a_subvolume_is_told_from_the_whole_of_it() -> None:
    """S1: a bind mount shows only a part of a subvolume."""
    mounts = {mount.point: mount for mount in table("hidden")}
    assert not mounts[b"/srv/sam"].is_whole_subvolume
    assert mounts[b"/srv/sam"].subvolume_path == b"/@data"
    assert not mounts[b"/mnt/gone"].is_whole_subvolume
    assert table("flat")[5].is_whole_subvolume


def test_mounts_under_another_mount_are_not_visible() -> None:
    """Faults row 37."""
    assert {mount.mount_id for mount in visible_mounts(table("hidden"))} == {28, 42, 43, 44}


@pytest.mark.parametrize(
    "line",
    [
        b"garbage",
        b"1 2 3",
        b"28 1 0:26 /@ / rw,noatime shared:1 btrfs /dev/sda2 rw",
        b"28 1 0:26 /@ / rw - btrfs /dev/sda2",
        b"x 1 0:26 /@ / rw - btrfs /dev/sda2 rw",
        b"28 1 26 /@ / rw - btrfs /dev/sda2 rw",
        b"28 1 0:26 /@ relative rw - btrfs /dev/sda2 rw",
    ],
)
def test_a_line_that_cannot_be_is_refused(line: bytes) -> None:
    """Promise 8: no answer is not an empty answer."""
    with pytest.raises(FormatError):
        parse_mountinfo(b"28 1 0:26 /@ / rw - btrfs /dev/sda2 rw\n" + line + b"\n")


def test_an_empty_table_has_no_answer() -> None:
    """Promise 8."""
    with pytest.raises(FormatError, match="no mount at /"):
        covering_mount(parse_mountinfo(b""), b"/home")


FIELD = st.binary(min_size=1, max_size=12).filter(lambda field: b"\n" not in field and b" " not in field)
TABLE_LIKE = st.lists(
    st.lists(FIELD | st.sampled_from([b"-", b"1", b"2", b"0:26", b"/", b"/a", b"btrfs", b"rw"]), max_size=12).map(
        b" ".join
    ),
    max_size=6,
).map(b"\n".join)


@given(st.binary(max_size=300) | TABLE_LIKE)
def test_any_text_is_read_or_refused(content: bytes) -> None:
    """Faults row 22: nothing crashes the parser."""
    try:
        mounts = parse_mountinfo(content)
        found = covering_mount(mounts, b"/a/b")
    except FormatError:
        return
    assert found in mounts


@given(st.binary(max_size=200))
def test_any_swap_table_and_any_fstab_is_read(content: bytes) -> None:
    """Faults row 22, row 37."""
    parse_swap_files(content)
    points_mounted_by_id(parse_fstab(content))


NAME = st.binary(min_size=1, max_size=20).filter(
    lambda name: not {0, ord("/")} & set(name) and name not in {b".", b".."}
)
PATH = st.lists(NAME, min_size=1, max_size=4).map(lambda parts: b"/" + b"/".join(parts))


@given(subvolume=PATH, point=PATH, source=PATH)
def test_what_the_kernel_writes_is_what_is_read(subvolume: bytes, point: bytes, source: bytes) -> None:
    """Faults row 12: any names, byte for byte."""
    line = b"28 1 0:26 %s %s rw,noatime shared:1 - btrfs %s rw,subvolid=256,subvol=%s\n" % (
        *map(encode, (subvolume, point, source)),
        encode(subvolume),
    )
    (mount,) = parse_mountinfo(line)
    assert (mount.root, mount.point, mount.source, mount.subvolume_path) == (subvolume, point, source, subvolume)


@st.composite
def mount_trees(draw: st.DrawFn) -> tuple[tuple[Mount, ...], bytes]:
    """Mounts made one after another as a running system makes them, and a path."""
    components = st.sampled_from([b"a", b"b", b"ab"])
    paths = st.lists(components, max_size=3).map(lambda parts: b"/" + b"/".join(parts))
    mounts: list[Mount] = []
    for number, point in enumerate([b"/", *draw(st.lists(paths, max_size=8))], start=10):
        parent = covering_mount(mounts, point).mount_id if mounts else 1
        mounts.append(
            Mount(mount_id=number, parent_id=parent, device="0:1", root=b"/", point=point, filesystem="x", source=b"")
        )
    return tuple(mounts), draw(paths)


@given(mount_trees())
def test_the_last_mount_on_the_way_covers_a_path(case: tuple[tuple[Mount, ...], bytes]) -> None:
    """S1: mounted one after another, the newest one at or above a path is where the path leads."""
    mounts, path = case
    expected = [mount for mount in mounts if relative_to(path, mount.point) is not None][-1]
    assert covering_mount(mounts, path) is expected
    assert covering_mount(tuple(reversed(mounts)), path) is expected


@given(directory=PATH | st.just(b"/"), below=PATH.map(lambda path: path[1:]) | st.just(b""))
def test_joining_and_taking_apart_are_inverse(directory: bytes, below: bytes) -> None:
    """S7: paths inside snapshots are made of these two."""
    assert relative_to(join(directory, below), directory) == below


def test_a_name_that_only_begins_alike_is_elsewhere() -> None:
    """F6."""
    assert relative_to(b"/homes", b"/home") is None
    assert relative_to(b"/hom", b"/home") is None


def test_swap_files_are_told_from_swap_partitions() -> None:
    """Faults row 37: a swap file in a subvolume makes its snapshot fail."""
    assert parse_swap_files((DATA / "several.swaps").read_bytes()) == (b"/swap/my swap", b"/home/sam/x")
    assert parse_swap_files(b"") == ()


def test_only_lines_that_name_a_number_and_no_path_are_mounted_by_number() -> None:
    """Faults row 37: subvolid= in fstab."""
    fstab = (DATA / "by_number.fstab").read_bytes()
    assert points_mounted_by_id(parse_fstab(fstab)) == (b"/home", b"/mnt/old data")


def test_a_mount_of_fstab_that_is_missing_above_a_tree_is_named() -> None:
    """F6, faults row 28: an unmounted home looks empty."""
    fstab = parse_fstab(
        b"UUID=AB-1 / btrfs subvol=@ 0 0\n# UUID=x /root btrfs defaults 0 0\n"
        b"UUID=ab-1 /home btrfs subvol=@home 0 0\n/dev/sdb1 /srv ext4 defaults 0 0\n"
        b"/dev/sdc1 /home/sam/disk ext4 noauto 0 0\n/dev/sdd /home/sam ext4 noauto 0 0\n"
    )
    assert [entry.uuid for entry in fstab[:2]] == ["ab-1", "ab-1"]
    only_root = parse_mountinfo(b"1 0 0:1 /@ / rw - btrfs /dev/sda rw,subvolid=256,subvol=/@\n")
    assert missing_mounts(fstab, only_root, (b"/home", b"/root")) == (b"/home",)
    assert missing_mounts(fstab, only_root, (b"/root",)) == ()
    assert missing_mounts(fstab, only_root, (b"/home/sam/work",)) == (b"/home",)
