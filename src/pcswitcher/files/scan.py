"""Scanning a tree, in the agent of its machine: directory by directory, in the order of a walk.

The tree should be a read-only snapshot; then it cannot change while it is read (faults row 20). A live
tree works too, where there are no snapshots. An entry that cannot be read fails the whole scan: no answer
is not an empty answer.
"""

from __future__ import annotations

import errno

from pcswitcher.files.descent import Descent
from pcswitcher.files.entry import join, order_key
from pcswitcher.files.manifest import BlockWriter, DirectoryFile, Pruned, ScanSummary
from pcswitcher.files.rules import RuleSet, RuleTexts
from pcswitcher.files.walk import DirectoryReader, read_ignore_file
from pcswitcher.machine.api import Context, exposed
from pcswitcher.model.errors import SnapshotError
from pcswitcher.model.text import escape

_PROGRESS_EVERY = 1000
_MOST_WARNINGS = 50
_WORDS = {
    Pruned.OTHER_FILESYSTEM: "another filesystem is mounted at {}: it is left out",
    Pruned.SUBVOLUME: "{} is a btrfs subvolume of its own: it is left out",
}
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV})


@exposed
def scan_tree(
    context: Context, root: bytes, rules: RuleTexts, directory_files: tuple[DirectoryFile, ...] | None
) -> ScanSummary:
    """Read the tree below ``root`` (absolute) and send it as a stream of blocks.

    ``directory_files``: the ``.pcswitcherignore`` files that govern it; None: those found in it.
    Raises GuardError for a root that is no directory, SnapshotError when an entry cannot be read.
    """
    given = None if directory_files is None else {file.directory: file.content for file in directory_files}
    writer = BlockWriter(context.send)
    warnings: list[str] = []
    entries = directories = size = reported = 0
    with Descent(root) as descent:
        reader = DirectoryReader(descent.root)
        waiting = [(b"", RuleSet.build(rules))]
        while waiting:
            context.check_cancelled()
            path, rule_set = waiting.pop()
            descriptor = _open(descent, path)
            if descriptor is None:
                continue
            found = read_ignore_file(descriptor)
            governing = found if given is None else given.get(path)
            if governing is not None:
                rule_set = rule_set.with_directory_file(path, governing)
            content = reader.read(descriptor, path, rule_set.excludes, found)
            writer.write(content.block)
            directories += 1
            entries += content.entries
            size += content.size
            if content.pruned:
                warnings.extend(
                    _WORDS[reason].format(escape(join(root, join(path, name))))
                    for name, reason in content.pruned
                    if reason in _WORDS
                )
            waiting.extend((join(path, name), rule_set) for name in reversed(content.directories))
            if entries - reported >= _PROGRESS_EVERY:
                reported = entries
                context.progress(entries, 0, "entries", path)
        summary = ScanSummary(entries, directories, size, reader.flag_mask, _bounded(warnings))
    writer.finish(summary)
    return summary


@exposed
def scan_directories(context: Context, root: bytes, paths: tuple[bytes, ...]) -> ScanSummary:
    """Read just the directories at ``paths`` of a live tree, rules aside, and send their blocks.

    A directory that is not there, or behind a symlink, gives no block. Raises as ``scan_tree``.
    """
    writer = BlockWriter(context.send)
    entries = directories = size = 0
    with Descent(root) as descent:
        reader = DirectoryReader(descent.root)
        for path in sorted(paths, key=order_key):
            context.check_cancelled()
            descriptor = _open(descent, path)
            if descriptor is None:
                continue
            content = reader.read(descriptor, path, None, None)
            writer.write(content.block)
            directories += 1
            entries += content.entries
            size += content.size
        summary = ScanSummary(entries, directories, size, reader.flag_mask)
    writer.finish(summary)
    return summary


def _open(descent: Descent, path: bytes) -> int | None:
    try:
        return descent.open(path)
    except OSError as error:
        if error.errno in _ABSENT:  # vanished since its parent was read: only in live trees
            return None
        raise SnapshotError(f"{escape(path)} cannot be read: {error.strerror}") from error


def _bounded(warnings: list[str]) -> tuple[str, ...]:
    if len(warnings) <= _MOST_WARNINGS:
        return tuple(warnings)
    return (*warnings[:_MOST_WARNINGS], f"and {len(warnings) - _MOST_WARNINGS} more")
