"""An agent and a caller that is hostile, odd or gone (issue 3; faults rows 1, 2, 22)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcswitcher.machine import agent as agent_module
from pcswitcher.machine import probe
from pcswitcher.machine.agent import REQUEST_LIMIT, Agent
from pcswitcher.machine.api import Context, exposed
from pcswitcher.machine.fake import fake_facts
from pcswitcher.machine.frames import PROTOCOL, Answer, Failure, Message, Notification, Request
from pcswitcher.machine.process import Program, Sink
from pcswitcher.machine.rpc import INTERNAL_ERROR, METHOD_NOT_FOUND, OUR_ERROR, pack
from pcswitcher.machine.wire import MemoryWire
from pcswitcher.model.codec import JsonValue

pytestmark = pytest.mark.timeout(60)

CLOSED: list[str] = []
RAISED = {
    "stop": StopIteration,
    "exit": SystemExit,
    "interrupt": KeyboardInterrupt,
    "generator": GeneratorExit,
    "memory": MemoryError,
}


@exposed
def keep(context: Context, name: str) -> None:
    """Hold a resource for as long as the agent lives."""
    context.resources.callback(CLOSED.append, name)


@exposed
def odd(context: Context, kind: str) -> None:
    """Raise what is not meant for functions."""
    raise RAISED[kind]("odd")


@exposed
def not_a_number(context: Context) -> float:
    """Give what JSON cannot hold."""
    return float("nan")


@exposed
def deaf(context: Context, seconds: float) -> None:
    """Never look at the cancellation."""
    time.sleep(seconds)


@exposed
def pour(context: Context) -> None:
    """Send for ever."""
    while True:
        context.send(bytes(500_000))


@attrs.define
class Served:
    """An agent and the caller's end of its wire."""

    wire: MemoryWire
    serving: asyncio.Task[None]

    async def ask(self, method: str, params: dict[str, JsonValue], number: int = 1) -> Message | None:
        await self.wire.send(Request(number, method, params))
        return await asyncio.wait_for(self.wire.receive(), 10)

    async def ended(self, within: float = 10) -> None:
        await asyncio.wait_for(asyncio.shield(self.serving), within)


def call(function: str, **arguments: JsonValue) -> dict[str, JsonValue]:
    return {"function": function, "arguments": dict(arguments)}


async def _no_program(machine: str, program: Program, sink: Sink | None) -> object:
    await asyncio.sleep(60)
    raise AssertionError(machine)


@asynccontextmanager
async def served(*, liveness: float = 30, greet: bool = True) -> AsyncIterator[Served]:
    here, there = MemoryWire.pair()
    allowed = frozenset({"pcswitcher", __name__.partition(".")[0]})
    agent = Agent(there, facts=fake_facts("vega"), allowed=allowed, runner=_no_program)  # type: ignore[arg-type]
    it = Served(here, asyncio.create_task(agent.serve()))
    try:
        if greet:
            answer = await it.ask("hello", {"protocol": PROTOCOL, "version": "0", "liveness": liveness}, 0)
            assert isinstance(answer, Answer)
        yield it
    finally:
        here.close()
        await asyncio.wait({it.serving}, timeout=20)
        assert it.serving.done()


def serve_and(test: Callable[[Served], Awaitable[None]], *, liveness: float = 30, greet: bool = True) -> None:
    async def run() -> None:
        async with served(liveness=liveness, greet=greet) as it:
            await test(it)

    asyncio.run(run())


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_module, "STOP_GRACE", 0.3)
    CLOSED.clear()


def test_an_unknown_method_is_named_and_the_agent_goes_on() -> None:
    async def test(it: Served) -> None:
        answer = await it.ask("format", {})
        assert isinstance(answer, Failure)
        assert answer.code == METHOD_NOT_FOUND
        assert await it.ask("ping", {}, 2) == Answer(2, None)

    serve_and(test)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("hello", {}),
        ("hello", {"protocol": "1", "version": "0", "liveness": 1.0}),
        ("hello", {"protocol": PROTOCOL, "version": "0", "liveness": "1"}),
        ("hello", {"protocol": PROTOCOL, "version": "0", "liveness": True}),
        ("call", {}),
        ("call", {"function": 1, "arguments": {}}),
        ("call", {"function": "pcswitcher.machine.probe:echo", "arguments": []}),
        ("call", call("pcswitcher.machine.probe:echo", text="x")),
        ("call", call("pcswitcher.machine.probe:echo", text="x", name="\\")),
        ("call", call("pcswitcher.machine.probe:echo", text="x", name="\ud800")),
        ("call", call("pcswitcher.machine.probe:echo", text=1, name="")),
        ("call", call("pcswitcher.machine.probe:echo", text="x", name="", more=1)),
        ("call", call("os:system", command="true")),
        ("call", call("pcswitcher.machine.probe:")),
        ("call", call("pcswitcher..machine:x")),
        ("run", {}),
        ("run", {"arguments": [], "stdin": "!", "timeout": None, "environment": {}, "directory": None}),
        ("run", {"arguments": "true", "stdin": "", "timeout": "1", "environment": {}, "directory": None}),
    ],
)
def test_wrong_params_are_an_error_of_that_request_only(method: str, params: dict[str, JsonValue]) -> None:
    async def test(it: Served) -> None:
        answer = await it.ask(method, params)
        assert isinstance(answer, Failure)
        assert answer.code == OUR_ERROR, answer
        assert await it.ask("ping", {}, 2) == Answer(2, None)

    serve_and(test)


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.integers() | st.text(max_size=9), max_size=3)
)
def test_no_params_at_all_end_the_agent(params: dict[str, JsonValue]) -> None:
    async def test(it: Served) -> None:
        for number, method in enumerate(("hello", "call", "run"), 1):
            assert isinstance(await it.ask(method, params, number), Failure)
        assert await it.ask("ping", params, 9) == Answer(9, None)

    serve_and(test)


def test_before_the_greeting_nothing_is_done() -> None:
    async def test(it: Served) -> None:
        answer = await it.ask("call", call("pcswitcher.machine.probe:echo", text="x", name=""))
        assert isinstance(answer, Failure)
        assert "first request is a greeting" in answer.message

    serve_and(test, greet=False)


def test_another_protocol_is_refused_with_both_versions() -> None:
    async def test(it: Served) -> None:
        answer = await it.ask("hello", {"protocol": PROTOCOL + 1, "version": "99", "liveness": 20})
        assert isinstance(answer, Failure)
        assert "version 99" in answer.message
        assert f"protocol {PROTOCOL}" in answer.message
        assert isinstance(await it.ask("ping", {}, 2), Failure)

    serve_and(test, greet=False)


def test_a_caller_that_never_greets_is_taken_for_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faults row 2: the link may die between the agent's start and the first word."""
    monkeypatch.setattr(agent_module, "GREETING_PATIENCE", 0.2)

    async def test(it: Served) -> None:
        await it.ended(3)

    serve_and(test, greet=False)


def test_cancelling_what_is_not_known_is_ignored() -> None:
    async def test(it: Served) -> None:
        for params in ({"id": 77}, {"id": "x"}, {"id": True}, {}):
            await it.wire.send(Notification("cancel", dict(params)))
        assert await it.ask("ping", {}) == Answer(1, None)

    serve_and(test)


def test_a_flood_of_cancellations_is_taken_at_its_pace() -> None:
    async def test(it: Served) -> None:
        for number in range(20_000):
            await it.wire.send(Notification("cancel", {"id": number}))
        assert await it.ask("ping", {}, 30_000) == Answer(30_000, None)

    serve_and(test)


@pytest.mark.parametrize(
    "message",
    [Answer(1, None), Failure(1, 1, "x"), Notification("progress", {"id": 1})],
    ids=["answer", "error", "told"],
)
def test_what_only_agents_say_ends_the_connection(message: Message) -> None:
    async def test(it: Served) -> None:
        await it.wire.send(message)
        await it.ended()

    serve_and(test)


def test_two_requests_of_one_id_end_the_connection_and_both_calls() -> None:
    async def test(it: Served) -> None:
        await it.ask("call", call(f"{keep.name}", name="lock"), 5)
        for _ in range(2):
            await it.wire.send(Request(1, "call", call(probe.wait.name, seconds=60.0)))
        await it.ended(3)
        assert CLOSED == ["lock"]

    serve_and(test)


def test_a_flood_of_requests_ends_the_connection() -> None:
    async def test(it: Served) -> None:
        for number in range(1, REQUEST_LIMIT + 2):
            await it.wire.send(Request(number, "call", call(probe.wait.name, seconds=60.0)))
        await it.ended()

    serve_and(test)


@pytest.mark.parametrize("end", ["eof", "silence", "nonsense", "signal"])
def test_whatever_ends_the_connection_ends_calls_and_programs_and_closes_resources(end: str) -> None:
    """K1: the lock is such a resource."""

    async def test(it: Served) -> None:
        assert await it.ask("call", call(keep.name, name="lock"), 1) == Answer(1, None)
        await it.wire.send(Request(2, "call", call(probe.wait.name, seconds=60.0)))
        program = {"arguments": ["sleep"], "stdin": pack(b""), "timeout": None, "environment": {}, "directory": None}
        await it.wire.send(Request(3, "run", {**program}))
        await asyncio.sleep(0.1)
        assert CLOSED == []
        if end == "eof":
            it.wire.close()
        elif end == "nonsense":
            await it.wire._outgoing.put(b"{]\n")
        elif end == "signal":
            it.serving.cancel()
            await asyncio.wait({it.serving}, timeout=5)
            assert it.serving.cancelled()
            assert CLOSED == ["lock"]
            return
        await it.ended(4)
        assert CLOSED == ["lock"]

    serve_and(test, liveness=0.5 if end == "silence" else 30)


def test_a_caller_that_talks_is_not_silent() -> None:
    async def test(it: Served) -> None:
        for number in range(1, 9):
            assert await it.ask("ping", {}, number) == Answer(number, None)
            await asyncio.sleep(0.1)

    serve_and(test, liveness=0.4)


def test_a_caller_that_takes_nothing_does_not_keep_the_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faults row 2: a stalled link, with a call that streams into it; the call is let go and not waited out."""
    monkeypatch.setattr(agent_module, "STOP_GRACE", 20)

    async def test(it: Served) -> None:
        await it.wire.send(Request(1, "call", call(pour.name)))
        await it.ended(5)

    serve_and(test, liveness=0.5)


def test_a_function_that_hears_nothing_does_not_keep_the_agent() -> None:
    async def test(it: Served) -> None:
        await it.ask("call", call(keep.name, name="lock"), 1)
        await it.wire.send(Request(2, "call", call(deaf.name, seconds=3.0)))
        await asyncio.sleep(0.1)
        it.wire.close()
        start = time.monotonic()
        await it.ended(2.5)
        assert time.monotonic() - start < 2.5
        assert CLOSED == ["lock"]

    serve_and(test)


@pytest.mark.parametrize("kind", RAISED)
def test_an_odd_exception_is_an_answer_like_any_other(kind: str) -> None:
    async def test(it: Served) -> None:
        answer = await it.ask("call", call(odd.name, kind=kind))
        assert isinstance(answer, Failure)
        assert answer.code == INTERNAL_ERROR
        assert RAISED[kind].__name__ in answer.message
        assert await it.ask("ping", {}, 2) == Answer(2, None)

    serve_and(test)


def test_a_result_that_json_cannot_hold_is_an_error_and_not_a_silence() -> None:
    async def test(it: Served) -> None:
        answer = await it.ask("call", call(not_a_number.name))
        assert isinstance(answer, Failure)
        assert "JSON cannot" in answer.message

    serve_and(test)


def test_a_chunk_over_the_limit_is_the_functions_own_error() -> None:
    async def test(it: Served) -> None:
        answer = await it.ask("call", call(probe.stream.name, chunks=1, size=1024 * 1024 + 1))
        assert isinstance(answer, Failure)
        assert "over the limit" in answer.message

    serve_and(test)
