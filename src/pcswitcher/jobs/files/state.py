"""The captured state of the job ``files``: every tree of one machine, as its scan told it."""

from __future__ import annotations

import attrs

from pcswitcher.files.manifest import Capture, ScanSummary
from pcswitcher.model.codec import dumps, loads
from pcswitcher.model.errors import FormatError


@attrs.frozen
class TreeState:
    """One tree: its live path and its scan."""

    path: bytes
    capture: Capture


@attrs.frozen
class FilesState:
    """All trees of a machine, in the order of the settings."""

    trees: tuple[TreeState, ...]

    def tree(self, path: bytes) -> Capture | None:
        """The scan of the tree at ``path``; None when it was no tree then."""
        return next((tree.capture for tree in self.trees if tree.path == path), None)


@attrs.frozen(kw_only=True)
class _Head:
    path: bytes
    summary: ScanSummary
    chunks: tuple[int, ...]
    """Their lengths; the chunks themselves follow the line of heads."""


@attrs.frozen
class _Heads:
    trees: tuple[_Head, ...]


def encode(state: FilesState) -> bytes:
    """One line of JSON about all trees, then the compressed scans as they are: text would treble them."""
    heads = _Heads(
        tuple(
            _Head(path=tree.path, summary=tree.capture.summary, chunks=tuple(map(len, tree.capture.chunks)))
            for tree in state.trees
        )
    )
    chunks = (chunk for tree in state.trees for chunk in tree.capture.chunks)
    return b"".join((dumps(heads).encode("ascii"), b"\n", *chunks))


def decode(data: bytes) -> FilesState:
    """Read what ``encode`` wrote. Raises FormatError."""
    line, newline, rest = data.partition(b"\n")
    if not newline:
        raise FormatError("the state of files is cut short")
    position = 0
    trees: list[TreeState] = []
    for head in loads(_Heads, line).trees:
        chunks: list[bytes] = []
        for length in head.chunks:
            chunks.append(rest[position : position + length])
            position += length
        trees.append(TreeState(head.path, Capture(tuple(chunks), head.summary)))
    if position != len(rest):
        raise FormatError("the state of files is cut short, or longer than it says")
    return FilesState(tuple(trees))
