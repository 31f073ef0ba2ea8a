"""Manifests: everything about every path of a tree, for the independent compare.

A manifest has one JSON object per line: a header, one line per path, an end. Names are bytes; JSON carries them as
text in which a byte that is no UTF-8 is a lone surrogate (PEP 383). The standard library only: runs on a PC.
"""

from __future__ import annotations

import base64
import errno
import fcntl
import hashlib
import json
import os
import stat
import struct
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import IO

from pclab.errors import LabError

_FORMAT = 1
_BLOCK = 1 << 16
_GET_FLAGS = 0x80086601  # FS_IOC_GETFLAGS, linux/fs.h
# chattr's s u c S i a d A D C: what a person can set. The others tell how the file system stores the file.
_FLAGS = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x40 | 0x80 | 0x10000 | 0x00800000
_TYPES = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
}


@dataclass(frozen=True)
class Item:
    """Everything about one path. Sizes in bytes, time in ns; digest and flags empty where they do not apply."""

    path: str
    type: str
    mode: int
    owner: int
    group: int
    size: int
    time: int
    inode: str
    links: int
    room: int
    device: int = 0
    target: str = ""
    digest: str = ""
    flags: int = 0
    attributes: dict[str, str] = field(default_factory=dict)
    problem: str = ""


def scan(root: bytes) -> Iterator[Item]:
    """Every path at and below a folder, the folder itself as `.`; other mounted file systems are not entered."""
    yield _item(root, b".")
    yield from _below(root, b"", os.lstat(root).st_dev)


def _below(root: bytes, relative: bytes, device: int) -> Iterator[Item]:
    for name in sorted(os.listdir(os.path.join(root, relative))):
        inside = os.path.join(relative, name)
        item = _item(os.path.join(root, inside), inside)
        yield item
        if item.type == "folder" and not item.problem and os.lstat(os.path.join(root, inside)).st_dev == device:
            yield from _below(root, inside, device)


def _item(path: bytes, relative: bytes) -> Item:
    status = os.lstat(path)
    kind = _TYPES[stat.S_IFMT(status.st_mode)]
    attributes, target, digest, flags, problem = {}, "", "", 0, ""
    try:
        attributes = {
            name: base64.b64encode(os.getxattr(path, name, follow_symlinks=False)).decode()
            for name in sorted(os.listxattr(path, follow_symlinks=False))
        }
        if kind == "symlink":
            target = os.fsdecode(os.readlink(path))
        if kind in {"file", "folder"}:
            digest, flags = _read(path, kind == "file")
    except OSError as error:  # an answer is missing: said so, never taken for "nothing there"
        problem = f"{type(error).__name__}: {error.strerror}"
    return Item(
        path=os.fsdecode(relative),
        type=kind,
        mode=stat.S_IMODE(status.st_mode),
        owner=status.st_uid,
        group=status.st_gid,
        size=0 if kind == "folder" else status.st_size,  # of a folder: a matter of the file system
        time=status.st_mtime_ns,
        inode=f"{status.st_dev}:{status.st_ino}",
        links=1 if kind == "folder" else status.st_nlink,
        room=status.st_blocks * 512,
        device=status.st_rdev if "device" in kind else 0,
        target=target,
        digest=digest,
        flags=flags,
        attributes=attributes,
        problem=problem,
    )


def _read(path: bytes, has_content: bool) -> tuple[str, int]:  # noqa: FBT001 -- one caller, above
    """Digest of the content and inode flags."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        try:
            answer = fcntl.ioctl(descriptor, _GET_FLAGS, struct.pack("l", 0))
        except OSError as error:
            if error.errno not in {errno.ENOTTY, errno.EOPNOTSUPP}:
                raise
            answer = struct.pack("l", 0)
        flags: int = struct.unpack("l", answer)[0] & _FLAGS
        return (_digest(descriptor) if has_content else "", flags)
    finally:
        os.close(descriptor)


def _digest(descriptor: int) -> str:
    """SHA-256 over the blocks of 64 KiB that are not zero, each after its number: holes or zeros give the same."""
    digest = hashlib.sha256()
    place = 0
    while True:
        try:
            place = os.lseek(descriptor, place, os.SEEK_DATA) // _BLOCK * _BLOCK
        except OSError as error:
            if error.errno != errno.ENXIO:  # no more data behind this place (lseek(2))
                raise
            return digest.hexdigest()
        block = os.pread(descriptor, _BLOCK, place)
        if block.count(0) != len(block):
            digest.update(struct.pack("<Q", place // _BLOCK) + block)
        place += _BLOCK


def write_manifest(root: bytes, out: IO[str]) -> int:
    """Write the manifest of a folder, and give back how many paths could not be read whole."""
    out.write(json.dumps({"manifest": _FORMAT, "root": os.fsdecode(root), "machine": os.uname().nodename}) + "\n")
    count = problems = 0
    for item in scan(root):
        out.write(json.dumps(asdict(item)) + "\n")
        count += 1
        problems += bool(item.problem)
    out.write(json.dumps({"end": count}) + "\n")
    return problems


def read_manifest(lines: Iterable[str]) -> dict[str, Item]:
    """Items by path. Raises LabError when the end is missing or the counts do not fit."""
    items: dict[str, Item] = {}
    end: int | None = None
    for number, line in enumerate(lines):
        entry = json.loads(line)
        if number == 0:
            if entry.get("manifest") != _FORMAT:
                raise LabError("it does not begin with the header of a manifest")
        elif "end" in entry:
            end = entry["end"]
        else:
            items[entry["path"]] = Item(**entry)
    if end != len(items):
        raise LabError(f"it is cut off: {len(items)} paths, the end says {end}")
    return items
