"""Layout and snapshots on a real btrfs: a small image of our own in a loop device. Needs root, not the lab."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import ParamSpec, TypeVar

import attrs
import pytest

from pcswitcher.machine.api import Exposed
from pcswitcher.model.codec import from_json, to_json
from pcswitcher.model.errors import CancelledCallError, CheckError, SnapshotError
from pcswitcher.model.events import Level
from pcswitcher.snapshots import reading, snapshots, subvolumes
from pcswitcher.snapshots.folder import Snapshot, SnapshotsFolder
from pcswitcher.snapshots.ioctls import TOP_LEVEL_ID
from pcswitcher.snapshots.layout import Layout, PlaceKind, UncoveredKind
from pcswitcher.snapshots.names import Moment
from pcswitcher.snapshots.reading import read_machine_layout
from pcswitcher.snapshots.room import read_rooms
from pcswitcher.snapshots.snapshots import snapshot_path
from pcswitcher.snapshots.subvolumes import (
    all_subvolumes,
    delete_subvolume,
    filesystem_identity,
    inspect_subvolume,
    read_space,
)

P = ParamSpec("P")
R = TypeVar("R")

pytestmark = [pytest.mark.loop, pytest.mark.timeout(120)]


def run(*arguments: str | bytes | Path) -> str:
    """Run a program of the test's own and give its output."""
    done = subprocess.run([os.fspath(part) for part in arguments], check=True, capture_output=True, timeout=60)
    return done.stdout.decode(errors="backslashreplace")


class RecordingContext:
    """A context that keeps the log and cancels after so many checks."""

    def __init__(self, checks: int = 1000) -> None:
        self.resources = ExitStack()
        self.lines: list[tuple[Level, str]] = []
        self.checks = checks

    def progress(self, done: int, total: int, unit: str, item: bytes = b"") -> None:
        return

    def log(self, level: Level, message: str, **fields: str) -> None:
        self.lines.append((level, message))

    def send(self, chunk: bytes) -> None:
        return

    def check_cancelled(self) -> None:
        self.checks -= 1
        if self.checks < 0:
            raise CancelledCallError("cancelled")


def travel(context: RecordingContext, function: Exposed[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call an exposed function with its arguments and its result turned to JSON and back."""
    shapes = function.parameter_types()
    bound = {
        name: from_json(shapes[name], to_json(value, shapes[name]))
        for name, value in function.bind(*args, **kwargs).items()
    }
    result = function.function(context, **bound)
    return from_json(function.result_type(), to_json(result, function.result_type()))


@attrs.frozen
class LoopPc:
    """A PC's disk: ``@`` mounted at ``root``, ``@home`` at its ``home``; ``top`` shows everything."""

    directory: Path
    device: str

    @property
    def root(self) -> Path:
        return self.directory / "pc"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def top(self) -> Path:
        return self.directory / "top"

    @property
    def place(self) -> Path:
        return self.root / ".snapshots"

    @property
    def folder(self) -> SnapshotsFolder:
        return SnapshotsFolder(os.fsencode(self.place))

    def mount(self, point: Path, options: str) -> None:
        point.mkdir(parents=True, exist_ok=True)
        run("mount", "-o", options, self.device, point)

    def show_top(self) -> Path:
        """Mount the top level, as a person might."""
        self.mount(self.top, "subvolid=5")
        return self.top

    def layout(self, *trees: Path) -> Layout:
        return read_machine_layout(
            os.fsencode(self.place), [os.fsencode(tree) for tree in trees or (self.home, self.root / "root")]
        )

    def create(self, label: str, moment: Moment, *names: str) -> tuple[Snapshot, ...]:
        return self.folder.create_snapshots(RecordingContext(), label, moment, names or ("@home", "@"))

    def ours(self) -> tuple[Snapshot, ...]:
        return self.folder.list_snapshots(RecordingContext())


@pytest.fixture
def pc(tmp_path: Path) -> Iterator[LoopPc]:
    """A disk with ``@`` and ``@home``, mounted in a private directory, and taken away again."""
    if os.geteuid() != 0 or not shutil.which("mkfs.btrfs") or not Path("/dev/loop-control").exists():
        reason = "needs root, btrfs-progs and loop devices"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(256 * 1024 * 1024)
    run("mkfs.btrfs", "-q", image)
    with ExitStack() as cleanup:
        device = run("losetup", "--find", "--show", image).strip()
        cleanup.callback(run, "losetup", "--detach", device)
        pc = LoopPc(tmp_path, device)
        cleanup.callback(unmount_below, tmp_path)
        top = pc.show_top()
        for name in ("@", "@home"):
            run("btrfs", "subvolume", "create", top / name)
        for name in ("home", "root"):
            (top / "@" / name).mkdir()
        run("umount", top)
        pc.mount(pc.root, "subvol=@")
        pc.mount(pc.home, "subvol=@home")
        yield pc


def unmount_below(directory: Path) -> None:
    """Unmount everything below ``directory``, the last mounted first."""
    points = [mount.point for mount in reading.read_mounts() if mount.point.startswith(os.fsencode(directory) + b"/")]
    for point in reversed(points):
        run("umount", point)


def test_the_layout_is_what_btrfs_says_it_is(pc: LoopPc) -> None:
    """S1."""
    layout = pc.layout()
    layout.require_sound()
    assert [(tree.tree, tree.subvolume, tree.inside) for tree in layout.trees] == [
        (os.fsencode(pc.home), "@home", b""),
        (os.fsencode(pc.root / "root"), "@", b"root"),
    ]
    for found, root in zip(layout.subvolumes, (pc.home, pc.root), strict=True):
        shown = run("btrfs", "subvolume", "show", root)
        assert found.root == os.fsencode(root)
        assert f"Subvolume ID: \t\t{found.subvolume_id}\n" in shown
        assert f"UUID: \t\t\t{found.uuid}\n" in shown
    assert layout.snapshots.kind is PlaceKind.MISSING
    assert layout.snapshots.filesystem in run("btrfs", "filesystem", "show", pc.root)
    assert layout.top_level is not None
    assert (layout.top_level.path, layout.top_level.device) == (None, pc.device.encode())
    pc.show_top()
    top_level = pc.layout().top_level
    assert top_level is not None
    assert top_level.path == os.fsencode(pc.top)


def test_the_kernels_list_of_subvolumes_is_complete(pc: LoopPc) -> None:
    """S1, faults rows 12, 37: any names, any depth, moved ones, and more than one answer's worth."""
    top = pc.show_top()
    strange = os.fsencode(top) + b"/@home/new\nline \xff"
    run("btrfs", "subvolume", "create", strange)
    (top / "@" / "var" / "lib").mkdir(parents=True)
    for number in range(150):
        run("btrfs", "subvolume", "create", top / "@" / "var" / "lib" / f"{'x' * 200}{number}")
    run("btrfs", "subvolume", "create", top / "older")
    run("btrfs", "subvolume", "create", top / "younger")
    os.rename(top / "older", top / "younger" / "moved")
    expected = {b"", b"@", b"@home", b"@home/new\nline \xff", b"younger", b"younger/moved"}
    expected |= {b"@/var/lib/" + b"x" * 200 + str(number).encode() for number in range(150)}
    found = all_subvolumes(os.fsencode(pc.home))
    assert {item.path for item in found} == expected
    assert len(found) == len(expected)
    for item in found:
        live = os.fsencode(top) + b"/" + item.path
        info = inspect_subvolume(live.rstrip(b"/"))
        assert (info.subvolume_id, info.parent_id) == (item.subvolume_id, item.parent_id)
    assert found[0].subvolume_id == TOP_LEVEL_ID


def test_nested_subvolumes_and_mounts_in_a_tree_are_named(pc: LoopPc) -> None:
    """S1, faults row 37."""
    run("btrfs", "subvolume", "create", pc.home / "vm")
    run("btrfs", "subvolume", "create", pc.home / "vm" / "inner")
    (pc.home / "cloud").mkdir()
    run("mount", "-t", "tmpfs", "none", pc.home / "cloud")
    layout = pc.layout()
    layout.require_sound()
    assert [(item.path, item.kind, item.what, item.inner) for item in layout.uncovered] == [
        (os.fsencode(pc.home / "cloud"), UncoveredKind.MOUNT, "tmpfs", 0),
        (os.fsencode(pc.home / "vm"), UncoveredKind.NESTED_SUBVOLUME, "@home/vm", 1),
    ]
    assert len([problem for problem in layout.problems if not problem.blocking]) == 2


def test_a_tree_in_a_nested_subvolume_without_a_mount_is_snapshotted_there(pc: LoopPc) -> None:
    """S1, S7: the layout that systemd-tmpfiles makes."""
    (pc.root / "srv").mkdir()
    run("btrfs", "subvolume", "create", pc.root / "srv" / "data")
    tree = pc.root / "srv" / "data" / "work"
    tree.mkdir()
    (tree / "file").write_text("kept")
    layout = pc.layout(tree)
    layout.require_sound()
    assert layout.names == ("@/srv/data",)
    (snapshot,) = pc.create("0001", Moment.PRE, *layout.names)
    assert snapshot.path.endswith(b"/0001/pre-@%2Fsrv%2Fdata")
    assert Path(os.fsdecode(snapshot_path(layout, snapshot, os.fsencode(tree))), "file").read_text() == "kept"


def test_a_subvolume_mounted_only_in_part_is_refused(pc: LoopPc) -> None:
    """S1, faults row 37: a bind mount of one directory."""
    (pc.home / "sam").mkdir()
    (pc.root / "mnt").mkdir()
    run("mount", "--bind", pc.home / "sam", pc.root / "mnt")
    run("umount", pc.home)
    layout = pc.layout(pc.root / "mnt")
    with pytest.raises(CheckError, match="subvolume @home is mounted only in part"):
        layout.require_sound()


def test_every_problem_of_every_tree_is_told_at_once(pc: LoopPc) -> None:
    """J3, S1, faults row 37."""
    (pc.root / "link").symlink_to(pc.home)
    (pc.root / "ram").mkdir()
    run("mount", "-t", "tmpfs", "none", pc.root / "ram")
    pc.place.mkdir()
    layout = pc.layout(pc.root / "link", pc.root / "ram", pc.root / "missing", pc.home)
    blocking = [problem for problem in layout.problems if problem.blocking]
    assert [any(word in problem.message for problem in blocking) for word in ("symlink", "tmpfs", "no directory")]
    assert len(blocking) == 4
    assert all(problem.hint for problem in blocking)
    assert [tree.tree for tree in layout.trees] == [os.fsencode(pc.home)]
    with pytest.raises(CheckError, match="plain directory"):
        layout.require_sound()


def test_subvolumes_mounted_by_number_are_told(pc: LoopPc, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faults row 37: subvolid= in fstab."""
    fstab = pc.directory / "fstab"
    fstab.write_text(f"LABEL=1 {pc.home} btrfs subvolid=257 0 0\nLABEL=1 {pc.root} btrfs subvol=@ 0 0\n")
    genuine = reading._read
    monkeypatch.setattr(reading, "_read", lambda path: genuine(str(fstab) if path == "/etc/fstab" else path))
    (problem,) = pc.layout().problems
    assert not problem.blocking
    assert f"mounts {pc.home} by subvolid=" in problem.message
    assert "subvol=/@home" in problem.hint


def test_a_home_on_another_filesystem_than_fstab_says_stops_the_run(
    pc: LoopPc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F6, faults row 28: the wrong filesystem where the home should be."""
    fstab = pc.directory / "fstab"
    fstab.write_text(f"UUID=00000000-1111-2222-3333-444444444444 {pc.home} btrfs subvol=@home 0 0\n")
    genuine = reading._read
    monkeypatch.setattr(reading, "_read", lambda path: genuine(str(fstab) if path == "/etc/fstab" else path))
    with pytest.raises(CheckError, match="another filesystem than /etc/fstab says"):
        pc.layout().require_sound()
    fstab.write_text(f"UUID={filesystem_identity(os.fsencode(pc.home))} {pc.home} btrfs subvol=@home 0 0\n")
    pc.layout().require_sound()


def test_the_place_for_snapshots_is_made_where_missing_and_said_so(pc: LoopPc) -> None:
    """S3, faults row 6."""
    context = RecordingContext()
    place = pc.folder.prepare(context)
    assert place.kind is PlaceKind.SUBVOLUME
    assert inspect_subvolume(place.path).subvolume_id == place.subvolume_id
    assert [level for level, message in context.lines if "created the subvolume" in message] == [Level.INFO]
    own = os.stat(pc.folder.own)
    assert (stat.S_IMODE(own.st_mode), own.st_uid) == (0o700, 0)
    again = RecordingContext()
    assert pc.folder.prepare(again) == place
    assert again.lines == []
    pc.layout().require_sound()
    assert pc.layout().uncovered == ()


def test_a_directory_that_was_opened_to_others_is_closed_again(pc: LoopPc) -> None:
    """S2: nobody reads other people's files through a snapshot."""
    pc.folder.prepare(RecordingContext())
    os.chmod(pc.folder.own, 0o755)
    pc.folder.prepare(RecordingContext())
    assert stat.S_IMODE(os.stat(pc.folder.own).st_mode) == 0o700


@pytest.mark.parametrize("obstacle", ["directory", "file", "symlink", "tmpfs"])
def test_anything_else_in_its_place_is_refused(pc: LoopPc, obstacle: str) -> None:
    """S3."""
    if obstacle in {"directory", "tmpfs"}:
        pc.place.mkdir()
    if obstacle == "tmpfs":
        run("mount", "-t", "tmpfs", "none", pc.place)
    if obstacle == "file":
        pc.place.touch()
    if obstacle == "symlink":
        pc.place.symlink_to(pc.home)
    before = sorted(os.listdir(pc.home))
    with pytest.raises(SnapshotError) as caught:
        pc.folder.prepare(RecordingContext())
    assert caught.value.hint
    assert sorted(os.listdir(pc.home)) == before
    with pytest.raises(SnapshotError):
        pc.create("0001", Moment.PRE)


@pytest.mark.parametrize("which", ["place", "own"])
def test_a_place_that_others_can_change_is_refused(pc: LoopPc, which: str) -> None:
    """Faults row 18: someone else could put a symlink there."""
    pc.create("0001", Moment.PRE)
    path = {"place": pc.folder.path, "own": pc.folder.own}[which]
    os.chown(path, 65534, -1)
    with pytest.raises(SnapshotError, match="only root can change"):
        pc.create("0002", Moment.PRE)
    with pytest.raises(SnapshotError, match="only root can change"):
        pc.folder.delete_snapshots(RecordingContext(), "0001", None)
    os.chown(path, 0, -1)
    assert len(pc.ours()) == 2


def test_snapshots_are_read_only_complete_and_named(pc: LoopPc) -> None:
    """S2, S7, faults row 20: what changes later is not in them."""
    (pc.home / "note").write_text("before")
    (pc.root / "root" / "key").write_text("root's own")
    layout = pc.layout()
    made = pc.create("0007", Moment.PRE)
    (pc.home / "note").write_text("after")
    assert [os.path.relpath(item.path, pc.folder.path) for item in made] == [
        b"pc-switcher/0007/pre-@home",
        b"pc-switcher/0007/pre-@",
    ]
    home = Path(os.fsdecode(snapshot_path(layout, made[0], os.fsencode(pc.home))))
    root = Path(os.fsdecode(snapshot_path(layout, made[1], os.fsencode(pc.root / "root"))))
    assert (home / "note").read_text() == "before"
    assert (root / "key").read_text() == "root's own"
    with pytest.raises(OSError, match="Read-only file system"):
        (home / "note").write_text("evil")
    for item, subvolume in zip(made, layout.subvolumes, strict=True):
        shown = run("btrfs", "subvolume", "show", item.path)
        assert item.read_only
        assert "Flags: \t\t\treadonly\n" in shown
        assert f"\tUUID: \t\t\t{item.uuid}\n" in shown
        assert item.source_uuid == subvolume.uuid
        assert item.created.utcoffset() is not None
    assert pc.ours() == tuple(sorted(made, key=lambda item: item.subvolume))


def test_nobody_but_root_can_read_in_them(pc: LoopPc) -> None:
    """S2: what a person may not read in the live tree they may not read here."""
    (made, _) = pc.create("0007", Moment.PRE)
    os.chmod(pc.place, 0o755)  # as other tools that use the place leave it
    code = "import os, sys; os.chdir(sys.argv[1]); os.setuid(65534); print(os.listdir()); os.listdir('pc-switcher')"
    done = subprocess.run(["python3", "-c", code, pc.place], capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == "['pc-switcher']\n"
    assert "PermissionError" in done.stderr
    assert os.path.exists(made.path)


def test_what_agents_are_asked_crosses_the_wire(pc: LoopPc, monkeypatch: pytest.MonkeyPatch) -> None:
    """S2: every exposed function, with arguments and results as they travel."""
    monkeypatch.setattr(snapshots, "SNAPSHOTS", os.fsencode(pc.place))
    context = RecordingContext()
    trees = (os.fsencode(pc.home), os.fsencode(pc.root / "root"))
    layout = travel(context, snapshots.read_layout, trees)
    assert layout == pc.layout()
    assert travel(context, snapshots.prepare_snapshots).kind is PlaceKind.SUBVOLUME
    made = travel(context, snapshots.create_snapshots, "0007", Moment.PRE, layout.names)
    assert set(travel(context, snapshots.list_snapshots)) == set(made)
    assert travel(context, read_rooms, trees)[0].is_btrfs
    assert set(travel(context, snapshots.delete_snapshots, "0007", None)) == set(made)
    assert travel(context, snapshots.list_snapshots) == ()


def test_repeating_after_a_lost_answer_is_harmless(pc: LoopPc) -> None:
    """Faults row 6."""
    made = pc.create("0007", Moment.PRE)
    assert pc.create("0007", Moment.PRE) == made
    delete_subvolume(made[1].path)  # killed half-way
    again = pc.create("0007", Moment.PRE)
    assert again[0] == made[0]
    assert len(pc.ours()) == 2
    post = pc.create("0007", Moment.POST)
    assert [(item.moment, item.subvolume) for item in pc.ours()] == [
        (Moment.PRE, "@"),
        (Moment.PRE, "@home"),
        (Moment.POST, "@"),
        (Moment.POST, "@home"),
    ]
    assert {item.uuid for item in post}.isdisjoint(item.uuid for item in again)


def test_when_one_fails_none_is_left(pc: LoopPc) -> None:
    """S4: all or nothing."""
    pc.create("0007", Moment.POST, "@home")
    in_the_way = Path(os.fsdecode(pc.folder.own), "0007", "pre-@")
    in_the_way.mkdir()
    with pytest.raises(SnapshotError, match=r"pre-@ is not a subvolume"):
        pc.create("0007", Moment.PRE)
    assert [item.moment for item in pc.ours()] == [Moment.POST]
    assert sorted(os.listdir(in_the_way.parent)) == ["post-@home", "pre-@"]


def test_a_snapshot_that_btrfs_refuses_says_why_and_how_much_space_there_is(pc: LoopPc) -> None:
    """S4, faults row 37: active swap in `@`; nothing is left, the layout names the file."""
    swap = pc.root / "swap file"
    run("truncate", "-s", "0", swap)
    run("chattr", "+C", swap)
    run("fallocate", "-l", "1M", swap)
    os.chmod(swap, 0o600)
    run("mkswap", swap)
    run("swapon", "--priority", "0", swap)
    try:
        (problem,) = pc.layout().problems
        with pytest.raises(SnapshotError, match=r"Text file busy \(.* free, .* unallocated\)"):
            pc.create("0007", Moment.PRE)
    finally:
        run("swapoff", swap)
    assert problem.blocking
    assert f"{pc.root}/swap file is in use inside subvolume @" in problem.message
    assert pc.ours() == ()
    assert os.listdir(pc.folder.own) == []
    assert pc.layout().problems == ()


@pytest.mark.parametrize("label", ["0007", "0008"])
def test_a_filesystem_that_turned_read_only_stops_it_with_the_reason(pc: LoopPc, label: str) -> None:
    """S4, faults row 8: no sync without a snapshot. btrfs turns read-only by itself after an error."""
    made = pc.create("0007", Moment.POST)
    run("mount", "-o", "remount,ro", pc.root)
    with pytest.raises(SnapshotError, match=r"Read-only file system \(.* free"):
        pc.create(label, Moment.PRE)
    with pytest.raises(SnapshotError, match="Read-only file system"):
        pc.folder.delete_snapshots(RecordingContext(), "0007", None)
    assert set(pc.ours()) == set(made)


def test_snapshots_beside_ext4_need_a_place_on_btrfs(pc: LoopPc) -> None:
    """Faults row 37: `/.snapshots` would be on another filesystem than the trees."""
    (pc.root / "ram").mkdir()
    run("mount", "-t", "tmpfs", "none", pc.root / "ram")
    layout = read_machine_layout(os.fsencode(pc.root / "ram" / ".snapshots"), [os.fsencode(pc.home)])
    assert layout.snapshots.kind is PlaceKind.MISSING
    assert layout.top_level is None
    assert len(layout.problems) == 2
    assert all(problem.blocking and problem.hint for problem in layout.problems)
    with pytest.raises(CheckError, match="would be on tmpfs, not on btrfs"):
        layout.require_sound()


def test_a_cancelled_call_leaves_nothing(pc: LoopPc) -> None:
    """I1."""
    with pytest.raises(CancelledCallError):
        pc.folder.create_snapshots(RecordingContext(checks=1), "0007", Moment.PRE, ("@home", "@"))
    assert os.listdir(pc.folder.own) == []


def test_an_unknown_subvolume_stops_before_the_first_snapshot(pc: LoopPc) -> None:
    """S1."""
    with pytest.raises(CheckError, match="there is no subvolume @data"):
        pc.create("0007", Moment.PRE, "@home", "@data")
    assert os.listdir(pc.folder.own) == []


def test_a_subvolume_exchanged_while_it_is_looked_for_is_refused(pc: LoopPc) -> None:
    """S1, faults row 36: what is seen at a path must be what the filesystem lists under that name."""
    place = pc.folder.prepare(RecordingContext())
    listed = all_subvolumes(place.path)
    stale = tuple(attrs.evolve(item, subvolume_id=item.subvolume_id + 1000) for item in listed)
    assert reading.find_subvolume(reading.read_mounts(), place, "@home", listed).root == os.fsencode(pc.home)
    with pytest.raises(CheckError, match="@home"):
        reading.find_subvolume(reading.read_mounts(), place, "@home", stale)


def test_a_subvolume_exchanged_while_it_is_snapshotted_leaves_nothing(
    pc: LoopPc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S1, faults row 36."""
    pc.folder.prepare(RecordingContext())
    genuine = subvolumes._run_btrfs

    def exchange(arguments: list[str | bytes], purpose: str, place: bytes) -> None:
        other = os.fsencode(pc.root)
        genuine([other if part == os.fsencode(pc.home) else part for part in arguments], purpose, place)

    monkeypatch.setattr(subvolumes, "_run_btrfs", exchange)
    with pytest.raises(SnapshotError, match="became another subvolume"):
        pc.create("0007", Moment.PRE, "@home")
    assert os.listdir(pc.folder.own) == []


def test_a_snapshot_written_to_later_is_recognised(pc: LoopPc) -> None:
    """Faults row 36: known by id and generation, not by path; being snapshotted itself does not count."""
    (made,) = pc.create("0007", Moment.PRE, "@home")
    run("btrfs", "subvolume", "snapshot", made.path, pc.home / "stage")
    run("btrfs", "filesystem", "sync", pc.home)
    assert pc.ours() == (made,)
    run("btrfs", "property", "set", made.path, "ro", "false")
    Path(os.fsdecode(made.path), "evil").touch()
    assert not pc.ours()[0].read_only
    run("btrfs", "property", "set", made.path, "ro", "true")
    run("btrfs", "filesystem", "sync", pc.home)
    (now,) = pc.ours()
    assert now.read_only
    assert now.uuid == made.uuid
    assert now.generation > made.generation
    delete_subvolume(made.path)
    (other,) = pc.create("0007", Moment.PRE, "@home")
    assert other.path == made.path
    assert other.uuid != made.uuid


def test_another_subvolumes_snapshot_is_not_taken_for_ours(pc: LoopPc) -> None:
    """Faults row 36."""
    (made,) = pc.create("0007", Moment.PRE, "@home")
    delete_subvolume(made.path)
    run("btrfs", "subvolume", "snapshot", "-r", pc.root, made.path)
    with pytest.raises(SnapshotError, match="not a read-only snapshot of @home"):
        pc.create("0007", Moment.PRE, "@home")
    assert pc.ours()[0].source_uuid != made.source_uuid


def test_deleting_takes_the_moment_or_the_run_and_can_be_repeated(pc: LoopPc) -> None:
    """S5, faults row 6."""
    pre, post = pc.create("0007", Moment.PRE), pc.create("0007", Moment.POST)
    other = pc.create("0008", Moment.PRE)
    context = RecordingContext()
    assert set(pc.folder.delete_snapshots(context, "0007", Moment.PRE)) == set(pre)
    assert set(pc.ours()) == set(post) | set(other)
    assert set(pc.folder.delete_snapshots(context, "0007", None)) == set(post)
    assert pc.folder.delete_snapshots(context, "0007", None) == ()
    assert os.listdir(pc.folder.own) == [b"0008"]
    assert set(pc.ours()) == set(other)


@pytest.mark.parametrize("label", ["../x", "..", ".", "", "/", "0007/../0008", "a\0b"])
def test_a_hostile_run_label_touches_nothing(pc: LoopPc, label: str) -> None:
    """Faults row 22."""
    made = pc.create("0008", Moment.PRE)
    run("btrfs", "subvolume", "snapshot", "-r", pc.home, pc.place / "x")
    with pytest.raises(SnapshotError):
        pc.folder.delete_snapshots(RecordingContext(), label, None)
    with pytest.raises(SnapshotError):
        pc.create(label, Moment.PRE)
    assert set(pc.ours()) == set(made)
    assert (pc.place / "x").is_dir()


def test_only_read_only_snapshots_of_ours_are_deleted(pc: LoopPc) -> None:
    """S5, promise 1: strangers among them stay, a writable one stops it before the first deletion."""
    pc.create("0007", Moment.PRE)
    directory = Path(os.fsdecode(pc.folder.own), "0007")
    run("btrfs", "subvolume", "snapshot", pc.home, directory / "post-@home")
    with pytest.raises(SnapshotError, match="nothing was deleted"):
        pc.folder.delete_snapshots(RecordingContext(), "0007", None)
    assert len(os.listdir(directory)) == 3
    run("btrfs", "subvolume", "delete", directory / "post-@home")
    (directory / "notes").write_text("a person's")
    (directory / "post-@").symlink_to(pc.home)
    run("btrfs", "subvolume", "snapshot", "-r", pc.home, directory / "mine")
    context = RecordingContext()
    assert len(pc.folder.delete_snapshots(context, "0007", None)) == 2
    assert sorted(os.listdir(directory)) == ["mine", "notes", "post-@"]
    assert len([level for level, _ in context.lines if level is Level.WARNING]) == 3


def test_a_symlink_in_the_place_of_a_run_is_not_followed(pc: LoopPc) -> None:
    """F6, faults row 17."""
    pc.create("0007", Moment.PRE)
    os.symlink("0007", os.path.join(pc.folder.own, b"0008"))
    with pytest.raises(SnapshotError):
        pc.folder.delete_snapshots(RecordingContext(), "0008", None)
    with pytest.raises(SnapshotError):
        pc.create("0008", Moment.POST)
    os.unlink(os.path.join(pc.folder.own, b"0008"))
    assert len(pc.ours()) == 2


def test_room_is_told_in_bytes(pc: LoopPc) -> None:
    """S4, S8."""
    space = read_space(os.fsencode(pc.home))
    assert space.is_btrfs
    assert 0 < space.unallocated < 256 * 1024 * 1024
    assert 0 < space.free < space.total == 256 * 1024 * 1024
    shown = run("btrfs", "filesystem", "usage", "--raw", pc.home)
    assert f"Device unallocated:\t\t{space.unallocated:>20}".split() == [
        word for line in shown.splitlines() if "Device unallocated" in line for word in line.split()
    ]
    (pc.root / "ram").mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=1m", "none", pc.root / "ram")
    other = read_space(os.fsencode(pc.root / "ram"))
    assert (other.is_btrfs, other.total, other.unallocated) == (False, 1024 * 1024, 0)


def test_without_btrfs_progs_the_error_names_the_package(pc: LoopPc, monkeypatch: pytest.MonkeyPatch) -> None:
    """J3."""
    monkeypatch.setattr(subvolumes, "_ENVIRONMENT", {"PATH": "/nonexistent"})
    with pytest.raises(SnapshotError) as caught:
        pc.folder.prepare(RecordingContext())
    assert "btrfs-progs" in caught.value.hint


def test_what_is_not_btrfs_is_refused_by_name(pc: LoopPc) -> None:
    """Faults row 37."""
    (pc.root / "ram").mkdir()
    run("mount", "-t", "tmpfs", "none", pc.root / "ram")
    with pytest.raises(SnapshotError, match="does not answer as btrfs does"):
        all_subvolumes(os.fsencode(pc.root / "ram"))
    with pytest.raises(SnapshotError, match="cannot open"):
        all_subvolumes(os.fsencode(pc.root / "missing"))
    with pytest.raises(SnapshotError, match="not the root of a subvolume"):
        subvolumes.create_snapshot(os.fsencode(pc.root / "root"), os.fsencode(pc.root / "copy"))
    with pytest.raises(SnapshotError, match="exists already"):
        subvolumes.create_snapshot(os.fsencode(pc.root), os.fsencode(pc.home))
