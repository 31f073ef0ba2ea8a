"""Values that may be too many for one message: sent as a call's stream, or handed over batch by batch.

A message has a limit (``frames.FRAME_LIMIT``), and what grows with the years or with a person's files has none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import ParamSpec, TypeVar

from pcswitcher.machine.api import Context, Exposed, Listener, Machine
from pcswitcher.model.codec import dumps, loads

PIECE = 512 * 1024
"""Bytes of one piece."""

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


def send_values(context: Context, values: Iterable[object]) -> None:
    """Send values as the call's stream: each a line of JSON, the lines cut into pieces wherever one is full."""
    waiting = bytearray()
    for value in values:
        context.check_cancelled()
        waiting += dumps(value).encode("ascii") + b"\n"
        while len(waiting) >= PIECE:
            context.send(bytes(waiting[:PIECE]))
            del waiting[:PIECE]
    if waiting:
        context.send(bytes(waiting))


async def receive_values(
    machine: Machine, shape: type[T], function: Exposed[P, R], *args: P.args, **kwargs: P.kwargs
) -> tuple[R, tuple[T, ...]]:
    """Call a function that uses ``send_values``: its result, and the values, which are of type ``shape``.

    Raises what ``Machine.call`` raises, and FormatError for values of another type.
    """
    chunks: list[bytes] = []
    result = await machine.call_listening(Listener(chunk=chunks.append), function, *args, **kwargs)

    def read() -> tuple[T, ...]:
        return tuple(loads(shape, line) for line in b"".join(chunks).splitlines())

    return result, await asyncio.to_thread(read)


def batches(values: Iterable[T], size: Callable[[T], int]) -> Iterator[tuple[T, ...]]:
    """Cut values into batches that fit into a message, in order. ``size``: bytes of one value as it travels. Pure."""
    batch: list[T] = []
    filled = 0
    for value in values:
        length = size(value)
        if batch and filled + length > PIECE:
            yield tuple(batch)
            batch, filled = [], 0
        batch.append(value)
        filled += length
    if batch:
        yield tuple(batch)
