"""Room on real filesystems, each filled until it fails in its own way. Needs root and loop devices, not the lab."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pcswitcher.model.settings import DiskSettings
from pcswitcher.run.disk import DiskWatch, check_start, name_cause
from pcswitcher.snapshots.room import Room, read_room

pytestmark = [pytest.mark.loop, pytest.mark.timeout(120)]

MEBIBYTE = 1024**2
Make = Callable[..., Path]


def run(*arguments: str | Path) -> None:
    subprocess.run([os.fspath(part) for part in arguments], check=True, capture_output=True, timeout=60)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make a filesystem of so many MiB in a file and mount it; it is taken away again."""
    if os.geteuid() != 0 or not shutil.which("mkfs.btrfs") or not Path("/dev/loop-control").exists():
        reason = "needs root, btrfs-progs and loop devices"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    point = tmp_path / "mounted"

    def made(size: int, *maker: str) -> Path:
        image = tmp_path / "image"
        with image.open("wb") as file:
            file.truncate(size * MEBIBYTE)
        run(*maker, image)
        point.mkdir()
        run("mount", "-o", "loop", image, point)
        return point

    yield made
    if point.is_mount():
        run("umount", point)


def fill(directory: Path, size: int, name: str = "file") -> int:
    """Make files of ``size`` bytes until it fails; the number of the error."""
    for number in range(10**6):
        try:
            with (directory / f"{name}{number}").open("wb", buffering=0) as file:
                # btrfs keeps small files in its metadata; what does not compress shows nothing but its size.
                file.write(os.urandom(size))
                if number % 4096 == 0:
                    os.fsync(file.fileno())
        except OSError as error:
            return error.errno or 0
    raise AssertionError("it never got full")


def room_at(point: Path) -> Room:
    os.sync()
    return read_room(os.fsencode(point))


def test_an_empty_btrfs_has_room_of_every_kind(make: Make) -> None:
    room = room_at(make(400, "mkfs.btrfs", "-q"))
    assert room.is_btrfs
    assert 300 * MEBIBYTE < room.free <= room.total == 400 * MEBIBYTE
    assert 0 < room.metadata_left <= room.metadata
    assert room.unallocated > 100 * MEBIBYTE
    assert room.quota is None
    assert not room.lacks_metadata
    assert not room.lacks_files


def test_a_btrfs_without_room_for_metadata_is_told_from_one_without_room_for_data(make: Make) -> None:
    """Faults row 9: df shows free bytes, and yet nothing can be created; the cause is named, with what mends it."""
    point = make(400, "mkfs.btrfs", "-q")
    assert fill(point, 8 * MEBIBYTE) == errno.ENOSPC
    for number in range(6):
        (point / f"file{number}").unlink()
    assert not room_at(point).lacks_metadata
    assert fill(point, 2000, "small") == errno.ENOSPC
    room = room_at(point)
    assert room.lacks_metadata, room
    (finding,) = [each for each in check_start("vega", [room], DiskSettings().preflight) if "metadata" in each.message]
    assert "btrfs balance" in finding.hint
    assert "metadata" in name_cause([room]).words


def test_a_btrfs_full_of_data_says_so(make: Make) -> None:
    """Faults rows 7 and 8."""
    point = make(400, "mkfs.btrfs", "-q")
    assert fill(point, 8 * MEBIBYTE) == errno.ENOSPC
    room = room_at(point)
    assert not room.lacks_metadata
    assert room.free < 10 * MEBIBYTE
    assert "of 400 MiB free" in name_cause([room]).words
    assert check_start("vega", [room], DiskSettings().preflight)
    assert DiskWatch("vega", DiskSettings()).look([room])[1] is not None


def test_a_subvolume_at_its_quota_is_told_though_the_disk_is_empty(make: Make) -> None:
    """Faults row 9."""
    point = make(400, "mkfs.btrfs", "-q")
    run("btrfs", "subvolume", "create", point / "@home")
    run("btrfs", "quota", "enable", point)
    assert room_at(point / "@home").quota is None
    run("btrfs", "qgroup", "limit", "50M", point / "@home")
    quota = room_at(point / "@home").quota
    assert quota is not None
    assert quota.limit == 50 * MEBIBYTE
    assert quota.left > 49 * MEBIBYTE
    assert fill(point / "@home", 4 * MEBIBYTE) == errno.EDQUOT
    room = room_at(point / "@home")
    assert room.quota is not None
    assert room.quota.left < 10 * MEBIBYTE
    assert room.free > 200 * MEBIBYTE
    (finding,) = check_start("vega", [room], DiskSettings().preflight)
    assert "its quota" in finding.message
    assert "its quota" in name_cause([room]).words


def test_a_filesystem_without_inodes_is_told_though_bytes_are_free(make: Make) -> None:
    """Faults row 9."""
    point = make(64, "mkfs.ext4", "-q", "-N", "256")
    assert not room_at(point).lacks_files
    assert fill(point, 1) == errno.ENOSPC
    room = room_at(point)
    assert room.lacks_files
    assert room.free > 20 * MEBIBYTE
    assert "has no inodes left" in name_cause([room]).words


def test_subvolumes_of_one_filesystem_are_known_as_one(make: Make) -> None:
    point = make(400, "mkfs.btrfs", "-q")
    run("btrfs", "subvolume", "create", point / "@home")
    assert room_at(point).filesystem == room_at(point / "@home").filesystem
