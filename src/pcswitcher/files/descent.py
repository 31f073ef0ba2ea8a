"""Reaching a directory below an open one by name after name, never through a symlink or a mount point.

Paths longer than PATH_MAX work, and whatever a user does to the directories meanwhile, what is opened
was a real directory below the root on the root's own filesystem (faults row 13, 17 to 19).
"""

from __future__ import annotations

import errno
import os
from types import TracebackType
from typing import Self

from pcswitcher.model.errors import GuardError
from pcswitcher.model.text import escape

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_OPEN = 128


def open_root(path: bytes) -> int:
    """Open the root of a tree, an absolute path whose last component is a real directory. Raises GuardError."""
    if not path.startswith(b"/"):
        raise GuardError(f"{escape(path)} is no absolute path")
    try:
        return os.open(path, _DIRECTORY)
    except OSError as error:
        reason = {errno.ENOENT: "does not exist", errno.ENOTDIR: "is no directory", errno.ELOOP: "is a symlink"}
        words = reason.get(error.errno or 0, f"cannot be opened: {error.strerror}")
        raise GuardError(f"{escape(path)} {words}", "check that it is mounted and that the settings name it") from error


class Descent:
    """Opens directories below ``root`` (an absolute path), keeping the last chain open so that neighbours are cheap.

    Descriptors given out stay valid until the next ``open``; they are closed at the end of the ``with`` block.
    """

    def __init__(self, root: bytes) -> None:
        self.root = open_root(root)
        self.device = os.fstat(self.root).st_dev
        self._names: list[bytes] = []
        self._open: list[int] = []
        self._last = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._forget(0)
        os.close(self.root)

    def open(self, path: bytes) -> int:
        """A descriptor of the directory at ``path`` (relative; b"" is the root).

        Raises OSError: ENOENT, ENOTDIR or ELOOP where a component is missing, no directory or a symlink;
        EXDEV where another filesystem begins.
        """
        if self._last >= 0:
            os.close(self._last)
            self._last = -1
        names = path.split(b"/") if path else []
        shared = 0
        for mine, theirs in zip(self._names, names, strict=False):
            if mine != theirs:
                break
            shared += 1
        self._forget(shared)
        current = self._open[-1] if self._open else self.root
        for name in names[shared:]:
            current = self._enter(current, name)
        return current

    def forget(self) -> None:
        """Close the chain: the next ``open`` starts at the root again."""
        self._forget(0)

    def _enter(self, parent: int, name: bytes) -> int:
        descriptor = open_child(parent, name, self.device)
        if len(self._open) < _MOST_OPEN:
            self._names.append(name)
            self._open.append(descriptor)
        else:
            if self._last >= 0:
                os.close(self._last)
            self._last = descriptor
        return descriptor

    def _forget(self, keep: int) -> None:
        if self._last >= 0:
            os.close(self._last)
            self._last = -1
        while len(self._open) > keep:
            os.close(self._open.pop())
            self._names.pop()


def open_child(parent: int, name: bytes, device: int) -> int:
    """Open one directory in an open one, on ``device`` (st_dev). Raises OSError as ``Descent.open``."""
    if name in {b"", b".", b".."} or b"/" in name:
        raise OSError(errno.EINVAL, "not a name")
    descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
    if os.fstat(descriptor).st_dev != device:
        os.close(descriptor)
        raise OSError(errno.EXDEV, "another filesystem is mounted here")
    return descriptor
