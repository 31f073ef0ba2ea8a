"""Inode flags (chattr(1)): which ones are state, how they are read and set.

The numbers are those of FS_IOC_GETFLAGS (ioctl_iflags(2), linux/fs.h). statx(2) gives four of them
without opening the file, under the same numbers.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import errno
import fcntl
import os
from collections.abc import Generator
from enum import IntFlag

GET_FLAGS = 0x80086601  # FS_IOC_GETFLAGS on machines with 64-bit long
SET_FLAGS = 0x40086602  # FS_IOC_SETFLAGS
_NOT_KEPT = frozenset({errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})


class InodeFlag(IntFlag):
    """The flags we carry. Others belong to the filesystem (extents, index, encryption, verity)."""

    COMPRESS = 0x4
    SYNCHRONOUS = 0x8
    IMMUTABLE = 0x10
    APPEND_ONLY = 0x20
    NO_DUMP = 0x40
    NO_ACCESS_TIME = 0x80
    NO_COMPRESS = 0x400
    SYNCHRONOUS_DIRECTORY = 0x10000
    NO_COPY_ON_WRITE = 0x800000


NOCOW = int(InodeFlag.NO_COPY_ON_WRITE)
HOLDING = int(InodeFlag.IMMUTABLE | InodeFlag.APPEND_ONLY)
"""Flags that stop even root from changing, renaming or deleting a file."""

STATX_FLAGS = int(InodeFlag.COMPRESS | InodeFlag.IMMUTABLE | InodeFlag.APPEND_ONLY | InodeFlag.NO_DUMP)
"""What statx tells of every entry (STATX_ATTR_* have the numbers of the flags)."""

DIRECTORY_FLAGS = int(
    InodeFlag.COMPRESS
    | InodeFlag.SYNCHRONOUS
    | HOLDING
    | InodeFlag.NO_DUMP
    | InodeFlag.NO_ACCESS_TIME
    | InodeFlag.NO_COMPRESS
    | InodeFlag.SYNCHRONOUS_DIRECTORY
    | NOCOW
)
FILE_FLAGS = STATX_FLAGS | NOCOW
"""What is state of a regular file: the statx ones, and NOCOW where it can matter (see walk.py)."""

# f_type of statfs(2), from linux/magic.h.
BTRFS = 0x9123683E
_EXT = 0xEF53
_XFS = 0x58465342
_TMPFS = 0x01021994
_PLAIN = int(HOLDING | InodeFlag.NO_DUMP | InodeFlag.NO_ACCESS_TIME)
_SUPPORTED = {
    BTRFS: DIRECTORY_FLAGS,
    _EXT: _PLAIN | int(InodeFlag.SYNCHRONOUS | InodeFlag.SYNCHRONOUS_DIRECTORY),
    _XFS: _PLAIN | int(InodeFlag.SYNCHRONOUS),
    _TMPFS: _PLAIN,
}


def supported_flags(filesystem: int) -> int:
    """Flags a filesystem (f_type of statfs(2)) can hold and that mean something there; 0 for unknown ones."""
    return _SUPPORTED.get(filesystem, 0)


def filesystem_type(descriptor: int) -> int:
    """The f_type of the filesystem an open file is on (fstatfs(2)). Raises OSError."""
    buffer = ctypes.create_string_buffer(256)  # struct statfs is 120 bytes on 64-bit machines
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.fstatfs(descriptor, buffer) != 0:
        raise OSError(ctypes.get_errno(), "fstatfs")
    return int.from_bytes(buffer.raw[:8], "little")


def read_flags(descriptor: int) -> int:
    """The inode flags of an open regular file or directory; 0 where the filesystem has none. Raises OSError."""
    value = array.array("L", [0])
    try:
        fcntl.ioctl(descriptor, GET_FLAGS, value, True)  # noqa: FBT003 - the positional mutate flag of fcntl.ioctl
    except OSError as error:
        if error.errno in _NOT_KEPT:
            return 0
        raise
    return value[0] & 0xFFFFFFFF


def write_flags(descriptor: int, flags: int, mask: int) -> None:
    """Set the flags within ``mask`` to ``flags``, leaving all others as they are. Raises OSError."""
    before = read_flags(descriptor)
    after = (before & ~mask) | (flags & mask)
    if after != before:
        fcntl.ioctl(descriptor, SET_FLAGS, array.array("L", [after]))


def clear_holding(descriptor: int) -> int:
    """Clear the immutable and append-only flags of an open file; gives those that were set. Raises OSError."""
    held = read_flags(descriptor) & HOLDING
    if held:
        write_flags(descriptor, 0, HOLDING)
    return held


@contextlib.contextmanager
def unheld(descriptor: int) -> Generator[None, None, None]:
    """Let a directory be changed inside the block though it is immutable or append-only; it is so again after."""
    held = clear_holding(descriptor)
    try:
        yield
    finally:
        if held:
            write_flags(descriptor, held, held)


def open_for_flags(parent: int, name: bytes) -> int:
    """Open a regular file or directory below an open directory for its flags. Never follows. Raises OSError."""
    return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
