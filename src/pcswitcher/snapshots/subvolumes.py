"""The one place that runs ``btrfs`` (btrfs-subvolume(8)): create, snapshot, delete, list, inspect."""

from __future__ import annotations

import errno
import os
import stat
import subprocess

import attrs

from pcswitcher.machine.trace import command_here
from pcswitcher.model.errors import SnapshotError
from pcswitcher.model.text import escape, human_size, printable
from pcswitcher.snapshots.ioctls import (
    ListedSubvolume,
    SubvolumeInfo,
    filesystem_uuid,
    is_subvolume_root,
    list_subvolumes,
    machine_name,
    opened_directory,
    subvolume_info,
    unallocated_bytes,
)

# A snapshot first writes out what is dirty in memory, which takes its time on a slow disk.
_TIMEOUT = 300.0
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


@attrs.frozen(kw_only=True)
class Space:
    """Room on a filesystem, in bytes. ``unallocated`` is what btrfs has claimed for nothing yet; 0 elsewhere."""

    path: bytes
    total: int
    free: int
    unallocated: int = 0
    is_btrfs: bool = False

    @property
    def words(self) -> str:
        """The room as people read it."""
        text = f"{human_size(self.free)} of {human_size(self.total)} free"
        return f"{text}, {human_size(self.unallocated)} unallocated" if self.is_btrfs else text


def create_subvolume(path: bytes) -> None:
    """Make an empty subvolume at the absolute ``path``, where nothing is yet. Raises SnapshotError."""
    _refuse_existing(path)
    _run_btrfs(["subvolume", "create", path], f"create the subvolume {escape(path)}", os.path.dirname(path))


def create_snapshot(source: bytes, path: bytes) -> SubvolumeInfo:
    """Make a read-only snapshot at ``path`` of the subvolume whose root is ``source``, and tell what it is.

    Both are absolute. Raises SnapshotError, saying how much space there is; then nothing is left at ``path``.
    """
    # `btrfs subvolume snapshot` would put the snapshot *into* a directory that exists already.
    _refuse_existing(path)
    with opened_directory(source) as descriptor:
        expected = subvolume_info(descriptor)
        if not is_subvolume_root(descriptor):
            raise SnapshotError(f"{machine_name()}: {escape(source)} is not the root of a subvolume")
    _run_btrfs(["subvolume", "snapshot", "-r", source, path], f"snapshot {escape(source)}", source)
    made = inspect_subvolume(path)
    if made.source_uuid != expected.uuid or not made.read_only:
        delete_subvolume(path)
        raise SnapshotError(f"{machine_name()}: {escape(source)} became another subvolume while it was snapshotted")
    return made


def delete_subvolume(path: bytes) -> None:
    """Delete the subvolume at the absolute ``path``; the kernel frees its space later. Raises SnapshotError.

    Never waits for the freeing: ``btrfs subvolume sync`` hangs for as long as anything holds a file open there.
    """
    _run_btrfs(["subvolume", "delete", path], f"delete the subvolume {escape(path)}", os.path.dirname(path))


def make_private_directory(path: bytes) -> None:
    """Make a directory that only root can enter, unless there is something. Raises SnapshotError."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return
    except OSError as error:
        room = read_space(os.path.dirname(path)).words
        raise SnapshotError(f"{machine_name()}: cannot make {escape(path)}: {error.strerror} ({room})") from error


def close_to_others(path: bytes) -> None:
    """Take from everyone but its owner all access to the directory ``path``. Raises SnapshotError."""
    with opened_directory(path) as descriptor:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) == 0o700:
            return
        try:
            os.fchmod(descriptor, 0o700)
        except OSError as error:
            raise SnapshotError(f"{machine_name()}: cannot protect {escape(path)}: {error.strerror}") from error


def inspect_subvolume(path: bytes) -> SubvolumeInfo:
    """Tell what the subvolume whose root is at ``path`` is. Raises SnapshotError when there is none."""
    with opened_directory(path) as descriptor:
        if not is_subvolume_root(descriptor):
            raise SnapshotError(f"{machine_name()}: {escape(path)} is not a subvolume")
        return subvolume_info(descriptor)


def containing_subvolume(path: bytes) -> SubvolumeInfo:
    """Tell what the subvolume that the directory ``path`` lies in is. Raises SnapshotError when it is not btrfs."""
    with opened_directory(path) as descriptor:
        return subvolume_info(descriptor)


def all_subvolumes(path: bytes) -> tuple[ListedSubvolume, ...]:
    """All subvolumes of the btrfs that the directory ``path`` lies on. Raises SnapshotError."""
    with opened_directory(path) as descriptor:
        return list_subvolumes(descriptor)


def filesystem_identity(path: bytes) -> str:
    """The UUID of the btrfs that the directory ``path`` lies on. Raises SnapshotError when it is another one."""
    with opened_directory(path) as descriptor:
        return filesystem_uuid(descriptor)


def read_space(path: bytes) -> Space:
    """Tell how much room the filesystem of the directory ``path`` has (statvfs(3)). Raises SnapshotError."""
    with opened_directory(path) as descriptor:
        numbers = os.fstatvfs(descriptor)
        total, free = numbers.f_blocks * numbers.f_frsize, numbers.f_bavail * numbers.f_frsize
        try:
            unallocated = unallocated_bytes(descriptor)
        except SnapshotError as error:
            cause = error.__cause__
            if isinstance(cause, OSError) and cause.errno in {errno.ENOTTY, errno.EINVAL}:
                return Space(path=path, total=total, free=free)
            raise
        return Space(path=path, total=total, free=free, unallocated=unallocated, is_btrfs=True)


def _refuse_existing(path: bytes) -> None:
    if os.path.lexists(path):
        raise SnapshotError(f"{machine_name()}: {escape(path)} exists already")


def _run_btrfs(arguments: list[str | bytes], purpose: str, place: bytes) -> None:
    """Run ``btrfs`` with ``arguments``; ``purpose`` completes "cannot …", ``place`` is whose space matters."""
    name = machine_name()
    command = ["btrfs", *arguments]
    try:
        with command_here(command) as told:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TIMEOUT,
                env=_ENVIRONMENT,
                check=False,
            )
            told.hear(1, done.stdout)
            told.hear(2, done.stderr)
            told.ended(done.returncode)
    except FileNotFoundError as error:
        raise SnapshotError(f"{name}: the program btrfs is missing", "install the package btrfs-progs") from error
    except subprocess.TimeoutExpired as error:
        raise SnapshotError(f"{name}: cannot {purpose}: no answer within {_TIMEOUT:.0f} s") from error
    if done.returncode != 0:
        lines = printable(done.stderr.decode("utf-8", "backslashreplace")).strip().splitlines()
        reason = lines[-1] if lines else f"btrfs ended with status {done.returncode} and printed no reason"
        raise SnapshotError(f"{name}: cannot {purpose}: {reason} ({read_space(place).words})")
