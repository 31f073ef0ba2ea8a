"""Disks of the PCs: images in a pool that lies in memory.

The pool is a btrfs of its own, so that a disk is copied in an instant (`cp --reflink`): baselines, resets and
power losses are such copies. Every PC's disk is made by its own mkfs, so file system and subvolume UUIDs
differ between PCs, as on real ones.
"""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import dataclass
from pathlib import Path

from pclab import namespace, programs
from pclab.errors import HostUnfitError, LabError
from pclab.names import LabNames

SUBVOLUMES = {"@": "", "@home": "home", "@snapshots": ".snapshots"}
MOUNT_OPTIONS = "noatime,discard=async"
# linux/loop.h: five u64 and four u32 stand before the name in struct loop_info64.
_LOOP_GET_STATUS64 = 0x4C05
_INFORMATION_LENGTH = 232
_NAME_OFFSET = 56
_NAME_LENGTH = 64
_POOL_LIMIT = 64 * 1024**3
_POOL_LEAST = 2 * 1024**3


@dataclass(frozen=True)
class LoopDevice:
    """A loop device and the file behind it."""

    device: str
    file: str


def file_name(information: bytes) -> str:
    """The file a loop device was made from, out of the kernel's struct loop_info64 (loop(4)).

    It is the name given when the device was made, cut to 63 bytes; ours have at most 48. The one in /sys is
    another when the file was deleted, or when its file system is no longer mounted where we look.
    """
    return os.fsdecode(information[_NAME_OFFSET : _NAME_OFFSET + _NAME_LENGTH].split(b"\0", 1)[0])


def loops_below(folder_or_file: Path) -> list[LoopDevice]:
    """Loop devices whose file is this one or lies below this folder. All others are somebody else's."""
    found: list[LoopDevice] = []
    for entry in sorted(Path("/sys/block").glob("loop*/loop")):
        device = f"/dev/{entry.parent.name}"
        try:
            with open(device, "rb", buffering=0) as file:
                name = file_name(fcntl.ioctl(file, _LOOP_GET_STATUS64, bytes(_INFORMATION_LENGTH)))
        except OSError:  # it went while we looked
            continue
        if Path(name).is_relative_to(folder_or_file):
            found.append(LoopDevice(device, name))
    return found


def attach(image: Path) -> str:
    """Make a loop device for an image that has none, and give back its name."""
    return programs.output(["losetup", "--find", "--show", "--direct-io=on", str(image)])


def detach(image: Path, *, seconds: float = 20) -> None:
    """Take the loop devices of an image away, and wait until they are gone.

    `losetup --detach` of a busy device only marks it, and an old device of a replaced image would live on.
    Raises LabError when a device is still in use after that time.
    """
    deadline = time.monotonic() + seconds
    asked: set[str] = set()
    while loops := loops_below(image):
        for loop in loops:
            if loop.device not in asked:
                programs.run(["losetup", "--detach", loop.device], check=False)
                asked.add(loop.device)
        if time.monotonic() > deadline:
            raise LabError(f"{loops[0].device} ({image}) is still in use after {seconds:g} s")
        time.sleep(0.02)


def clone(source: Path, target: Path) -> None:
    """Make target a copy of source as it is at this instant, at once or not at all."""
    unfinished = target.with_name(f".{target.name}.new")
    programs.run(["cp", "--reflink=always", str(source), str(unfinished)])
    os.replace(unfinished, target)


def is_mounted(folder: Path) -> bool:
    """Whether something is mounted exactly there, in our mount namespace."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        return any(line.split(" ")[4] == str(folder) for line in lines)


@dataclass(frozen=True)
class Pool:
    """The file system, in memory, that holds a lab's disks."""

    names: LabNames

    def create(self) -> None:
        """Make and mount it; fine if it is mounted. Raises HostUnfitError when there is no room."""
        if is_mounted(self.names.pool):
            return
        self.remove()
        image = self.names.pool_image
        room = os.statvfs(image.parent)
        free = room.f_bavail * room.f_frsize
        if free < _POOL_LEAST:
            raise HostUnfitError(
                f"{image.parent} has {free >> 20} MiB free, a lab needs {_POOL_LEAST >> 20}", "free some"
            )
        with open(image, "xb") as file:
            os.truncate(file.fileno(), min(free, _POOL_LIMIT))
        programs.run(["mkfs.btrfs", "--quiet", "--metadata", "single", "--data", "single", str(image)])
        self.names.pool.mkdir(parents=True, exist_ok=True)
        programs.run(["mount", "-o", "nodatacow,noatime,discard=async", attach(image), str(self.names.pool)])

    def remove(self) -> None:
        """Unmount it and give its memory back; fine if there is none. The PCs must be off."""
        namespace.drop_everywhere(self.names.pool)
        for loop in loops_below(self.names.pool):
            detach(Path(loop.file))
        while is_mounted(self.names.pool):
            programs.run(["umount", str(self.names.pool)])
        detach(self.names.pool_image)
        self.names.pool_image.unlink(missing_ok=True)


def make_file_system(image: Path, size: int) -> None:
    """Make an image of size bytes (sparse) with its own btrfs and the flat layout of subvolumes."""
    with open(image, "wb") as file:
        os.truncate(file.fileno(), size)
    programs.run(["mkfs.btrfs", "--quiet", str(image)])


def mount_tree(device: str, root: Path) -> None:
    """Mount a PC's subvolumes as the PC sees them: `@` at root, `@home` and `@snapshots` below."""
    for subvolume, place in SUBVOLUMES.items():
        programs.run(["mount", "-o", f"subvol={subvolume},{MOUNT_OPTIONS}", device, str(root / place)])


def file_system_uuid(device: str) -> str:
    """The UUID of the file system on a device."""
    return programs.output(["blkid", "-p", "-s", "UUID", "-o", "value", device])
