"""The stage: a root-only directory in the target's tree, on its filesystem, where content arrives.

Nothing in the tree changes until all of it is there; then each path is moved into place by one rename. A
full disk, a lost link or a power cut during the transfer leave only a stage, which the next run removes.
"""

from __future__ import annotations

import os
import secrets
import stat

from pcswitcher.files.descent import Descent
from pcswitcher.files.entry import join
from pcswitcher.files.flags import DIRECTORY_FLAGS, HOLDING, NOCOW, filesystem_type, supported_flags, write_flags
from pcswitcher.files.steps import Area
from pcswitcher.files.walk import STAGE_PREFIX
from pcswitcher.machine.api import Context, exposed
from pcswitcher.model.errors import ApplyError, GuardError
from pcswitcher.model.text import escape

SHARED_ROOT = "belongs to or can be written by others than root, so nothing can be prepared there safely"
SHARED_ROOT_HINT = "sync the directory above it instead, and hold back its other folders with rules"


@exposed
def prepare_stage(context: Context, root: bytes, run: str) -> bytes:
    """Make an empty stage in the tree at ``root`` (absolute) and give its name.

    Stages that earlier runs left are removed first: the machine's lock is held, so they are nobody's.
    Raises GuardError for a root that is no directory or not root's alone, ApplyError when it cannot be made.
    """
    name = STAGE_PREFIX + run.encode() + b"-" + secrets.token_hex(4).encode()
    if b"/" in name:
        raise ApplyError(f"{escape(name)} can be no name of a stage")
    with Descent(root) as descent:
        before = os.fstat(descent.root)
        _refuse_shared_root(root, os.fstat(descent.root))
        _remove_old_stages(context, descent)
        supported = supported_flags(filesystem_type(descent.root))
        try:
            os.mkdir(name, 0o700, dir_fd=descent.root)
            for area in Area:
                path = join(name, area.value.encode())
                os.mkdir(area.value, 0o700, dir_fd=descent.open(name))
                wanted = NOCOW if area is Area.NOCOW else 0
                write_flags(descent.open(path), wanted, DIRECTORY_FLAGS & supported)
        except OSError as error:
            raise ApplyError(f"{escape(root)}: no stage can be made there: {error.strerror}") from error
        os.utime(descent.root, ns=(before.st_atime_ns, before.st_mtime_ns))
    return name


@exposed
def remove_stage(context: Context, root: bytes, name: bytes) -> None:
    """Remove a stage with all that is left in it. Raises ApplyError."""
    if not name.startswith(STAGE_PREFIX) or b"/" in name:
        raise ApplyError(f"{escape(name)} is no stage")
    with Descent(root) as descent:
        before = os.fstat(descent.root)
        _remove(context, descent, name)
        os.utime(descent.root, ns=(before.st_atime_ns, before.st_mtime_ns))


@exposed
def is_shared(context: Context, root: bytes) -> bool:
    """Whether others than root could put theirs in the place of a stage in the tree at ``root``. Raises GuardError."""
    with Descent(root) as descent:
        return _is_shared(os.fstat(descent.root))


@exposed
def remove_stages(context: Context, root: bytes) -> None:
    """Remove the stages that runs which were cut short left in the tree at ``root``; the machine's lock is held.

    Raises ApplyError, GuardError when there is no such tree.
    """
    with Descent(root) as descent:
        before = os.fstat(descent.root)
        _remove_old_stages(context, descent)
        os.utime(descent.root, ns=(before.st_atime_ns, before.st_mtime_ns))


def _refuse_shared_root(root: bytes, found: os.stat_result) -> None:
    """Raise GuardError for a tree whose root others can write to: they could put theirs in the stage's place."""
    if _is_shared(found):
        raise GuardError(f"{escape(root)} {SHARED_ROOT}", SHARED_ROOT_HINT)


def _is_shared(found: os.stat_result) -> bool:
    return found.st_uid != 0 or bool(found.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def _remove_old_stages(context: Context, descent: Descent) -> None:
    for name in map(os.fsencode, os.listdir(descent.root)):
        if not name.startswith(STAGE_PREFIX):
            continue
        found = os.lstat(name, dir_fd=descent.root)
        if stat.S_ISDIR(found.st_mode) and found.st_uid == 0:
            _remove(context, descent, name)


def _remove(context: Context, descent: Descent, name: bytes) -> None:
    try:
        remove_tree(context, descent, name)
    except OSError as error:
        raise ApplyError(f"{escape(name)} cannot be removed: {error.strerror}") from error


def remove_tree(context: Context, descent: Descent, path: bytes) -> None:
    """Remove the directory at ``path`` and all below it, whatever inode flags hold it. Raises OSError."""
    waiting = [(path, False)]
    while waiting:
        context.check_cancelled()
        current, emptied = waiting.pop()
        if emptied:
            parent, _, name = current.rpartition(b"/")
            os.rmdir(name, dir_fd=descent.open(parent))
            continue
        directory = descent.open(current)
        write_flags(directory, 0, HOLDING)
        waiting.append((current, True))
        for name in map(os.fsencode, os.listdir(directory)):
            if stat.S_ISDIR(os.lstat(name, dir_fd=directory).st_mode):
                waiting.append((join(current, name), False))
            else:
                unlink(directory, name)


def unlink(directory: int, name: bytes) -> None:
    """Unlink one name of an open directory, clearing an immutable or append-only flag of the file. Raises OSError."""
    try:
        os.unlink(name, dir_fd=directory)
    except PermissionError:
        release(directory, name)
        os.unlink(name, dir_fd=directory)


def release(directory: int, name: bytes) -> None:
    """Clear the immutable and append-only flags of a regular file or directory, if it is one. Raises OSError."""
    mode = os.lstat(name, dir_fd=directory).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    try:
        write_flags(descriptor, 0, HOLDING)
    finally:
        os.close(descriptor)
