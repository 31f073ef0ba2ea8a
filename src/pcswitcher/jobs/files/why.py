"""Which rule decides about a path, as the files of this PC are now."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from pcswitcher.files.rule import RuleTexts
from pcswitcher.files.rules import DIRECTORY_FILE, RuleSet, Verdict


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
        try:
            with open(os.path.join(root, directory, DIRECTORY_FILE), "rb") as file:
                rules = rules.with_directory_file(directory, file.read())
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue
    return rules


def _kind(path: bytes) -> tuple[bool, bool]:
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return False, False
    return stat.S_ISDIR(mode), stat.S_ISSOCK(mode)
