"""What the kernel tells about btrfs, asked directly: numbers and bytes, no text to parse.

Structures and numbers are those of ``linux/btrfs.h`` (see also btrfs-ioctl(2)), for the architectures
whose ioctl numbers are built the common way (x86, ARM, RISC-V). All of it needs root.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import attrs

from pcswitcher.model.errors import SnapshotError
from pcswitcher.model.text import escape

TOP_LEVEL_ID = 5
"""Id of the subvolume that every btrfs begins with (BTRFS_FS_TREE_OBJECTID)."""

SUBVOLUME_INODE = 256
"""Inode number of the root directory of every subvolume (BTRFS_FIRST_FREE_OBJECTID)."""

_WRITE, _READ = 1, 2
_INFO = struct.Struct("=Q256s4Q16s16s16s4Q" + "QI4x" * 4 + "64x")
_FILESYSTEM = struct.Struct("=QQ16s992x")
_DEVICE = struct.Struct("=Q16sQQ3032x1024s")
_LOOKUP = struct.Struct("=QQ4080s")
_SEARCH_KEY = struct.Struct("=7Q4I4QQ")
_SEARCH_HEADER = struct.Struct("=QQQII")
_BACKREF = struct.Struct("=QQH")
_SPACES = struct.Struct("=QQ")
_SPACE = struct.Struct("=QQQ")
_QGROUP = struct.Struct("=5Q")
_SEARCH_BUFFER = 64 * 1024
_ROOT_TREE = 1
_QUOTA_TREE = 8
_QGROUP_INFO, _QGROUP_LIMIT = 242, 244
_LIMITS_REFERENCED, _LIMITS_EXCLUSIVE = 1, 2
_METADATA, _GLOBAL_RESERVE = 1 << 2, 1 << 49
_ROOT_BACKREF = 144
_LAST_ID = 2**64 - 256
_MAXIMUM = 2**64 - 1
_ROOT_READ_ONLY = 1


def _number(direction: int, number: int, size: int) -> int:
    return direction << 30 | size << 16 | 0x94 << 8 | number


_TREE_SEARCH_V2 = _number(_READ | _WRITE, 17, _SEARCH_KEY.size)
_INO_LOOKUP = _number(_READ | _WRITE, 18, _LOOKUP.size)
_SPACE_INFO = _number(_READ | _WRITE, 20, _SPACES.size)
_DEV_INFO = _number(_READ | _WRITE, 30, _DEVICE.size)
_FS_INFO = _number(_READ, 31, _FILESYSTEM.size)
_GET_SUBVOL_INFO = _number(_READ, 60, _INFO.size)


@attrs.frozen(kw_only=True)
class SubvolumeInfo:
    """What the kernel knows of the subvolume an open file lies in."""

    subvolume_id: int
    parent_id: int
    generation: int
    """Transaction that last touched the subvolume's tree."""
    content_generation: int
    """Transaction that last changed a file in it (``ctransid``)."""
    read_only: bool
    uuid: str
    source_uuid: str
    """UUID of the subvolume it is a snapshot of; empty when it is none."""
    created: datetime
    """UTC, by this machine's clock."""


@attrs.frozen(kw_only=True)
class ListedSubvolume:
    """One subvolume of a filesystem: its id, the one it lies in, and its path from the top level (no leading /)."""

    subvolume_id: int
    parent_id: int
    path: bytes


@contextmanager
def opened_directory(path: bytes) -> Generator[int, None, None]:
    """Open a directory, not following a symlink in its last component. Raises SnapshotError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise SnapshotError(f"{machine_name()}: cannot open {escape(path)}: {error.strerror}") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def subvolume_info(descriptor: int) -> SubvolumeInfo:
    """Tell which subvolume an open file or directory lies in (BTRFS_IOC_GET_SUBVOL_INFO, Linux ≥ 4.18).

    Raises SnapshotError, also when it is not on btrfs.
    """
    fields = _INFO.unpack(_ioctl(descriptor, _GET_SUBVOL_INFO, bytearray(_INFO.size)))
    identity, _, parent, _, generation, flags, own, source, _, changed, *_ = fields
    seconds, nanoseconds = fields[15], fields[16]
    return SubvolumeInfo(
        subvolume_id=identity,
        parent_id=parent,
        generation=generation,
        content_generation=changed,
        read_only=bool(flags & _ROOT_READ_ONLY),
        uuid=str(uuid.UUID(bytes=own)),
        source_uuid=str(uuid.UUID(bytes=source)) if any(source) else "",
        created=datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=nanoseconds // 1000),
    )


def is_subvolume_root(descriptor: int) -> bool:
    """Whether an open directory on btrfs is the root of its subvolume."""
    return os.fstat(descriptor).st_ino == SUBVOLUME_INODE


def filesystem_uuid(descriptor: int) -> str:
    """The UUID of the btrfs an open file lies on (BTRFS_IOC_FS_INFO). Raises SnapshotError."""
    return str(uuid.UUID(bytes=_filesystem(descriptor)[1]))


def unallocated_bytes(descriptor: int) -> int:
    """Bytes of all devices of the btrfs that neither data nor metadata has claimed yet (BTRFS_IOC_DEV_INFO)."""
    last_device = _filesystem(descriptor)[0]
    unclaimed = 0
    for device in range(1, last_device + 1):
        buffer = bytearray(_DEVICE.size)
        struct.pack_into("=Q", buffer, 0, device)
        try:
            fcntl.ioctl(descriptor, _DEV_INFO, buffer, True)  # noqa: FBT003 - fcntl.ioctl takes no keywords
        except OSError as error:
            if error.errno == errno.ENODEV:  # ids of removed devices leave gaps
                continue
            raise SnapshotError(f"{machine_name()}: btrfs tells nothing of its devices: {error.strerror}") from error
        _, _, claimed, total, _ = _DEVICE.unpack(buffer)
        unclaimed += total - claimed
    return unclaimed


def metadata_room(descriptor: int) -> tuple[int, int]:
    """Bytes claimed for metadata, and how many of them can still be written (BTRFS_IOC_SPACE_INFO).

    What btrfs keeps back of them for itself, the global reserve, counts as used. Raises SnapshotError.
    """
    _, slots = _SPACES.unpack(_ioctl(descriptor, _SPACE_INFO, bytearray(_SPACES.size)))
    buffer = bytearray(_SPACES.size + slots * _SPACE.size)
    _SPACES.pack_into(buffer, 0, slots, 0)
    _ioctl(descriptor, _SPACE_INFO, buffer)
    total = left = 0
    for flags, claimed, used in _SPACE.iter_unpack(buffer[_SPACES.size :]):
        if flags & _GLOBAL_RESERVE:
            left -= claimed - used
        elif flags & _METADATA:
            total += claimed
            left += claimed - used
    return total, max(left, 0)


def subvolume_quota(descriptor: int, subvolume: int) -> tuple[int, int] | None:
    """The least limit that quota sets to a subvolume of this btrfs, and what is left of it, in bytes.

    None when no quota is set. Raises SnapshotError.
    """
    limits = _quota_item(descriptor, _QGROUP_LIMIT, subvolume)
    usage = _quota_item(descriptor, _QGROUP_INFO, subvolume)
    if limits is None or usage is None:
        return None
    flags, referenced, exclusive, _, _ = limits
    found = [
        (limit, max(limit - used, 0))
        for flag, limit, used in ((_LIMITS_REFERENCED, referenced, usage[1]), (_LIMITS_EXCLUSIVE, exclusive, usage[3]))
        if flags & flag
    ]
    return min(found, key=lambda each: each[1], default=None)


def list_subvolumes(descriptor: int) -> tuple[ListedSubvolume, ...]:
    """All subvolumes of the btrfs an open file lies on, the top level first, by id. Raises SnapshotError.

    Deleted ones that are still being cleaned up have no name any more and are not among them.
    """
    references = {child: (parent, directory, name) for child, parent, directory, name in _references(descriptor)}
    paths: dict[int, bytes] = {TOP_LEVEL_ID: b""}
    found = [ListedSubvolume(subvolume_id=TOP_LEVEL_ID, parent_id=0, path=b"")]
    for child in sorted(references):
        # A subvolume can be moved into a younger one, so parents are not always listed before their children.
        waiting: list[int] = []
        current = child
        while current not in paths and current in references and current not in waiting:
            waiting.append(current)
            current = references[current][0]
        if current not in paths:
            continue
        for identity in reversed(waiting):
            parent, directory, name = references[identity]
            inside = _directory_path(descriptor, parent, directory) + name
            paths[identity] = paths[parent] + b"/" + inside if paths[parent] else inside
        found.append(ListedSubvolume(subvolume_id=child, parent_id=references[child][0], path=paths[child]))
    return tuple(found)


def machine_name() -> str:
    """The name of this machine, as people read it in messages."""
    return os.uname().nodename


def _quota_item(descriptor: int, kind: int, subvolume: int) -> tuple[int, ...] | None:
    """One item of the quota tree: what a subvolume uses, or its limits; None when there is none."""
    buffer = bytearray(_SEARCH_KEY.size + _SEARCH_BUFFER)
    key = (_QUOTA_TREE, 0, 0, subvolume, subvolume, 0, _MAXIMUM, kind, kind)
    _SEARCH_KEY.pack_into(buffer, 0, *key, 1, 0, 0, 0, 0, 0, _SEARCH_BUFFER)
    try:
        _ioctl(descriptor, _TREE_SEARCH_V2, buffer)
    except SnapshotError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.ENOENT:  # quota is not in use
            return None
        raise
    if _SEARCH_KEY.unpack_from(buffer)[9] == 0:
        return None
    return _QGROUP.unpack_from(buffer, _SEARCH_KEY.size + _SEARCH_HEADER.size)


def _references(descriptor: int) -> Iterator[tuple[int, int, int, bytes]]:
    """All (subvolume, parent, directory's inode in the parent, name), from the tree of roots."""
    first: tuple[int, int, int] = (0, 0, 0)
    while True:
        key = (_ROOT_TREE, first[0], _LAST_ID, first[2], _MAXIMUM, 0, _MAXIMUM, first[1], _ROOT_BACKREF)
        buffer = bytearray(_SEARCH_KEY.size + _SEARCH_BUFFER)
        _SEARCH_KEY.pack_into(buffer, 0, *key, 2**32 - 1, 0, 0, 0, 0, 0, _SEARCH_BUFFER)
        _ioctl(descriptor, _TREE_SEARCH_V2, buffer)
        count = _SEARCH_KEY.unpack_from(buffer)[9]
        if count == 0:
            return
        position = _SEARCH_KEY.size
        for _ in range(count):
            _, child, parent, kind, length = _SEARCH_HEADER.unpack_from(buffer, position)
            position += _SEARCH_HEADER.size
            if kind == _ROOT_BACKREF:
                directory, _, size = _BACKREF.unpack_from(buffer, position)
                start = position + _BACKREF.size
                yield child, parent, directory, bytes(buffer[start : start + size])
            position += length
            first = (child, kind, parent)
        first = (first[0], first[1] + 1, 0) if first[2] == _MAXIMUM else (first[0], first[1], first[2] + 1)


def _directory_path(descriptor: int, subvolume: int, inode: int) -> bytes:
    """The path of a directory inside a subvolume, ending with a slash; empty for its root (BTRFS_IOC_INO_LOOKUP)."""
    if inode == SUBVOLUME_INODE:
        return b""
    buffer = bytearray(_LOOKUP.pack(subvolume, inode, b""))
    path: bytes = _LOOKUP.unpack(_ioctl(descriptor, _INO_LOOKUP, buffer))[2]
    return path.partition(b"\0")[0]


def _filesystem(descriptor: int) -> tuple[int, bytes]:
    last_device, _, identity = _FILESYSTEM.unpack(_ioctl(descriptor, _FS_INFO, bytearray(_FILESYSTEM.size)))
    return last_device, identity


def _ioctl(descriptor: int, number: int, buffer: bytearray) -> bytearray:
    try:
        fcntl.ioctl(descriptor, number, buffer, True)  # noqa: FBT003 - fcntl.ioctl takes no keywords
    except OSError as error:
        if error.errno in {errno.ENOTTY, errno.EINVAL}:
            raise SnapshotError(f"{machine_name()}: the filesystem does not answer as btrfs does") from error
        raise SnapshotError(f"{machine_name()}: btrfs does not answer: {error.strerror}") from error
    return buffer
