"""Writing one home: contents from a seed, and the primitives that give each item its owner, mode and times."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import stat
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

RECORD = b".pclab-home.json"
# Inode flags, linux/fs.h: what chattr calls i, a, C, d.
IMMUTABLE, APPEND_ONLY, NO_COPY_ON_WRITE, NO_DUMP = 0x10, 0x20, 0x00800000, 0x40
_GET_FLAGS, _SET_FLAGS = 0x80086601, 0x40086602
_EPOCH = 1_700_000_000
_TWO_YEARS = 63_000_000
_TEXT_POOL = 1 << 19
_NOISE_POOL = 1 << 20
_WORDS = (
    *("return", "value", "index", "buffer", "length", "window", "number", "element", "source", "target"),
    *("record", "change", "answer", "import", "class", "module", "total", "small", "large", "first"),
    *("second", "reader", "writer", "letter", "garden", "winter", "summer", "paper", "bridge"),
)


@dataclass(frozen=True)
class Owner:
    """Who owns what is written: user and group id."""

    user: int
    group: int


@dataclass(frozen=True)
class Skipped:
    """Something this file system or user cannot have, and why."""

    what: str
    why: str


class Content:
    """Bytes that look like text, or like compressed media; the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 -- the same for the same seed is what we want
        self._text = self._prose(_TEXT_POOL)
        self._noise = self.random.randbytes(_NOISE_POOL)

    def size(self, median: int) -> int:
        """A file size in bytes around a median, with the long tail that real trees have."""
        return max(1, min(int(self.random.lognormvariate(0.0, 1.0) * median), median * 40))

    def text(self, size: int) -> bytes:
        """About size bytes of words and lines; no two calls give the same."""
        first = b"# %016x\n" % self.random.getrandbits(64)
        return first + self._slice(self._text, size)

    def noise(self, size: int) -> bytes:
        """Size + 8 bytes that do not compress; no two calls give the same."""
        return self.random.randbytes(8) + self._slice(self._noise, size)

    def image(self, size: int) -> bytes:
        """Bytes of about that size with the frame of a JPEG: start and end marker."""
        return b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + self.noise(size) + b"\xff\xd9"

    def time(self) -> int:
        """A modification time in the two years after November 2023, in nanoseconds."""
        return (_EPOCH + self.random.randrange(_TWO_YEARS)) * 10**9 + self.random.randrange(10**9)

    def _slice(self, pool: bytes, size: int) -> bytes:
        start = self.random.randrange(len(pool))
        return (pool * ((start + size) // len(pool) + 1))[start : start + size]

    def _prose(self, size: int) -> bytes:
        lines: list[str] = []
        length = 0
        while length < size:
            indent = "    " * self.random.randrange(4)
            line = indent + " ".join(self.random.choices(_WORDS, k=self.random.randrange(1, 11))) + "\n"
            lines.append(line)
            length += len(line)
        return "".join(lines).encode()


@dataclass
class HomeWriter:
    """Writes items below one folder.

    Paths are bytes relative to it. Owner None leaves all to the user who runs this. Times and modes of folders,
    and flags, are set by `finish`, since writing into a folder would change or forbid them.
    """

    root: bytes
    content: Content
    owner: Owner | None
    counts: Counter[str] = field(default_factory=Counter)
    skipped: list[Skipped] = field(default_factory=list)
    _folders: dict[bytes, int] = field(default_factory=dict)
    _flags: list[tuple[bytes, int]] = field(default_factory=list)

    def path(self, relative: bytes) -> bytes:
        """The full path of an item."""
        return os.path.join(self.root, relative)

    def exists(self, relative: bytes) -> bool:
        """Whether something has that name; a dangling symlink counts."""
        return os.path.lexists(self.path(relative))

    def folder(self, relative: bytes, mode: int | None = None) -> None:
        """Make a folder and those above it; fine if it is there. `finish` gives it its mode (None: 0755)."""
        if relative not in self._folders:
            parent = os.path.dirname(relative)
            if parent:
                self.folder(parent)
            if not self.exists(relative):
                os.mkdir(self.path(relative), 0o755)
                self._own(relative)
                self.counts["folders"] += 1
            self._folders[relative] = 0o755
        if mode is not None:
            self._folders[relative] = mode

    def file(self, relative: bytes, data: bytes, mode: int = 0o644, *, time: int | None = None) -> None:
        """Write a new file with its folder, given its modification time in ns (None: some time).

        Raises FileExistsError: what somebody else wrote is never touched.
        """
        parent = os.path.dirname(relative)
        if parent and parent not in self._folders:
            self.folder(parent)
        descriptor = os.open(self.path(relative), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, data)
            if self.owner:
                os.fchown(descriptor, self.owner.user, self.owner.group)
            os.fchmod(descriptor, mode)
            moment = self.content.time() if time is None else time
            os.utime(descriptor, ns=(moment, moment))
        finally:
            os.close(descriptor)
        self.counts["files"] += 1

    def symlink(self, relative: bytes, target: bytes) -> None:
        """Make a symlink with its folder."""
        self._before(relative)
        os.symlink(target, self.path(relative))
        self._after(relative, "symlinks")

    def hard_link(self, relative: bytes, existing: bytes) -> None:
        """Give a file a second name."""
        self._before(relative)
        os.link(self.path(existing), self.path(relative), follow_symlinks=False)
        self.counts["hard links"] += 1

    def node(self, relative: bytes, kind: int, device: int = 0) -> None:
        """Make a special file: kind is one of stat.S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK; see mknod(2)."""
        self._before(relative)
        os.mknod(self.path(relative), kind | 0o640, device)
        self._after(relative, "special files")

    def attribute(self, relative: bytes, name: str, value: bytes) -> None:
        """Set an extended attribute, of the item itself; noted as skipped where that cannot be."""
        path = self.path(relative)
        with self.attempt(f"attribute {name}"):
            os.setxattr(path, name, value, follow_symlinks=False)
            self.counts["attributes"] += 1

    def flag(self, relative: bytes, flags: int) -> None:
        """Let `finish` set inode flags (chattr(1)) on a file or folder."""
        self._flags.append((relative, flags))

    def flag_now(self, relative: bytes, flags: int) -> None:
        """Set inode flags on a file or folder at once, for what is made in it to inherit them."""
        with self.attempt(f"inode flag {flags:#x}"):
            change_flags(self.path(relative), add=flags)
            self.counts["flags"] += 1

    def adopt(self, relative: bytes) -> None:
        """Give what another program wrote our owner and times, in the order of names."""
        self._folders.setdefault(relative, 0o755)
        for item, is_folder in tree_below(self.path(relative)):
            inside = os.path.relpath(item, self.root)
            self._own(inside)
            if is_folder:
                self._folders[inside] = stat.S_IMODE(os.lstat(item).st_mode)
                self.counts["folders"] += 1
            else:
                self._touch(inside)
                self.counts["files"] += 1

    def attempt(self, what: str) -> _Attempt:
        """A with block in which "not permitted" and "not supported" are noted under that name, and no error."""
        return _Attempt(self, what)

    def finish(self) -> None:
        """Set times and modes of the folders, deepest first, and then the flags."""
        for relative, mode in sorted(self._folders.items(), key=_deepest_first):
            self._touch(relative)
            os.chmod(self.path(relative), mode)
        for relative, flags in self._flags:
            self.flag_now(relative, flags)

    def _before(self, relative: bytes) -> None:
        parent = os.path.dirname(relative)
        if parent:
            self.folder(parent)

    def _after(self, relative: bytes, kind: str) -> None:
        self._own(relative)
        self._touch(relative)
        self.counts[kind] += 1

    def _own(self, relative: bytes) -> None:
        if self.owner:
            os.lchown(self.path(relative), self.owner.user, self.owner.group)

    def _touch(self, relative: bytes) -> None:
        moment = self.content.time()
        os.utime(self.path(relative), ns=(moment, moment), follow_symlinks=False)


class _Attempt:
    """Turns a refusal by the system into a note."""

    def __init__(self, writer: HomeWriter, what: str) -> None:
        self._writer = writer
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        refusals = {errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL}
        if not isinstance(error, OSError) or error.errno not in refusals:
            return False
        note = Skipped(self._what, os.strerror(error.errno or 0))
        if note not in self._writer.skipped:
            self._writer.skipped.append(note)
        return True


def change_flags(path: bytes, *, add: int = 0, remove: int = 0) -> None:
    """Change inode flags of a file or folder (ioctl_iflags(2)). Raises OSError where that cannot be."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        present: int = struct.unpack("l", fcntl.ioctl(descriptor, _GET_FLAGS, struct.pack("l", 0)))[0]
        fcntl.ioctl(descriptor, _SET_FLAGS, struct.pack("l", (present | add) & ~remove))
    finally:
        os.close(descriptor)


def tree_below(folder: bytes) -> Iterator[tuple[bytes, bool]]:
    """Everything below a folder as (path, is a folder), in the order of names; symlinks are not followed."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        is_folder = entry.is_dir(follow_symlinks=False)
        yield entry.path, is_folder
        if is_folder:
            yield from tree_below(entry.path)


def _deepest_first(item: tuple[bytes, int]) -> tuple[int, bytes]:
    return (-item[0].count(b"/"), item[0])
