"""Putting a settings file into place on the target, as root in a directory that is a user's."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterator

from pcswitcher.files.descent import Descent, open_child
from pcswitcher.jobs.api import ApplyError, Context, PcSwitcherError, escape, exposed, unescape
from pcswitcher.jobs.settings.capture import read_in
from pcswitcher.jobs.settings.diff import Move
from pcswitcher.jobs.settings.state import FOLDER, ITEM, NAME, Kind, SettingsFile

_NEW = b".new-"
"""Before the name of what is being made, until it is renamed into place."""


@exposed
def move_settings_file(context: Context, home: bytes, move: Move) -> None:
    """Make the settings file below ``home`` what it shall be: its old or its new content at every moment.

    It belongs to the owner of the home. Directories are opened one by one, never through a symlink. Raises
    ApplyError when the file is neither what it was planned to be before nor after: the new edit then stays.
    """
    try:
        with Descent(home) as descent:
            directory = _open_folder(descent, create=move.after.kind is not Kind.ABSENT)
            if directory is not None:
                with _times_kept(directory):
                    _move_in(directory, os.fstat(descent.root), move)
    except OSError as error:
        raise ApplyError(
            f"{os.uname().nodename}: {ITEM} cannot be written: {error.strerror}",
            f"look at it: sudo ls -la {escape(os.path.join(home, FOLDER))}",
        ) from error


@exposed
def remove_leftover(context: Context, home: bytes) -> None:
    """Remove what a move that was cut short left below ``home``."""
    with contextlib.suppress(PcSwitcherError), Descent(home) as descent:
        with contextlib.suppress(OSError), _times_kept(descent.open(FOLDER)) as folder:
            os.unlink(_NEW + NAME, dir_fd=folder)
        for above, name in _folders():
            with contextlib.suppress(OSError), _times_kept(descent.open(above)) as parent:
                os.rmdir(_NEW + name, dir_fd=parent)


@contextlib.contextmanager
def _times_kept(directory: int) -> Generator[int]:
    """Leave the times of an open directory as they are: they are the job files's to carry, and it has done so."""
    status = os.fstat(directory)
    try:
        yield directory
    finally:
        os.utime(directory, ns=(status.st_atime_ns, status.st_mtime_ns))


def _folders() -> Iterator[tuple[bytes, bytes]]:
    """The directories down to the settings file: each with what is above it, below the home."""
    above = b""
    for name in FOLDER.split(b"/"):
        yield above, name
        above = os.path.join(above, name)


def _open_folder(descent: Descent, *, create: bool) -> int | None:
    """The directory of the settings file; None when it is not there and need not be."""
    for above, name in _folders():
        try:
            descent.open(os.path.join(above, name))
        except FileNotFoundError:
            if not create:
                return None
            with _times_kept(descent.open(above)) as parent:
                _make_directory(parent, name, os.fstat(descent.root))
    return descent.open(FOLDER)


def _make_directory(parent: int, name: bytes, owner: os.stat_result) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(_NEW + name, dir_fd=parent)
    os.mkdir(_NEW + name, 0o700, dir_fd=parent)
    made = open_child(parent, _NEW + name, owner.st_dev)
    try:
        os.fchown(made, owner.st_uid, owner.st_gid)
    finally:
        os.close(made)
    os.rename(_NEW + name, name, src_dir_fd=parent, dst_dir_fd=parent)
    os.fsync(parent)


def _move_in(directory: int, owner: os.stat_result, move: Move) -> None:
    found = read_in(directory)
    if found == move.after:
        return
    # A directory on the way was a link when it was captured: the job files has made it a real one since.
    if found != move.before and move.before.kind is not Kind.ELSEWHERE:
        raise ApplyError(
            f"{os.uname().nodename}: {ITEM} was changed since the plan was made; it stays as it is",
            "start the same command again",
        )
    if move.after.kind is Kind.ABSENT:
        os.unlink(NAME, dir_fd=directory)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_NEW + NAME, dir_fd=directory)
        _make_new(directory, owner, move.after)
        os.rename(_NEW + NAME, NAME, src_dir_fd=directory, dst_dir_fd=directory)
    os.fsync(directory)


def _make_new(directory: int, owner: os.stat_result, file: SettingsFile) -> None:
    if file.kind is Kind.LINK:
        os.symlink(unescape(file.content), _NEW + NAME, dir_fd=directory)
        os.chown(_NEW + NAME, owner.st_uid, owner.st_gid, dir_fd=directory, follow_symlinks=False)
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(_NEW + NAME, flags, 0o600, dir_fd=directory), "wb") as handle:
        handle.write(file.content.encode("utf-8"))
        handle.flush()
        os.fchown(handle.fileno(), owner.st_uid, owner.st_gid)
        os.fsync(handle.fileno())
