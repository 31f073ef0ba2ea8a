"""A tree's capture with some paths as another capture has them: what two machines have in common. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from pcswitcher.files.entry import order_key, parent_of, split_records
from pcswitcher.files.manifest import Block, BlockWriter, Capture


def splice(capture: Capture, other: Capture | None, paths: Iterable[bytes]) -> Capture:
    """``capture``, but with the entries of ``paths`` (relative) from ``other``, or without where that has none.

    Hard links of the directories concerned are left out: nobody compares those of a base. Raises FormatError.
    """
    wanted: dict[bytes, set[bytes]] = {}
    for path in paths:
        wanted.setdefault(parent_of(path), set()).add(path.rpartition(b"/")[2])
    chunks: list[bytes] = []
    writer = BlockWriter(chunks.append)
    entries = directories = 0
    for path, mine, theirs in _pairs(capture, other):
        block = _spliced(path, mine, theirs, wanted[path]) if path in wanted else mine
        if block is not None:
            writer.write(block)
            entries += sum(1 for _ in split_records(block.entries, root=not path))
            directories += 1
    summary = attrs.evolve(capture.summary, entries=entries, directories=directories)
    writer.finish(summary)
    return Capture(tuple(chunks), summary)


def _spliced(path: bytes, mine: Block | None, theirs: Block | None, names: set[bytes]) -> Block | None:
    """The directory ``path`` with ``names`` as in ``theirs``; None: there is nothing in it."""
    records = {name: record for name, record in _records(mine) if name not in names}
    records |= {name: record for name, record in _records(theirs) if name in names}
    if mine is None:
        return Block(path, _packed(records)) if records else None
    return attrs.evolve(mine, entries=_packed(records), links=b"")


def _records(block: Block | None) -> Iterator[tuple[bytes, bytes]]:
    return split_records(block.entries, root=not block.path) if block else iter(())


def _packed(records: dict[bytes, bytes]) -> bytes:
    return b"".join(records[name] for name in sorted(records))


def _pairs(capture: Capture, other: Capture | None) -> Iterator[tuple[bytes, Block | None, Block | None]]:
    """The directories of both, in the order of a walk, side by side where both have one."""
    blocks = [capture.blocks(), other.blocks() if other else iter(())]
    heads = [next(each, None) for each in blocks]
    while paths := [head.path for head in heads if head is not None]:
        path = min(paths, key=order_key)
        mine, theirs = (head if head is not None and head.path == path else None for head in heads)
        yield path, mine, theirs
        heads = [
            next(each, None) if head and head.path == path else head for each, head in zip(blocks, heads, strict=True)
        ]
