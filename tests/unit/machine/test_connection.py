"""A caller and an agent that is hostile, odd or gone: refused, bounded, safe to show (faults rows 2 and 22)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcswitcher.machine import connection, probe
from pcswitcher.machine.api import AgentLog, Listener, ProgressReport
from pcswitcher.machine.connection import AgentMachine, Liveness
from pcswitcher.machine.fake import fake_facts
from pcswitcher.machine.frames import Answer, Failure, Message, Notification, Request
from pcswitcher.machine.rpc import OUR_ERROR, pack
from pcswitcher.machine.wire import MemoryWire
from pcswitcher.model.codec import JsonValue, to_json
from pcswitcher.model.errors import (
    CheckError,
    ConnectionLostError,
    FormatError,
    FunctionError,
    PcSwitcherError,
    ProgramError,
    ProtocolError,
)
from pcswitcher.model.events import Level

pytestmark = pytest.mark.timeout(60)

QUIET = Liveness(interval=60, limit=60)
HOSTILE = "\x1b]0;owned\x07\x9b2J\u202egnp.exe\u2028\r"


@attrs.define
class Pretender:
    """A machine, and the agent's end of its wire in our hands."""

    machine: AgentMachine
    wire: MemoryWire

    async def next(self) -> Request | Notification:
        message = await asyncio.wait_for(self.wire.receive(), 10)
        assert isinstance(message, Request | Notification)
        return message

    async def asked(self) -> int:
        """The id of the next request."""
        message = await self.next()
        assert isinstance(message, Request)
        return message.id

    async def raw(self, line: bytes) -> None:
        await self.wire._outgoing.put(line)


@asynccontextmanager
async def pretended(liveness: Liveness = QUIET, facts: JsonValue = None) -> AsyncIterator[Pretender]:
    here, there = MemoryWire.pair()
    machine = AgentMachine("vega", here, liveness=liveness)
    it = Pretender(machine, there)
    try:
        greeting = asyncio.create_task(machine.greet())
        await there.send(Answer(await it.asked(), facts or to_json(fake_facts("vega"))))
        await greeting
        yield it
    finally:
        await machine.close()


def with_pretender(test: Callable[[Pretender], Awaitable[None]], liveness: Liveness = QUIET) -> None:
    async def run() -> None:
        async with pretended(liveness) as it:
            await test(it)

    asyncio.run(run())


def is_safe(text: str) -> bool:
    return all(character.isprintable() or character == "\n" for character in text)


@pytest.mark.parametrize(
    "message",
    [
        Request(1, "ping", {}),
        Notification("progress", {}),
        Notification("progress", {"id": "1"}),
        Notification("progress", {"id": True}),
        Notification("progress", {"id": 2, "done": "1", "total": 1, "unit": "x", "item": ""}),
        Notification("progress", {"id": 2, "done": 1, "total": 1, "unit": "x", "item": "\\"}),
        Notification("progress", {"id": 2, "done": 1, "total": 1, "unit": "x", "item": "\ud800"}),
        Notification("chunk", {"id": 2}),
        Notification("chunk", {"id": 2, "data": "not base64!"}),
        Notification("chunk", {"id": 2, "data": "ünicode"}),
        Notification("log", {"id": 2, "level": 21, "message": "x", "fields": {}}),
        Notification("log", {"id": 2, "level": 20, "message": "x", "fields": {"a": 1}}),
        Notification("log", {"id": 2, "level": 20, "message": 5, "fields": {}}),
        Notification("output", {"id": 2, "stream": 1, "data": ""}),
        Notification("format-disk", {"id": 2}),
    ],
    ids=str,
)
def test_what_an_agent_may_not_say_ends_the_connection(message: Message) -> None:
    async def test(it: Pretender) -> None:
        calling = asyncio.create_task(it.machine.call(probe.count, 1))
        assert await it.asked() == 2
        await it.wire.send(message)
        with pytest.raises(ProtocolError) as caught:
            await asyncio.wait_for(calling, 5)
        assert caught.value.message.startswith("vega: ")
        with pytest.raises(ProtocolError):
            await it.machine.call(probe.count, 1)

    with_pretender(test)


@pytest.mark.parametrize("line", [b"\n", b"{]\n", b"\x1b[2J\n", b"[]\n", b'{"jsonrpc":"2.0","id":2,"result":NaN}\n'])
def test_a_line_that_is_no_message_ends_the_connection(line: bytes) -> None:
    async def test(it: Pretender) -> None:
        calling = asyncio.create_task(it.machine.call(probe.count, 1))
        await it.asked()
        await it.raw(line)
        with pytest.raises(ProtocolError) as caught:
            await asyncio.wait_for(calling, 5)
        assert is_safe(str(caught.value))

    with_pretender(test)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=5))
def test_no_bytes_at_all_leave_a_call_waiting(lines: list[bytes]) -> None:
    async def test(it: Pretender) -> None:
        calling = asyncio.create_task(it.machine.call(probe.count, 1))
        await it.asked()
        for line in lines:
            with_end = line.replace(b"\n", b" ") + b"\n"
            try:
                await it.raw(with_end)
            except OSError:
                break
        it.wire.close()
        with pytest.raises(PcSwitcherError):
            await asyncio.wait_for(calling, 5)

    with_pretender(test)


def test_answers_nobody_asked_for_change_nothing() -> None:
    """Another run's ids, late words of a call that was given up, an answer twice."""

    async def test(it: Pretender) -> None:
        for number in (0, -1, 2, 99, 10**300):
            await it.wire.send(Answer(number, "forged"))
            await it.wire.send(Failure(number, 1, "forged"))
            await it.wire.send(Notification("chunk", {"id": number, "data": ""}))
        calling = asyncio.create_task(it.machine.call(probe.count, 1))
        number = await it.asked()
        await it.wire.send(Answer(number, 7))
        await it.wire.send(Answer(number, 8))
        await it.wire.send(Failure(number, 1, "late"))
        assert await calling == 7

    with_pretender(test)


@pytest.mark.parametrize("result", [None, "7", 7.5, True, [7], {"a": 7}])
def test_a_result_of_another_type_is_refused(result: JsonValue) -> None:
    async def test(it: Pretender) -> None:
        calling = asyncio.create_task(it.machine.call(probe.count, 1))
        await it.wire.send(Answer(await it.asked(), result))
        with pytest.raises(FormatError):
            await calling

    with_pretender(test)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Failure(2, OUR_ERROR, "", {"type": "CheckError", "message": HOSTILE, "hint": HOSTILE}), CheckError),
        (Failure(2, OUR_ERROR, "", {"type": "SystemExit", "message": HOSTILE, "hint": ""}), FunctionError),
        (Failure(2, OUR_ERROR, HOSTILE, {"type": "CheckError"}), ProtocolError),
        (Failure(2, -1, HOSTILE), FunctionError),
    ],
    ids=["ours", "no type of ours", "wrong form", "not ours"],
)
def test_an_error_with_escape_codes_is_safe_to_show(answer: Failure, kind: type[PcSwitcherError]) -> None:
    async def test(it: Pretender) -> None:
        calling = asyncio.create_task(it.machine.call(probe.count, 1))
        assert await it.asked() == 2
        await it.wire.send(answer)
        with pytest.raises(kind) as caught:
            await calling
        assert is_safe(str(caught.value))

    with_pretender(test)


def test_what_is_told_meanwhile_is_safe_to_show() -> None:
    reports: list[ProgressReport] = []
    lines: list[AgentLog] = []

    async def test(it: Pretender) -> None:
        listener = Listener(progress=reports.append, log=lines.append)
        calling = asyncio.create_task(it.machine.call_listening(listener, probe.count, 1))
        number = await it.asked()
        told: dict[str, JsonValue] = {"id": number, "level": 20, "message": HOSTILE, "fields": {HOSTILE: HOSTILE}}
        await it.wire.send(Notification("log", told))
        progress: dict[str, JsonValue] = {"id": number, "done": 1, "total": 0, "unit": HOSTILE, "item": "\\x1b"}
        await it.wire.send(Notification("progress", progress))
        await it.wire.send(Answer(number, 1))
        await calling

    with_pretender(test)
    [line], [report] = lines, reports
    assert line.level is Level.INFO
    assert is_safe(line.message)
    assert all(is_safe(name + value) for name, value in line.fields.items())
    assert is_safe(report.unit)
    assert report.item == b"\x1b"


@pytest.mark.parametrize("field", ["hostname", "login_home", "kernel"])
@pytest.mark.parametrize("word", [HOSTILE, "two\nlines"])
def test_a_machine_whose_names_are_no_names_is_refused(field: str, word: str) -> None:
    facts = to_json(attrs.evolve(fake_facts("vega"), **{field: word}))

    async def run() -> None:
        async with pretended(facts=facts):
            raise AssertionError

    with pytest.raises(ProtocolError, match="vega"):
        asyncio.run(run())


@pytest.mark.parametrize("facts", [{}, [], {"hostname": "vega"}, "x"])
def test_a_greeting_of_the_wrong_form_is_refused(facts: JsonValue) -> None:
    async def run() -> None:
        async with pretended(facts=facts or {"hostname": ""}):
            raise AssertionError

    with pytest.raises(FormatError):
        asyncio.run(run())


@pytest.mark.parametrize("stream", [0, 3, "1", None])
def test_output_of_a_stream_that_programs_do_not_have_is_refused(stream: JsonValue) -> None:
    async def test(it: Pretender) -> None:
        running = asyncio.create_task(it.machine.run(["true"]))
        await it.wire.send(Notification("output", {"id": await it.asked(), "stream": stream, "data": ""}))
        with pytest.raises(ProtocolError):
            await running

    with_pretender(test)


def test_output_without_end_is_bounded_and_the_program_ended_there() -> None:
    async def test(it: Pretender) -> None:
        running = asyncio.create_task(it.machine.run(["yes"]))
        number = await it.asked()
        piece = pack(bytes(1_000_000))
        for _ in range(17):
            await it.wire.send(Notification("output", {"id": number, "stream": 1, "data": piece}))
        with pytest.raises(ProgramError, match="vega: yes printed more than 16 MiB"):
            await running
        assert await it.next() == Notification("cancel", {"id": number})

    with_pretender(test)


def test_a_listener_that_fails_fails_its_own_call_only() -> None:
    def fail(_: bytes) -> None:
        raise ZeroDivisionError

    async def test(it: Pretender) -> None:
        calling = asyncio.create_task(it.machine.call_listening(Listener(chunk=fail), probe.stream, 1, 1))
        number = await it.asked()
        await it.wire.send(Notification("chunk", {"id": number, "data": pack(b"x")}))
        with pytest.raises(ZeroDivisionError):
            await calling
        assert await it.next() == Notification("cancel", {"id": number})
        again = asyncio.create_task(it.machine.call(probe.count, 3))
        await it.wire.send(Answer(await it.asked(), 3))
        assert await again == 3

    with_pretender(test)


def test_silence_is_told_within_the_liveness_and_not_later() -> None:
    """Faults row 2: neither a call under way nor the ping that is not answered adds to the time."""

    async def test(it: Pretender) -> None:
        calling = asyncio.create_task(it.machine.call(probe.count, 1))
        start = time.monotonic()
        with pytest.raises(ConnectionLostError, match=r"vega: no answer for 0\.6 s") as caught:
            await calling
        assert 0.4 < time.monotonic() - start < 1.2
        assert "network" in caught.value.hint
        assert it.machine.is_lost
        with pytest.raises(ConnectionLostError):
            await it.machine.call(probe.count, 1)

    with_pretender(test, Liveness(interval=0.1, limit=0.6))


def test_silence_instead_of_a_greeting_is_told_too() -> None:
    async def run() -> None:
        here, _there = MemoryWire.pair()
        machine = AgentMachine("vega", here, liveness=Liveness(interval=0.1, limit=0.3))
        try:
            await asyncio.wait_for(machine.greet(), 2)
        finally:
            await machine.close()

    with pytest.raises(ConnectionLostError, match="no answer"):
        asyncio.run(run())


def test_a_link_that_is_slow_but_speaks_is_not_given_up() -> None:
    """On a slow link the answer to a ping waits behind what a call streams."""

    async def test(it: Pretender) -> None:
        calling = asyncio.create_task(it.machine.call(probe.stream, 1, 1))
        number = await it.asked()
        for _ in range(10):  # pings are never answered
            await asyncio.sleep(0.1)
            await it.wire.send(Notification("chunk", {"id": number, "data": ""}))
        await it.wire.send(Answer(number, 1))
        assert await calling == 1

    with_pretender(test, Liveness(interval=0.1, limit=0.4))


def test_a_cancelled_call_waits_for_a_stalled_agent_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CANCEL_GRACE", 0.3)

    async def test(it: Pretender) -> None:
        calling = asyncio.create_task(it.machine.call(probe.count, 1))
        number = await it.asked()
        start = time.monotonic()
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert time.monotonic() - start < 2
        assert await it.next() == Notification("cancel", {"id": number})

    with_pretender(test)


def test_cancelling_a_request_that_could_not_even_leave_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CANCEL_GRACE", 0.3)

    async def test(it: Pretender) -> None:
        calls = [asyncio.create_task(it.machine.call(probe.count, 1)) for _ in range(200)]  # more than the wire holds
        await asyncio.sleep(0.1)
        start = time.monotonic()
        for calling in calls:
            calling.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        assert all(calling.cancelled() for calling in calls)
        assert time.monotonic() - start < 2

    with_pretender(test)


class Burst:
    """A wire on which everything comes at once, as one read of a pipe may give it."""

    def __init__(self) -> None:
        self.waiting: list[Message] = []
        self.came = asyncio.Event()

    async def receive(self) -> Message | None:
        if not self.waiting:
            self.came.clear()
            await self.came.wait()
        return self.waiting.pop(0)

    async def send(self, message: Message) -> None:
        if isinstance(message, Request):
            result = to_json(fake_facts("vega")) if message.method == "hello" else 5
            self.waiting += [Answer(message.id, result), Answer(message.id, 6), Failure(message.id, 1, "again")]
            self.came.set()

    def close(self) -> None:
        return


def test_an_answer_given_twice_in_one_breath_counts_once() -> None:
    async def run() -> list[int]:
        machine = AgentMachine("vega", Burst(), liveness=QUIET)
        try:
            await machine.greet()
            return [await asyncio.wait_for(machine.call(probe.count, 1), 5) for _ in range(3)]
        finally:
            await machine.close()

    assert asyncio.run(run()) == [5, 5, 5]
