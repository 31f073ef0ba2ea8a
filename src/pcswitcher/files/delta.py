"""Comparing two captures of one tree: pure, directory by directory, unpacking only what differs.

Content is taken as changed when size or mtime (ns) differ; snapshots are read, so an mtime is never
newer than its content. What the rules left out on either machine is not touched on the target: a
directory holding such names stays, and a change of kind over them is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcswitcher.files.change import TreeDelta
from pcswitcher.files.comparison import Comparison
from pcswitcher.files.entry import order_key
from pcswitcher.files.manifest import Block, Capture
from pcswitcher.model.errors import FormatError


def compare(source: Capture, target: Capture) -> TreeDelta:
    """Find all that differs between two captures of one tree. Raises FormatError for a malformed capture."""
    mask = source.summary.flag_mask & target.summary.flag_mask
    comparison = Comparison(mask)
    for path, mine, theirs in _merge(source.blocks(), target.blocks()):
        if mine is not None and theirs is not None and mine.same_as(theirs):
            continue
        comparison.directory(path, mine, theirs)
    changes = comparison.finish()
    return TreeDelta(
        changes,
        tuple(sorted(comparison.problems, key=lambda problem: order_key(problem.path))),
        tuple(sorted(comparison.kept, key=order_key)),
        source.summary.entries,
        target.summary.entries,
        mask,
    )


def _merge(source: Iterator[Block], target: Iterator[Block]) -> Iterator[tuple[bytes, Block | None, Block | None]]:
    mine, theirs = next(source, None), next(target, None)
    if mine is None or theirs is None or mine.path or theirs.path:
        raise FormatError("a capture does not begin at its root")
    while mine is not None or theirs is not None:
        order = _order(mine, theirs)
        if order == 0 and mine is not None:
            yield mine.path, mine, theirs
            mine, theirs = next(source, None), next(target, None)
        elif order < 0 and mine is not None:
            yield mine.path, mine, None
            mine = next(source, None)
        elif theirs is not None:
            yield theirs.path, None, theirs
            theirs = next(target, None)


def _order(mine: Block | None, theirs: Block | None) -> int:
    if mine is None:
        return 1
    if theirs is None:
        return -1
    left, right = order_key(mine.path), order_key(theirs.path)
    return (left > right) - (left < right)
