"""Changing the target's live tree, in its agent: path by path, each by one rename or unlink.

Every directory is reached by descriptors without following anything (``descent``), and what is there is
compared with what the plan saw just before it is touched: an edit made meanwhile stays and is reported.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager

from pcswitcher.files.change import PathProblem
from pcswitcher.files.descent import Descent
from pcswitcher.files.entry import Kind, join, parent_of
from pcswitcher.files.flags import unheld
from pcswitcher.files.stage import release
from pcswitcher.files.steps import FileStep, Fingerprint, StepAction
from pcswitcher.machine.api import Context, exposed
from pcswitcher.model.errors import ApplyError

_NO_REPLACE = 1  # RENAME_NOREPLACE of renameat2(2)
_EXCHANGE = 2  # RENAME_EXCHANGE
_CHANGED = "it changed on the target since the plan was made"
_APPEARED = "it appeared on the target since the plan was made"
_WORDS = {
    errno.ENOENT: "it, or its directory, is not there any more",
    errno.ENOTDIR: "one of its directories became something else",
    errno.ELOOP: "one of its directories became a symlink",
    errno.EXDEV: "another filesystem begins there on the target",
    errno.ENOTEMPTY: "it is not empty: something was made in it since the plan was made",
    errno.EEXIST: _APPEARED,
    errno.EBUSY: "it is in use as a mount point",
}


@exposed
def perform_steps(context: Context, root: bytes, stage: bytes, steps: tuple[FileStep, ...]) -> tuple[PathProblem, ...]:
    """Do the steps in their order in the live tree at ``root`` (absolute); gives those that could not be done.

    ``stage`` is the name ``prepare_stage`` gave. Directories keep their mtime. Raises GuardError for the root.
    """
    problems: list[PathProblem] = []
    broken: set[bytes] = set()
    with Descent(root) as live, Descent(root) as staged:
        performer = _Performer(live, staged, stage)
        for step in steps:
            context.check_cancelled()
            if step.unit and step.unit in broken:
                problems.append(PathProblem(step.path, "another file of its database could not be changed"))
                continue
            try:
                performer.perform(step)
            except OSError as error:
                reason = _WORDS.get(error.errno or 0, error.strerror or "unknown error")
                problems.append(PathProblem(step.path, reason))
            except ApplyError as error:
                problems.append(PathProblem(step.path, error.message))
            else:
                continue
            if step.unit:
                broken.add(step.unit)
    return tuple(problems)


def fingerprint(directory: int, name: bytes) -> Fingerprint | None:
    """What a name in an open directory is now; None: nothing. Raises OSError."""
    try:
        found = os.lstat(name, dir_fd=directory)
    except FileNotFoundError:
        return None
    return fingerprint_of(found)


def fingerprint_of(found: os.stat_result) -> Fingerprint:
    """The fingerprint of what was statted."""
    kind = Kind(stat.S_IFMT(found.st_mode) >> 12)
    if kind is Kind.DIRECTORY:
        return Fingerprint(kind)
    return Fingerprint(kind, found.st_size if kind is Kind.FILE else 0, found.st_mtime_ns)


class _Performer:
    def __init__(self, live: Descent, staged: Descent, stage: bytes) -> None:
        self._live = live
        self._staged = staged
        self._stage = stage
        self._rename = ctypes.CDLL(None, use_errno=True).renameat2
        self._rename.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]

    def perform(self, step: FileStep) -> None:
        """Do one step. Raises OSError or ApplyError with the reason it cannot be done."""
        directory, name = parent_of(step.path), step.path.rpartition(b"/")[2]
        if not name or name in {b".", b".."}:
            raise ApplyError("it is no path below the tree")
        parent = self._live.open(directory)
        with _times_kept(parent):
            present = fingerprint(parent, name)
            if step.action is StepAction.REMOVE:
                self._remove(parent, name, step, present)
                return
            origin = self._staged.open(join(join(self._stage, step.area.value.encode()), directory))
            staged = fingerprint(origin, name)
            if staged is None:
                if present is not None and present == step.wanted:
                    return  # done before: the answer to an earlier call was lost
                raise ApplyError("it was not transferred")
            if present != step.expected:
                raise ApplyError(_APPEARED if step.expected is None else _CHANGED)
            if step.action is StepAction.EXCHANGE:
                self._exchange(origin, parent, name, present)
            else:
                flags = _NO_REPLACE if step.action is StepAction.PLACE else 0
                self._insist(origin, parent, name, flags)

    def _remove(self, parent: int, name: bytes, step: FileStep, present: Fingerprint | None) -> None:
        if present is None:
            return
        if present != step.expected:
            raise ApplyError(_CHANGED)
        remove = os.rmdir if present.kind is Kind.DIRECTORY else os.unlink
        try:
            remove(name, dir_fd=parent)
        except PermissionError:
            with unheld(parent):
                release(parent, name)
                remove(name, dir_fd=parent)

    def _exchange(self, origin: int, parent: int, name: bytes, present: Fingerprint | None) -> None:
        directory = present is not None and present.kind is Kind.DIRECTORY
        if directory and not _is_empty(parent, name):
            raise OSError(errno.ENOTEMPTY, "")
        self._insist(origin, parent, name, _EXCHANGE)
        if directory and not _is_empty(origin, name):  # something was made in it at the last moment
            self._insist(origin, parent, name, _EXCHANGE)
            raise OSError(errno.ENOTEMPTY, "")

    def _insist(self, origin: int, parent: int, name: bytes, flags: int) -> None:
        """Rename within the filesystem; where an inode flag forbids it, clear the flag and try again."""
        try:
            self._rename_at(origin, parent, name, flags)
        except PermissionError:
            with unheld(parent):
                if flags != _NO_REPLACE:
                    release(parent, name)
                self._rename_at(origin, parent, name, flags)

    def _rename_at(self, origin: int, parent: int, name: bytes, flags: int) -> None:
        if self._rename(origin, name, parent, name, flags) == 0:
            return
        number = ctypes.get_errno()
        if number == errno.EINVAL and flags == _NO_REPLACE:  # a filesystem that cannot: we have just looked
            os.rename(name, name, src_dir_fd=origin, dst_dir_fd=parent)
            return
        raise OSError(number, os.strerror(number))


@contextmanager
def _times_kept(directory: int) -> Generator[None, None, None]:
    before = os.fstat(directory)
    try:
        yield
    finally:
        if os.fstat(directory).st_mtime_ns != before.st_mtime_ns:
            with unheld(directory):
                os.utime(directory, ns=(before.st_atime_ns, before.st_mtime_ns))


def _is_empty(parent: int, name: bytes) -> bool:
    descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        with os.scandir(descriptor) as entries:
            return next(entries, None) is None
    finally:
        os.close(descriptor)
