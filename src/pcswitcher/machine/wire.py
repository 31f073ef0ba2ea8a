"""A connection that carries messages: over pipes to an agent's process, or within one process for the fake."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import Protocol

from pcswitcher.machine.frames import Decoder, Message, encode

READ_SIZE = 256 * 1024
LANE_LENGTH = 64
"""Most lines that wait within a MemoryWire in each direction."""


class Wire(Protocol):
    """Sends and receives messages, in order."""

    async def receive(self) -> Message | None:
        """Wait for the next message; None when the other side is gone. Raises ProtocolError."""
        ...

    async def send(self, message: Message) -> None:
        """Send one message, waiting while the other side is slow. Raises OSError when it is gone."""
        ...

    def close(self) -> None:
        """Let go of the connection. Safe to call twice."""
        ...


class StreamWire:
    """Messages over a pair of byte streams."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = Decoder()
        self._ready: deque[Message] = deque()
        self._writing = asyncio.Lock()
        self._closed = False

    async def receive(self) -> Message | None:
        """See Wire."""
        while not self._ready:
            if self._closed:
                return None
            try:
                data = await self._reader.read(READ_SIZE)
            except OSError:
                return None
            if not data:
                return None
            self._ready.extend(self._decoder.feed(data))
        return self._ready.popleft()

    async def send(self, message: Message) -> None:
        """See Wire."""
        line = encode(message)
        async with self._writing:
            if self._closed:
                raise BrokenPipeError("the connection is closed")
            self._writer.write(line)
            await self._writer.drain()

    def close(self) -> None:
        """See Wire."""
        self._closed = True
        # Not close(): that waits until what is unsent has left, which a stalled link never lets happen, and the other
        # side would not see the end. A transport that has closed itself, its pipe being broken, cannot be aborted.
        if not self._writer.transport.is_closing():
            self._writer.transport.abort()


class _Lane:
    """One direction between two MemoryWires: at most LANE_LENGTH lines wait, as a pipe holds so many bytes."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._closed = False
        self._changed = asyncio.Event()

    async def put(self, line: bytes) -> None:
        """Wait for room and add a line. Raises OSError when the lane is closed."""
        while len(self._lines) >= LANE_LENGTH and not self._closed:
            await self._wait()
        if self._closed:
            raise BrokenPipeError("the other side is gone")
        self._lines.append(line)
        self._tell()

    async def get(self) -> bytes | None:
        """Wait for a line; None at the end."""
        while not self._lines and not self._closed:
            await self._wait()
        if not self._lines:
            return None
        self._tell()
        return self._lines.popleft()

    def close(self) -> None:
        """Let everybody who waits go on."""
        self._closed = True
        self._tell()

    async def _wait(self) -> None:
        await self._changed.wait()

    def _tell(self) -> None:
        # A new event for whoever waits next: those who wait now look again, once.
        self._changed.set()
        self._changed = asyncio.Event()


class MemoryWire:
    """One end of a connection within this process; messages still pass through their encoded form."""

    def __init__(self, incoming: _Lane, outgoing: _Lane) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._decoder = Decoder()
        self._closed = False

    @classmethod
    def pair(cls) -> tuple[MemoryWire, MemoryWire]:
        """Two connected ends."""
        here, there = _Lane(), _Lane()
        return cls(here, there), cls(there, here)

    async def receive(self) -> Message | None:
        """See Wire."""
        if self._closed:
            return None
        line = await self._incoming.get()
        return None if line is None or self._closed else self._decoder.feed(line)[0]

    async def send(self, message: Message) -> None:
        """See Wire."""
        await self._outgoing.put(encode(message))

    def close(self) -> None:
        """See Wire."""
        self._closed = True
        self._outgoing.close()
        self._incoming.close()


async def standard_streams(input_fd: int, output_fd: int) -> StreamWire:
    """Make a wire of two open descriptors of this process: pipes, sockets or terminals."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=READ_SIZE)
    source, sink = os.fdopen(input_fd, "rb", buffering=0), os.fdopen(output_fd, "wb", buffering=0)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), source)
    transport, protocol = await loop.connect_write_pipe(lambda: asyncio.streams.FlowControlMixin(loop=loop), sink)
    return StreamWire(reader, asyncio.StreamWriter(transport, protocol, None, loop))
