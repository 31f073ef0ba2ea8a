"""Setting owner, mode, extended attributes, ACLs, times and inode flags of live paths, in the target's agent.

Everything is done through a descriptor of the very inode that was checked (open(2), O_PATH, reached again
as /proc/self/fd/N), so a symlink or another file put there meanwhile is never touched.
"""

from __future__ import annotations

import errno
import os
import stat

from pcswitcher.files.apply import fingerprint_of
from pcswitcher.files.change import PathProblem
from pcswitcher.files.descent import Descent
from pcswitcher.files.entry import Entry, Kind, parent_of
from pcswitcher.files.flags import DIRECTORY_FLAGS, FILE_FLAGS, NOCOW, clear_holding, write_flags
from pcswitcher.files.steps import Fingerprint, MetadataStep
from pcswitcher.files.walk import list_xattrs, read_xattrs
from pcswitcher.machine.api import Context, exposed
from pcswitcher.model.errors import ApplyError


@exposed
def set_metadata(
    context: Context, root: bytes, steps: tuple[MetadataStep, ...], flag_mask: int
) -> tuple[PathProblem, ...]:
    """Do the steps in their order in the live tree at ``root``; gives those that could not be done.

    ``flag_mask``: the inode flags that both machines' filesystems know. Raises GuardError for the root.
    """
    problems: list[PathProblem] = []
    with Descent(root) as live:
        for step in steps:
            context.check_cancelled()
            try:
                _set(live, step, flag_mask)
            except OSError as error:
                problems.append(PathProblem(step.entry.path, f"its attributes cannot be set: {error.strerror}"))
            except ApplyError as error:
                problems.append(PathProblem(step.entry.path, error.message))
    return tuple(problems)


def _set(live: Descent, step: MetadataStep, flag_mask: int) -> None:
    path = step.entry.path
    name = path.rpartition(b"/")[2] or b"."
    opening = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, opening, dir_fd=live.open(parent_of(path)))
    try:
        found = os.fstat(descriptor)
        now = fingerprint_of(found)
        if now not in {step.expected, Fingerprint.of(step.entry)} or (path and found.st_dev != live.device):
            raise ApplyError("it changed on the target since the plan was made")
        magic = b"/proc/self/fd/%d" % descriptor
        if not step.flags_only:
            try:
                _set_attributes(magic, step.entry, found)
            except PermissionError:
                _release(magic, found)
                _set_attributes(magic, step.entry, found)
        _set_flags(magic, step.entry, flag_mask)
    finally:
        os.close(descriptor)


def _set_attributes(magic: bytes, entry: Entry, found: os.stat_result) -> None:
    # Order matters: chown(2) takes away setuid and capabilities, chmod(2) rewrites the mask of an ACL.
    if (found.st_uid, found.st_gid) != (entry.uid, entry.gid):
        os.chown(magic, entry.uid, entry.gid)
    if entry.kind is not Kind.SYMLINK:
        os.chmod(magic, entry.mode)
    _set_xattrs(magic, entry)
    os.utime(magic, ns=(found.st_atime_ns, entry.mtime_ns))


def _set_xattrs(magic: bytes, entry: Entry) -> None:
    present = dict(read_xattrs(magic, list_xattrs(magic, follow=True), follow=True))
    wanted = dict(entry.xattrs)
    for name in present.keys() - wanted.keys():
        try:
            os.removexattr(magic, name)
        except OSError as error:
            if error.errno != errno.ENODATA:
                raise
    for name, value in entry.xattrs:
        if present.get(name) != value:
            os.setxattr(magic, name, value)


def _set_flags(magic: bytes, entry: Entry, flag_mask: int) -> None:
    if entry.kind is Kind.FILE:
        mask = FILE_FLAGS & ~NOCOW & flag_mask
    elif entry.kind is Kind.DIRECTORY:
        mask = DIRECTORY_FLAGS & flag_mask
    else:
        return
    if not mask:
        return
    descriptor = os.open(magic, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        write_flags(descriptor, entry.flags, mask)
    finally:
        os.close(descriptor)


def _release(magic: bytes, found: os.stat_result) -> None:
    if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode):
        descriptor = os.open(magic, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            clear_holding(descriptor)
        finally:
            os.close(descriptor)
