"""Which rule decides about a path, as the files of this PC are now."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence

from pcswitcher.files.rule import RuleTexts
from pcswitcher.files.rules import DIRECTORY_FILE, RuleSet, Verdict
from pcswitcher.model.errors import PcSwitcherError
from pcswitcher.model.text import escape


def decide(path: bytes, trees: Sequence[tuple[bytes, RuleTexts]]) -> Verdict | None:
    """The verdict about an absolute path; None when no tree (path, rules) holds it."""
    for root, texts in trees:
        if path == root or path.startswith(root + b"/"):
            inside = path[len(root) + 1 :]
            rules = _with_directory_files(RuleSet.build(texts), root, inside)
            is_directory, is_socket = _kind(path)
            return rules.decide(inside, is_directory, is_socket=is_socket)
    return None


def _with_directory_files(rules: RuleSet, root: bytes, inside: bytes) -> RuleSet:
    """Add the ``.pcswitcherignore`` of every directory from the root down to the path's own."""
    parts = inside.split(b"/")
    for depth in range(len(parts)):
        directory = b"/".join(parts[:depth])
        content = _read_regular(os.path.join(root, directory, DIRECTORY_FILE))
        if content is not None:
            rules = rules.with_directory_file(directory, content)
    return rules


def _read_regular(path: bytes) -> bytes | None:
    """The content of a regular file, as the scan reads it: no symlink is followed, nothing is waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO}:
            return None
        raise PcSwitcherError(f"{escape(path)} cannot be read: {error.strerror}", "ask again with sudo") from error
    with open(descriptor, "rb") as file:
        return file.read() if stat.S_ISREG(os.fstat(descriptor).st_mode) else None


def _kind(path: bytes) -> tuple[bool, bool]:
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False, False
    except OSError as error:
        raise PcSwitcherError(f"{escape(path)} cannot be looked at: {error.strerror}", "ask again with sudo") from error
    return stat.S_ISDIR(mode), stat.S_ISSOCK(mode)
