"""The wires: order, pace, and an end that both sides and everybody who waits notice."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from pcswitcher.machine.frames import Answer, Notification
from pcswitcher.machine.wire import LANE_LENGTH, MemoryWire, StreamWire, Wire, standard_streams
from pcswitcher.model.errors import ProtocolError

pytestmark = pytest.mark.timeout(30)

BIG = Notification("chunk", {"data": "x" * 1_000_000})


@asynccontextmanager
async def memory() -> AsyncIterator[tuple[Wire, Wire]]:
    yield MemoryWire.pair()


@asynccontextmanager
async def pipes() -> AsyncIterator[tuple[StreamWire, StreamWire]]:
    to_there, to_here = os.pipe(), os.pipe()
    here = await standard_streams(to_here[0], to_there[1])
    there = await standard_streams(to_there[0], to_here[1])
    try:
        yield here, there
    finally:
        for wire in (here, there):
            wire.close()
            wire._reader._transport.close()  # type: ignore[attr-defined]
        await asyncio.sleep(0)


BOTH = pytest.mark.parametrize("wires", [memory, pipes])


@BOTH
def test_messages_arrive_in_order_and_the_end_after_them(wires: object) -> None:
    async def run() -> list[object]:
        async with wires() as (here, there):  # type: ignore[operator]
            received: list[object] = []

            async def listen() -> None:
                while (message := await there.receive()) is not None:
                    received.append(message)

            listening = asyncio.create_task(listen())
            for number in range(LANE_LENGTH * 3):
                await here.send(Answer(number, None))
            await asyncio.sleep(0.1)
            here.close()
            await listening
            return received

    assert asyncio.run(run()) == [Answer(number, None) for number in range(LANE_LENGTH * 3)]


@BOTH
def test_a_sender_waits_for_a_slow_other_side_and_is_let_go_when_its_own_side_closes(wires: object) -> None:
    """Faults row 2: nobody hangs on a stalled link."""

    async def run() -> None:
        async with wires() as (here, _there):  # type: ignore[operator]
            sent = 0

            async def send() -> None:
                nonlocal sent
                while True:
                    await here.send(BIG)
                    sent += 1

            sending = asyncio.create_task(send())
            await asyncio.sleep(0.3)
            assert not sending.done()
            assert sent <= LANE_LENGTH
            here.close()
            with pytest.raises(OSError, match=r"."):
                await asyncio.wait_for(sending, 5)

    asyncio.run(run())


@BOTH
def test_whoever_waits_sees_the_other_side_go(wires: object) -> None:
    async def run() -> object:
        async with wires() as (here, there):  # type: ignore[operator]
            receiving = asyncio.create_task(there.receive())
            await asyncio.sleep(0.05)
            here.close()
            return await asyncio.wait_for(receiving, 5)

    assert asyncio.run(run()) is None


@BOTH
def test_after_its_end_a_wire_neither_sends_nor_receives(wires: object) -> None:
    async def run() -> None:
        async with wires() as (here, _):  # type: ignore[operator]
            here.close()
            here.close()
            with pytest.raises(OSError, match=r"."):
                await here.send(Answer(1, None))
            assert await here.receive() is None

    asyncio.run(run())


def test_a_line_without_end_is_given_up_with_bounded_memory() -> None:
    """Faults row 22: a 10 GB line."""

    async def run() -> int:
        read, write = os.pipe()
        spare = os.pipe()
        wire = await standard_streams(read, spare[1])
        written = 0

        def pour() -> int:
            nonlocal written
            with suppress(OSError):
                while written < 10_000_000_000:
                    written += os.write(write, b"x" * 65536)
            return written

        pouring = asyncio.create_task(asyncio.to_thread(pour))
        with pytest.raises(ProtocolError, match="over the limit"):
            await wire.receive()
        wire.close()
        wire._reader._transport.close()  # type: ignore[attr-defined]
        os.close(spare[0])
        try:
            return await pouring
        finally:
            os.close(write)

    assert asyncio.run(run()) < 8 * 1024 * 1024
