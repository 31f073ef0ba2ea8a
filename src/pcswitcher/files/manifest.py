"""A tree as a stream of directory blocks, the form in which scans travel and bases are kept.

One block per directory, directories in the order of a walk (a directory, all below it, its next
sibling; names compared as bytes). Equal directories give equal blocks on every machine, so two trees
are compared block by block and only what differs is unpacked. The stream is compressed and ends with
its totals: a stream without its end is no answer (design promise 8).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from enum import IntEnum

import attrs

from pcswitcher.files.entry import check_name, order_key
from pcswitcher.model.errors import FormatError

CHUNK = 512 * 1024
"""Most bytes given to ``send`` at once."""
LARGEST_BLOCK = 512 * 1024 * 1024
_FRAME = struct.Struct("<IIIIII")
_PIECE = 1024 * 1024
_LINK = struct.Struct("<IQI")
_PRUNED = struct.Struct("<BI")
_END = struct.Struct("<QQ")
_NO_PATH = 0xFFFFFFFF


class Pruned(IntEnum):
    """Why a name was left out of a scan."""

    RULE = 1
    SOCKET = 2
    OTHER_FILESYSTEM = 3
    SUBVOLUME = 4


@attrs.frozen
class DirectoryFile:
    """A ``.pcswitcherignore``: the directory it stands in (relative to the tree root) and its content."""

    directory: bytes
    content: bytes


@attrs.frozen
class ScanSummary:
    """What a scan counted, what a person should know, and which inode flags its filesystem can hold."""

    entries: int
    directories: int
    bytes: int
    flag_mask: int
    warnings: tuple[str, ...] = ()


@attrs.frozen
class Block:
    """One directory: packed entries (``entry.split_records``), hard links, pruned names, its ignore file.

    The root's block begins with a record of the root itself, under the empty name.
    """

    path: bytes
    entries: bytes
    links: bytes = b""
    pruned: bytes = b""
    ignore_file: bytes | None = None

    def same_as(self, other: Block) -> bool:
        """Whether both directories are equal beyond doubt, without unpacking: no hard links, equal bytes."""
        return self.entries == other.entries and not self.links and not other.links and self.pruned == other.pruned

    def link_list(self) -> tuple[tuple[int, int, int], ...]:
        """(position of the name, inode, link count) of entries with more than one link."""
        return tuple(_LINK.iter_unpack(self.links))

    def pruned_names(self) -> dict[bytes, Pruned]:
        """Names left out, and why. Raises FormatError."""
        found: dict[bytes, Pruned] = {}
        position = 0
        try:
            while position < len(self.pruned):
                reason, length = _PRUNED.unpack_from(self.pruned, position)
                position += _PRUNED.size + length
                found[self.pruned[position - length : position]] = Pruned(reason)
        except (struct.error, ValueError) as error:
            raise FormatError("the pruned names of a directory are malformed") from error
        return found


def pack_links(links: list[tuple[int, int, int]]) -> bytes:
    """The form of ``Block.link_list``."""
    return b"".join(_LINK.pack(*link) for link in links)


def pack_pruned(names: list[tuple[bytes, Pruned]]) -> bytes:
    """The form of ``Block.pruned_names``; names must be sorted."""
    return b"".join(_PRUNED.pack(reason, len(name)) + name for name, reason in names)


class BlockWriter:
    """Turns blocks into compressed chunks of bounded size."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._compressor = zlib.compressobj(1)
        self._waiting = bytearray()

    def write(self, block: Block) -> None:
        """Add one directory."""
        ignore = block.ignore_file
        parts = (block.path, block.entries, block.links, block.pruned, ignore or b"")
        frame = _FRAME.pack(*(len(part) for part in parts), int(ignore is not None))
        self._add(self._compressor.compress(b"".join((frame, *parts))))

    def finish(self, summary: ScanSummary) -> None:
        """Write the end mark and send what waits."""
        end = _FRAME.pack(_NO_PATH, 0, 0, 0, 0, 0) + _END.pack(summary.entries, summary.directories)
        self._add(self._compressor.compress(end) + self._compressor.flush())
        if self._waiting:
            self._send(bytes(self._waiting))
            self._waiting.clear()

    def _add(self, data: bytes) -> None:
        self._waiting += data
        while len(self._waiting) >= CHUNK:
            self._send(bytes(self._waiting[:CHUNK]))
            del self._waiting[:CHUNK]


@attrs.frozen
class Capture:
    """The state of one tree on one machine: the compressed stream as it came, and its summary."""

    chunks: tuple[bytes, ...]
    summary: ScanSummary

    def blocks(self) -> Iterator[Block]:
        """Unpack the directories one by one. Raises FormatError when the stream is malformed or cut short."""
        reader = _Reader(self.chunks)
        previous: bytes | None = None
        directories = 0
        while (block := reader.block()) is not None:
            key = order_key(block.path)
            if previous is not None and key <= previous:
                raise FormatError("the directories of a capture are not in order")
            previous = key
            if block.path:
                for name in block.path.split(b"/"):
                    check_name(name)
            directories += 1
            yield block
        if reader.totals != (self.summary.entries, directories) or directories != self.summary.directories:
            raise FormatError("a capture is not complete")

    def directory_files(self) -> tuple[DirectoryFile, ...]:
        """The ``.pcswitcherignore`` files found. Raises FormatError."""
        return tuple(
            DirectoryFile(block.path, block.ignore_file) for block in self.blocks() if block.ignore_file is not None
        )


class _Reader:
    def __init__(self, chunks: tuple[bytes, ...]) -> None:
        self._chunks = iter(chunks)
        self._decompressor = zlib.decompressobj()
        self._buffer = bytearray()
        self._position = 0
        self.totals = (-1, -1)

    def block(self) -> Block | None:
        lengths = _FRAME.unpack(self._take(_FRAME.size))
        if lengths[0] == _NO_PATH:
            entries, directories = _END.unpack(self._take(_END.size))
            self.totals = (entries, directories)
            while not self._decompressor.eof:  # the checksum of the whole stream comes last
                self._more()
            return None
        if sum(lengths[:5]) > LARGEST_BLOCK:
            raise FormatError("a directory of a capture is too large")
        path, entries, links, pruned, ignore = (self._take(length) for length in lengths[:5])
        if len(links) % _LINK.size:
            raise FormatError("the hard links of a directory are malformed")
        return Block(path, entries, links, pruned, ignore if lengths[5] else None)

    def _take(self, length: int) -> bytes:
        while len(self._buffer) - self._position < length:
            if self._position > _PIECE:
                del self._buffer[: self._position]
                self._position = 0
            self._buffer += self._more()
        start = self._position
        self._position += length
        return bytes(self._buffer[start : self._position])

    def _more(self) -> bytes:
        try:
            data = self._decompressor.unconsumed_tail or next(self._chunks)
            return self._decompressor.decompress(data, _PIECE)
        except StopIteration:
            raise FormatError("a capture is cut short") from None
        except zlib.error as error:
            raise FormatError("a capture is damaged") from error
