"""What we know of one name in a tree: its kind and every attribute that is state.

An entry also has a packed form: equal entries give equal bytes on every machine, so whole directories
can be compared without looking into them. Sizes of directories and link counts are no state.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import TypeAlias

import attrs

from pcswitcher.model.errors import FormatError

Xattrs: TypeAlias = "tuple[tuple[bytes, bytes], ...]"

# st_mode (type and permissions), length of the name, uid, gid, size (device number for devices),
# mtime in ns, inode flags, length of the tail.
HEAD = struct.Struct("<HHIIQqII")
_LENGTH = struct.Struct("<I")
_TYPE_SHIFT = 12
PERMISSIONS = 0o7777
CAPABILITY = b"security.capability"


class Kind(IntEnum):
    """Type of an inode: the upper bits of st_mode (inode(7))."""

    FIFO = 1
    CHARACTER_DEVICE = 2
    DIRECTORY = 4
    BLOCK_DEVICE = 6
    FILE = 8
    SYMLINK = 10
    SOCKET = 12

    @property
    def words(self) -> str:
        """The kind as people read it."""
        return self.name.lower().replace("_", " ")


_DEVICES = frozenset({Kind.CHARACTER_DEVICE, Kind.BLOCK_DEVICE})


@attrs.frozen
class Entry:
    """One name of a tree.

    ``path`` is relative to the tree root (b"" is the root itself); ``mode`` holds permission bits only;
    ``size`` is in bytes (0 for directories and devices); ``mtime_ns`` nanoseconds since the epoch;
    ``device`` the number of a device node; ``target`` that of a symlink; ``xattrs`` are sorted and hold
    ACLs in the kernel's own form (system.posix_acl_access, …_default); ``flags`` as in ``files.flags``.
    """

    path: bytes
    kind: Kind
    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    device: int = 0
    target: bytes = b""
    xattrs: Xattrs = ()
    flags: int = 0

    @property
    def privileged(self) -> bool:
        """Whether running this file gives rights: setuid, setgid or capabilities."""
        if self.kind is not Kind.FILE:
            return False
        return bool(self.mode & 0o6000) or any(name == CAPABILITY for name, _ in self.xattrs)


def pack_tail(target: bytes, xattrs: Xattrs) -> bytes:
    """Pack what most entries do not have; empty when there is neither a symlink target nor an xattr."""
    if not target and not xattrs:
        return b""
    parts = [target, *(part for pair in xattrs for part in pair)]
    return b"".join(_LENGTH.pack(len(part)) + part for part in parts)


def pack_record(name: bytes, entry: Entry) -> bytes:
    """The packed form of an entry under ``name``."""
    tail = pack_tail(entry.target, entry.xattrs)
    size = entry.device if entry.kind in _DEVICES else entry.size
    mode = entry.kind << _TYPE_SHIFT | entry.mode
    head = HEAD.pack(mode, len(name), entry.uid, entry.gid, size, entry.mtime_ns, entry.flags, len(tail))
    return head + name + tail


def split_records(packed: bytes, *, root: bool = False) -> Iterator[tuple[bytes, bytes]]:
    """Cut packed entries into (name, record), in their order; only a ``root`` block begins with the empty name.

    Raises FormatError for anything malformed.
    """
    position, end, previous = 0, len(packed), None
    while position < end:
        try:
            _, name_length, _, _, _, _, _, tail_length = HEAD.unpack_from(packed, position)
        except struct.error as error:
            raise FormatError("a record of a directory is cut short") from error
        start = position + HEAD.size
        stop = start + name_length + tail_length
        if stop > end:
            raise FormatError("a record of a directory is longer than the directory")
        name = packed[start : start + name_length]
        if previous is not None and name <= previous:
            raise FormatError("the names of a directory are not in order")
        check_name(name, root=root and previous is None)
        yield name, packed[position:stop]
        position, previous = stop, name


def check_name(name: bytes, *, root: bool = False) -> None:
    """Refuse what can be no name in a directory, so that no answer leads out of the tree. Raises FormatError."""
    if (not name and not root) or name in {b".", b".."} or b"/" in name or b"\0" in name:
        raise FormatError(f"{name!r} is not the name of a file")


def kind_of(record: bytes) -> int:
    """The kind of a packed entry, without unpacking it."""
    return record[1] >> 4  # the upper bits of st_mode, little-endian


def unpack_record(record: bytes, path: bytes) -> Entry:
    """Build the entry at ``path`` from one record of ``split_records``. Raises FormatError."""
    mode, name_length, uid, gid, size, mtime_ns, flags, _ = HEAD.unpack_from(record)
    try:
        kind = Kind(mode >> _TYPE_SHIFT)
    except ValueError as error:
        raise FormatError(f"unknown kind of file {mode >> _TYPE_SHIFT}") from error
    tail = record[HEAD.size + name_length :]
    target, xattrs = _unpack_tail(tail) if tail else (b"", ())
    device = size if kind in _DEVICES else 0
    return Entry(
        path, kind, mode & PERMISSIONS, uid, gid, 0 if device else size, mtime_ns, device, target, xattrs, flags
    )


def _unpack_tail(tail: bytes) -> tuple[bytes, Xattrs]:
    parts: list[bytes] = []
    position = 0
    while position < len(tail):
        try:
            (length,) = _LENGTH.unpack_from(tail, position)
        except struct.error as error:
            raise FormatError("the attributes of a file are cut short") from error
        position += _LENGTH.size
        if position + length > len(tail):
            raise FormatError("an attribute of a file is cut short")
        parts.append(tail[position : position + length])
        position += length
    if len(parts) % 2 == 0:
        raise FormatError("an attribute of a file has no value")
    return parts[0], tuple(zip(parts[1::2], parts[2::2], strict=True))


def join(directory: bytes, name: bytes) -> bytes:
    """The path of ``name`` in ``directory``, both relative to the tree root."""
    return directory + b"/" + name if directory and name else directory or name


def parent_of(path: bytes) -> bytes:
    """The directory a path is in; b"" for first-level paths."""
    return path.rpartition(b"/")[0]


def order_key(path: bytes) -> bytes:
    """Sorts paths as a walk meets them: a directory, all below it, then its next sibling."""
    return path.replace(b"/", b"\0")


def is_below(path: bytes, directory: bytes) -> bool:
    """Whether ``path`` is somewhere below ``directory`` (not the directory itself)."""
    return not directory or path.startswith(directory + b"/")
