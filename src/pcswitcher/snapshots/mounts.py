"""The mount table of a machine, read as data: which mount a path lies on, and what of it is mounted.

Pure functions over the texts of ``/proc/self/mountinfo`` (proc_pid_mountinfo(5)), ``/proc/swaps``
(proc_swaps(5)) and ``/etc/fstab`` (fstab(5)).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import attrs

from pcswitcher.model.errors import FormatError
from pcswitcher.model.text import escape

BTRFS = "btrfs"

_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")
_DEVICE = re.compile(rb"\d+:\d+")
_NUMBER = re.compile(rb"\d{1,20}")
# btrfs(5) prints `subvol=` last, after `subvolid=`; a subvolume's name may hold commas, so the rest belongs to it.
_SUBVOLUME_PATH = re.compile(rb"(?:^|,)subvol=(/.*)$", re.DOTALL)
_SUBVOLUME_ID = re.compile(rb"(?:^|,)subvolid=(\d{1,20})(?:,|$)")


@attrs.frozen(kw_only=True)
class Mount:
    """One line of the mount table."""

    mount_id: int
    parent_id: int
    device: str
    """``major:minor`` of the filesystem; the same for all mounts of one btrfs, whatever its subvolumes."""
    root: bytes
    """The path inside the filesystem that is mounted."""
    point: bytes
    """The absolute path where it is mounted."""
    filesystem: str
    source: bytes
    """What was mounted: for btrfs one of its devices."""
    subvolume_id: int | None = None
    """Of the btrfs subvolume that ``root`` lies in; None elsewhere."""
    subvolume_path: bytes | None = None
    """Path of that subvolume from the top level, with a leading slash; None when it was deleted, and elsewhere."""

    @property
    def is_whole_subvolume(self) -> bool:
        """Whether the mount shows a subvolume from its root, and not only a directory of it."""
        return self.subvolume_path is not None and self.subvolume_path == self.root


def parse_mountinfo(content: bytes) -> tuple[Mount, ...]:
    """Read the mount table of ``/proc/self/mountinfo``, in its order. Raises FormatError for a line it cannot be."""
    return tuple(_parse_mount(line) for line in content.split(b"\n") if line)


def covering_mount(mounts: Sequence[Mount], path: bytes) -> Mount:
    """Find the mount on which ``path`` (absolute, no symlinks, normal) lies.

    Walks from ``/`` as the kernel does: below the mount reached so far, whatever is mounted on each directory
    on the way hides what is under it, also when it was mounted over another mount. Raises FormatError when
    the table has no ``/``.
    """
    return _reach(_children(mounts), _root_mount(mounts), path)


def visible_mounts(mounts: Sequence[Mount]) -> tuple[Mount, ...]:
    """The mounts whose mount point shows them, and not another one mounted over it or over a directory above."""
    if not mounts:
        return ()
    children, root = _children(mounts), _root_mount(mounts)
    return tuple(mount for mount in mounts if _reach(children, root, mount.point) is mount)


def join(directory: bytes, name: bytes) -> bytes:
    """Put a relative path below an absolute one; an empty ``name`` is the directory itself."""
    if not name:
        return directory
    return directory.rstrip(b"/") + b"/" + name


def relative_to(path: bytes, directory: bytes) -> bytes | None:
    """What of ``path`` stands below ``directory``: empty for the directory itself, None when it is elsewhere."""
    if path == directory:
        return b""
    prefix = directory.rstrip(b"/") + b"/"
    return path[len(prefix) :] if path.startswith(prefix) else None


def parse_swap_files(content: bytes) -> tuple[bytes, ...]:
    """The files (not partitions) in use as swap, from ``/proc/swaps``."""
    rows = [line.split() for line in content.split(b"\n")[1:] if line.strip()]
    return tuple(_unescape(row[0]) for row in rows if len(row) >= 2 and row[1] == b"file")


@attrs.frozen(kw_only=True)
class FstabEntry:
    """One line of ``/etc/fstab`` (fstab(5))."""

    source: bytes
    point: bytes
    filesystem: bytes
    options: tuple[bytes, ...]

    @property
    def uuid(self) -> str:
        """The filesystem it names by ``UUID=``; empty when it names it otherwise."""
        kind, _, value = self.source.partition(b"=")
        return escape(value.strip(b'"')).lower() if kind == b"UUID" else ""


def parse_fstab(content: bytes) -> tuple[FstabEntry, ...]:
    """The mounts in ``/etc/fstab``; lines that are none are passed over, as mount(8) does."""
    found: list[FstabEntry] = []
    for line in content.split(b"\n"):
        fields = line.split()
        if len(fields) >= 4 and not fields[0].startswith(b"#") and fields[1].startswith(b"/"):
            options = tuple(fields[3].split(b","))
            found.append(
                FstabEntry(source=fields[0], point=_unescape(fields[1]), filesystem=fields[2], options=options)
            )
    return tuple(found)


def points_mounted_by_id(fstab: Sequence[FstabEntry]) -> tuple[bytes, ...]:
    """Mount points tied to a subvolume's number (``subvolid=``) and to no path (``subvol=``)."""
    found: list[bytes] = []
    for entry in fstab:
        keys = {option.partition(b"=")[0] for option in entry.options}
        if entry.filesystem == BTRFS.encode() and b"subvolid" in keys and b"subvol" not in keys:
            found.append(entry.point)
    return tuple(found)


def missing_mounts(fstab: Sequence[FstabEntry], mounts: Sequence[Mount], trees: Sequence[bytes]) -> tuple[bytes, ...]:
    """Mount points at or above a tree that should be mounted at every boot and are not."""
    mounted = {mount.point for mount in mounts}
    return tuple(
        entry.point
        for entry in fstab
        if b"noauto" not in entry.options
        and entry.point not in mounted
        and any(relative_to(tree, entry.point) is not None for tree in trees)
    )


def _parse_mount(line: bytes) -> Mount:
    """Read one line: id parent major:minor root point options [tags…] - type source options."""
    before, separator, after = line.partition(b" - ")
    fields = before.split(b" ")
    rest = after.split(b" ", 2)
    numbers = fields[:2]
    if not separator or len(fields) < 6 or len(rest) < 3 or not all(map(_NUMBER.fullmatch, numbers)):
        raise FormatError(f"not a line of a mount table: {escape(line)}")
    if not _DEVICE.fullmatch(fields[2]) or not fields[4].startswith(b"/"):
        raise FormatError(f"not a line of a mount table: {escape(line)}")
    filesystem, source, options = rest
    identity = _SUBVOLUME_ID.search(options) if filesystem == BTRFS.encode() else None
    path = _SUBVOLUME_PATH.search(options) if filesystem == BTRFS.encode() else None
    return Mount(
        mount_id=int(fields[0]),
        parent_id=int(fields[1]),
        device=fields[2].decode("ascii"),
        root=_unescape(fields[3]),
        point=_unescape(fields[4]),
        filesystem=escape(filesystem),
        source=_unescape(source),
        subvolume_id=int(identity[1]) if identity else None,
        subvolume_path=_unescape(path[1]) if path else None,
    )


def _children(mounts: Sequence[Mount]) -> dict[tuple[int, bytes], Mount]:
    return {(mount.parent_id, mount.point): mount for mount in mounts if mount.parent_id != mount.mount_id}


def _reach(children: Mapping[tuple[int, bytes], Mount], root: Mount, path: bytes) -> Mount:
    """Walk from the mount at ``/`` to the one on which ``path`` lies."""
    current = root
    seen = {root.mount_id}  # a table that was changed while it was read must not lead round in a circle
    for prefix in _prefixes(path):
        while (child := children.get((current.mount_id, prefix))) is not None and child.mount_id not in seen:
            current = child
            seen.add(child.mount_id)
    return current


def _root_mount(mounts: Sequence[Mount]) -> Mount:
    identities = {mount.mount_id for mount in mounts}
    for mount in mounts:
        if mount.point == b"/" and (mount.parent_id not in identities or mount.parent_id == mount.mount_id):
            return mount
    raise FormatError("the mount table has no mount at /")


def _prefixes(path: bytes) -> Iterator[bytes]:
    """``/``, ``/a``, ``/a/b`` for ``/a/b``."""
    yield b"/"
    position = path.find(b"/", 1)
    while position > 0:
        yield path[:position]
        position = path.find(b"/", position + 1)
    if path != b"/":
        yield path


def _unescape(field: bytes) -> bytes:
    r"""Undo the kernel's octal escapes (``\040`` space, ``\011`` tab, ``\012`` newline, ``\134`` backslash)."""
    return _OCTAL.sub(lambda match: bytes([int(match[1], 8)]), field)
