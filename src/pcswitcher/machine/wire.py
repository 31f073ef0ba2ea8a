"""A connection that carries messages: over pipes to an agent's process, or within one process for the fake."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import Protocol

from pcswitcher.machine.frames import Decoder, Message, encode

READ_SIZE = 256 * 1024


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

    async def receive(self) -> Message | None:
        """See Wire."""
        while not self._ready:
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
            self._writer.write(line)
            await self._writer.drain()

    def close(self) -> None:
        """See Wire."""
        self._writer.close()


class MemoryWire:
    """One end of a connection within this process; messages still pass through their encoded form."""

    def __init__(self, incoming: asyncio.Queue[bytes], outgoing: asyncio.Queue[bytes]) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._decoder = Decoder()
        self._closed = False

    @classmethod
    def pair(cls) -> tuple[MemoryWire, MemoryWire]:
        """Two connected ends."""
        here: asyncio.Queue[bytes] = asyncio.Queue(64)
        there: asyncio.Queue[bytes] = asyncio.Queue(64)
        return cls(here, there), cls(there, here)

    async def receive(self) -> Message | None:
        """See Wire."""
        if self._closed:
            return None
        line = await self._incoming.get()
        if not line:
            self._closed = True
            return None
        return self._decoder.feed(line)[0]

    async def send(self, message: Message) -> None:
        """See Wire."""
        if self._closed:
            raise BrokenPipeError("the other side is gone")
        await self._outgoing.put(encode(message))

    def close(self) -> None:
        """See Wire."""
        if self._closed:
            return
        self._closed = True
        for queue in (self._outgoing, self._incoming):
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(b"")


async def standard_streams(input_fd: int, output_fd: int) -> StreamWire:
    """Make a wire of two open descriptors of this process: pipes, sockets or terminals."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=READ_SIZE)
    source, sink = os.fdopen(input_fd, "rb", buffering=0), os.fdopen(output_fd, "wb", buffering=0)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), source)
    transport, protocol = await loop.connect_write_pipe(lambda: asyncio.streams.FlowControlMixin(loop=loop), sink)
    return StreamWire(reader, asyncio.StreamWriter(transport, protocol, None, loop))
