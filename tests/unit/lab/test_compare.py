"""The independent compare: every property that differs is seen, and nothing that was expected to differ is hidden."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pclab import compare, manifest
from pclab.compare import PROPERTIES, diff
from pclab.errors import LabError
from pclab.manifest import Item, read_manifest, write_manifest

Manifest = dict[str, Item]


def item(path: str, kind: str = "file", **changes: object) -> Item:
    base = Item(
        path=path,
        type=kind,
        mode=0o644,
        owner=1000,
        group=1000,
        size=5,
        time=1_700_000_000_000_000_001,
        inode=f"1:{path}",
        links=1,
        room=4096,
        digest="d" if kind == "file" else "",
        target="there" if kind == "symlink" else "",
        device=os.makedev(1, 3) if "device" in kind else 0,
    )
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def of(*items: Item) -> Manifest:
    return {entry.path: entry for entry in items}


def attribute(name: str, value: bytes = b"v") -> dict[str, str]:
    return {name: base64.b64encode(value).decode()}


CHANGES: dict[str, tuple[Item, Item]] = {
    "presence": (item("a"), item("a", problem="PermissionError: no")),
    "type": (item("a"), item("a", "symlink")),
    "mode": (item("a"), item("a", mode=0o4644)),
    "owner": (item("a"), item("a", owner=0)),
    "group": (item("a"), item("a", group=0)),
    "size": (item("a"), item("a", size=6)),
    "time": (item("a"), item("a", time=1_700_000_000_000_000_002)),
    "content": (item("a"), item("a", digest="e")),
    "holes": (item("a", room=0), item("a", room=4 << 30)),
    "target": (item("a", "symlink"), item("a", "symlink", target="elsewhere")),
    "device": (item("a", "character device"), item("a", "character device", device=os.makedev(1, 5))),
    "names": (item("a"), item("a", links=2)),
    "acl": (item("a"), item("a", attributes=attribute("system.posix_acl_access"))),
    "default acl": (item("a", "folder"), item("a", "folder", attributes=attribute("system.posix_acl_default"))),
    "capability": (item("a"), item("a", attributes=attribute("security.capability"))),
    "attributes": (
        item("a", attributes=attribute("user.x")),
        item("a", attributes=attribute("user.x", b"w")),
    ),
    "flags": (item("a"), item("a", flags=0x10)),
}


def test_the_table_below_has_every_property() -> None:
    assert set(CHANGES) == set(PROPERTIES)


@pytest.mark.parametrize("name", PROPERTIES)
def test_a_difference_in_one_property_is_reported_as_that_property(name: str) -> None:
    """F1; faults rows 15 to 17."""
    a, b = CHANGES[name]
    for left, right in ((a, b), (b, a)):
        report = diff(of(left), of(right))
        assert [d.property for d in report.differences] == [name]
        assert not report.equal


@pytest.mark.parametrize("name", PROPERTIES)
def test_equal_items_are_equal_and_counted(name: str) -> None:
    entry = CHANGES[name][0]
    report = diff(of(entry), of(entry))
    assert report.equal
    assert report.compared[name] == 1


def test_a_path_on_one_side_only_is_reported_in_both_directions() -> None:
    assert diff(of(item("a")), of()).differences == (compare.Difference("a", "presence", "there", "missing"),)
    assert diff(of(), of(item("a"))).differences == (compare.Difference("a", "presence", "missing", "there"),)


def test_a_path_that_neither_side_could_read_is_no_agreement() -> None:
    """Promise 8: no answer is not an empty answer."""
    unread = item("a", problem="PermissionError: no")
    assert not diff(of(unread), of(unread)).equal


def test_hard_links_that_became_two_files_are_seen() -> None:
    """F1; faults row 15."""
    linked = of(item("a", inode="1:7", links=2), item("b", inode="1:7", links=2))
    report = diff(linked, of(item("a"), item("b")))
    assert {(d.path, d.property) for d in report.differences} == {("a", "names"), ("b", "names")}


def test_a_hard_link_to_another_file_of_the_same_count_is_seen() -> None:
    a = of(item("a", inode="1", links=2), item("b", inode="1", links=2), item("c", links=1))
    b = of(item("a", inode="1", links=2), item("c", inode="1", links=2), item("b", links=1))
    assert {d.path for d in diff(a, b).differences} == {"a", "b", "c"}


def test_an_excluded_name_of_a_file_counts_for_neither_side() -> None:
    """Faults row 15: hard links across the border of the rules."""
    a = of(item("a", inode="1", links=2), item(".cache/a", inode="1", links=2))
    b = of(item("a", inode="9", links=1))
    assert diff(a, b, [".cache"]).equal


def test_excluded_paths_may_differ_and_are_listed() -> None:
    report = diff(
        of(item(".ssh/id_x", digest="1"), item("b")), of(item(".ssh/id_x", digest="2"), item("b")), [".ssh/id_*"]
    )
    assert report.equal
    assert report.excluded == (".ssh/id_x",)


def test_an_excluded_file_that_travelled_is_found() -> None:
    """Promise 9: what belongs to one machine stays there."""
    report = diff(of(item(".ssh/id_x")), of(item(".ssh/id_x")), [".ssh/id_*"])
    assert report.leaked == (".ssh/id_x",)
    assert not report.equal


def test_an_excluded_file_with_the_same_content_from_another_time_did_not_travel() -> None:
    assert diff(of(item("k")), of(item("k", time=1)), ["k"]).leaked == ()


def test_a_pattern_that_covers_nothing_is_named() -> None:
    assert diff(of(item("a")), of(item("a")), ["a", "b*"]).unused == ("b*",)


@pytest.mark.parametrize(
    ("glob", "path", "matches"),
    [
        ("a", "a", True),
        ("a", "a/below/it", True),
        ("a", "ab", False),
        ("a", "x/a", False),
        ("*/a", "x/a", True),
        ("*/a", "x/y/a", False),
        ("**/a", "a", True),
        ("**/a", "x/y/a", True),
        ("a*c", "a/c", False),
        ("a?", "ab", True),
        ("a/**", "a", False),
        ("a/**", "a/b/c", True),
        ("x[1]", "x[1]", True),
        ("x[1]", "x1", False),
        ("new*line", "new\nline", True),
    ],
)
def test_patterns_mean_what_they_say(glob: str, path: str, matches: bool) -> None:
    assert bool(compare.pattern(glob).fullmatch(path)) is matches


def tree(root: Path) -> None:
    (root / "folder").mkdir()
    (root / "folder" / "file").write_bytes(b"content")
    (root / "folder" / "second name").hardlink_to(root / "folder" / "file")
    (root / "link").symlink_to("folder")
    with open(root / "image", "wb") as file:
        file.truncate(8 << 20)
    with open(os.fsencode(root) + b"/byte \xff name", "wb") as file:
        file.write(b"x")
    for path in [*root.rglob("*"), root]:
        os.utime(path, ns=(5, 5), follow_symlinks=False)


def scanned(root: Path) -> Manifest:
    out = io.StringIO()
    assert write_manifest(os.fsencode(root), out) == 0
    return read_manifest(out.getvalue().splitlines())


def change_content(root: Path) -> None:
    (root / "folder" / "file").write_bytes(b"c0ntent")
    os.utime(root / "folder" / "file", ns=(5, 5))


def change_type(root: Path) -> None:
    (root / "image").unlink()
    (root / "image").mkdir()


def fill_hole(root: Path) -> None:
    (root / "image").write_bytes(bytes(8 << 20))
    os.utime(root / "image", ns=(5, 5))


def unlink_pair(root: Path) -> None:
    (root / "folder" / "second name").unlink()
    (root / "folder" / "second name").write_bytes(b"content")
    os.utime(root / "folder" / "second name", ns=(5, 5))


def change_target(root: Path) -> None:
    (root / "link").unlink()
    (root / "link").symlink_to("f0lder")


ON_DISK: list[tuple[Callable[[Path], object], str, str]] = [
    (lambda root: (root / "folder" / "file").chmod(0o600), "folder/file", "mode"),
    (lambda root: os.utime(root / "folder" / "file", ns=(5, 6)), "folder/file", "time"),
    (lambda root: os.utime(root / "link", ns=(5, 6), follow_symlinks=False), "link", "time"),
    (lambda root: os.utime(root / "folder", ns=(5, 6)), "folder", "time"),
    (lambda root: os.utime(root, ns=(5, 6)), ".", "time"),
    (lambda root: (root / "image").unlink(), "image", "presence"),
    (lambda root: (root / "new").touch(), "new", "presence"),
    (change_content, "folder/file", "content"),
    (change_type, "image", "type"),
    (fill_hole, "image", "holes"),
    (unlink_pair, "folder/file", "names"),
    (change_target, "link", "target"),
]


@pytest.mark.parametrize(("change", "path", "name"), ON_DISK)
def test_a_change_on_disk_is_seen(tmp_path: Path, change: Callable[[Path], object], path: str, name: str) -> None:
    """F1: what the compare says is what lies on the disk."""
    a, b = tmp_path / "a", tmp_path / "b"
    for root in (a, b):
        root.mkdir()
        tree(root)
    assert diff(scanned(a), scanned(b)).equal
    change(b)
    assert (path, name) in {(d.path, d.property) for d in diff(scanned(a), scanned(b)).differences}


def test_zeros_and_holes_have_the_same_content(tmp_path: Path) -> None:
    tree(tmp_path)
    before = scanned(tmp_path)["image"].digest
    fill_hole(tmp_path)
    assert scanned(tmp_path)["image"].digest == before


@given(st.binary(max_size=200_000), st.integers(0, 199_999))
def test_one_changed_byte_anywhere_changes_the_digest(content: bytes, place: int) -> None:
    def digest(data: bytes) -> str:
        descriptor = os.memfd_create("content")
        try:
            os.write(descriptor, data)
            return manifest._digest(descriptor)
        finally:
            os.close(descriptor)

    if content:
        place %= len(content)
        changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        assert digest(changed) != digest(content)
    assert digest(content) == digest(content)


def test_attributes_are_read_from_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f").touch()

    def listed(_path: bytes, *, follow_symlinks: bool) -> list[str]:
        assert not follow_symlinks
        return ["user.b", "security.capability"]

    def value(_path: bytes, name: str, *, follow_symlinks: bool) -> bytes:
        assert not follow_symlinks
        return name.encode() + b"\x00\xff"

    monkeypatch.setattr(os, "listxattr", listed)
    monkeypatch.setattr(os, "getxattr", value)
    found = scanned(tmp_path)["f"].attributes
    assert base64.b64decode(found["user.b"]) == b"user.b\x00\xff"
    assert list(found) == ["security.capability", "user.b"]


def test_special_files_have_their_type(tmp_path: Path) -> None:
    """Faults row 17."""
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        before = os.getcwd()
        os.chdir(tmp_path)
        try:
            listener.bind("listener")
        finally:
            os.chdir(before)
    found = scanned(tmp_path)
    assert (found["pipe"].type, found["listener"].type) == ("fifo", "socket")


def test_names_that_are_no_text_come_back_byte_for_byte(tmp_path: Path) -> None:
    """Faults row 12."""
    names = [b"\xff\xfe", b"new\nline", b"\x1b[31m", "é".encode(), b"\xed\xa0\x80", b"n" * 255]
    for name in names:
        with open(os.fsencode(tmp_path) + b"/" + name, "wb"):
            pass
    assert {os.fsencode(path) for path in scanned(tmp_path)} == {b".", *names}


def test_an_unreadable_path_is_a_problem_and_not_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f").write_bytes(b"secret")

    def refuse(path: bytes, has_content: bool) -> tuple[str, int]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(manifest, "_read", refuse)
    out = io.StringIO()
    assert write_manifest(os.fsencode(tmp_path), out) == 2
    assert "Permission denied" in read_manifest(out.getvalue().splitlines())["f"].problem


def test_a_manifest_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    tree(tmp_path)
    out = io.StringIO()
    write_manifest(os.fsencode(tmp_path), out)
    lines = out.getvalue().splitlines()
    for broken in (lines[:-1], lines[:-2] + lines[-1:], lines[1:], []):
        with pytest.raises(LabError):
            read_manifest(broken)


def test_the_command_prints_counts_and_differences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        tree(tmp_path / name)
        compare.main(["manifest", str(tmp_path / name)])
        (tmp_path / f"{name}.txt").write_text(capsys.readouterr().out)
    files = [str(tmp_path / "a.txt"), str(tmp_path / "b.txt")]
    assert compare.main(["diff", *files]) == 0
    assert "equal, but for the excluded paths" in capsys.readouterr().out
    (tmp_path / "b" / "new\x1b[31m").touch()
    with open(files[1], "w", encoding="ascii") as out:
        write_manifest(os.fsencode(tmp_path / "b"), out)
    assert compare.main(["diff", *files]) == 1
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "NOT EQUAL" in said
    assert compare.main(["diff", *files, "--json", "--expect-excluded", ".", "new*"]) == 0
    assert json.loads(capsys.readouterr().out)["equal"] is True


def test_excluded_paths_are_told_by_their_topmost() -> None:
    assert compare.topmost(["a", "a b", "a/b", "ab", "c/d"]) == ["a", "a b", "ab", "c/d"]


def test_a_folder_is_not_compared_by_its_size(tmp_path: Path) -> None:
    assert scanned(tmp_path)["."].size == 0
    assert stat.S_ISDIR(tmp_path.stat().st_mode)
