"""A machine behind an agent: what ``Machine`` promises, over one wire."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, cast

import attrs

from pcswitcher import __version__
from pcswitcher.machine.api import (
    AgentLog,
    Completed,
    Exposed,
    Listener,
    Machine,
    MachineFacts,
    OutputListener,
    P,
    ProgressReport,
    R,
)
from pcswitcher.machine.frames import PROTOCOL, Answer, Failure, Message, Notification, Request
from pcswitcher.machine.process import KeptOutput, as_bytes
from pcswitcher.machine.rpc import Call, Greeting, ProgramEnd, RunProgram, error_from, pack, unpack
from pcswitcher.machine.trace import LogRoute, Trace
from pcswitcher.machine.wire import Wire
from pcswitcher.model.codec import JsonValue, from_json, to_json
from pcswitcher.model.errors import ConnectionLostError, FormatError, PcSwitcherError, ProtocolError
from pcswitcher.model.events import Level
from pcswitcher.model.secret import Secret
from pcswitcher.model.text import escape, printable, unescape

CANCEL_GRACE = 8.0
"""Seconds a cancelled call gets to end on its machine before its caller goes on."""

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Liveness:
    """How a dead link is told from a quiet one: a ping every ``interval`` seconds, given up after ``limit``."""

    interval: float = 5.0
    limit: float = 20.0


@attrs.define
class _Pending:
    answer: asyncio.Future[JsonValue]
    listener: Listener
    output: Callable[[int, bytes], None] | None = None


class AgentMachine(Machine):
    """One PC driven through its agent. ``log`` is where its log lines go; None: nowhere."""

    def __init__(self, name: str, wire: Wire, *, liveness: Liveness | None = None, log: LogRoute | None = None) -> None:
        self.name = name
        self.round_trip = 0.0
        """Seconds of the last ping."""
        self._wire = wire
        self._liveness = liveness or Liveness()
        self._log = log
        self._trace = Trace.along(log, name)
        self._numbers = itertools.count(1)
        self._pending: dict[int, _Pending] = {}
        self._lost: PcSwitcherError | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._heard = time.monotonic()

    @property
    def silent(self) -> float:
        """Seconds since anything came from the machine."""
        return time.monotonic() - self._heard

    @property
    def is_lost(self) -> bool:
        """Whether the machine went away or was let go."""
        return self._lost is not None

    async def greet(self) -> MachineFacts:
        """Say hello and start listening. Raises ProtocolError when the versions do not understand each other."""
        self._heard = time.monotonic()
        self._tasks.append(asyncio.create_task(self._receive(), name=f"receive from {self.name}"))
        self._tasks.append(asyncio.create_task(self._watch(), name=f"watch {self.name}"))
        greeting = Greeting(protocol=PROTOCOL, version=__version__, liveness=self._liveness.limit)
        if self._log:
            greeting = attrs.evolve(greeting, log=self._log.least, libraries=self._log.libraries)
        self.facts = _facts(await self._request("hello", to_json(greeting)), self.name)
        self.name = self.facts.hostname or self.name
        self._trace = Trace.along(self._log, self.name)
        self._tasks.append(asyncio.create_task(self._ping(), name=f"ping {self.name}"))
        return self.facts

    async def call_listening(self, listener: Listener, function: Exposed[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """See Machine."""
        types = function.parameter_types()
        bound = function.bind(*args, **kwargs)
        call = Call(function=function.name, arguments={name: to_json(bound[name], types[name]) for name in types})
        number = next(self._numbers)
        with self._trace.call(str(number), function.name):
            result = await self._request("call", to_json(call), listener, number=number)
        return from_json(function.result_type(), result)

    async def run(
        self,
        arguments: Sequence[str | bytes],
        *,
        stdin: bytes = b"",
        timeout: float | None = None,
        environment: Mapping[str, str | Secret] | None = None,
        directory: str | None = None,
        listener: OutputListener | None = None,
    ) -> Completed:
        """See Machine."""
        words = as_bytes(arguments)
        capture = KeptOutput(f"{self.name}: {escape(words[0]) if words else ''}")
        request = RunProgram(
            arguments=words,
            stdin=pack(stdin),
            timeout=timeout,
            environment=_revealed(environment or {}),
            directory=directory,
        )
        number = next(self._numbers)
        with self._trace.command(
            str(number), words, stdin=len(stdin), environment=request.environment, directory=directory
        ) as command:
            output = command.listen(listener or capture.keep)
            answer = await self._request("run", to_json(request), output=output, number=number)
            status = from_json(ProgramEnd, answer).status
            command.ended(status)
        return Completed(
            machine=self.name,
            arguments=tuple(map(escape, words)),
            status=status,
            stdout=bytes(capture.streams[1]),
            stderr=bytes(capture.streams[2]),
        )

    async def close(self) -> None:
        """See Machine."""
        self._wire.close()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._give_up(ConnectionLostError(f"{self.name}: the connection is closed"))

    def lose(self, reason: str) -> None:
        """Take the machine for gone: every waiting call fails with ``reason``."""
        self._give_up(
            ConnectionLostError(f"{self.name}: {reason}", "check the network, then start the same command again")
        )
        self._wire.close()

    async def _request(
        self,
        method: str,
        params: JsonValue,
        listener: Listener | None = None,
        output: Callable[[int, bytes], None] | None = None,
        *,
        number: int | None = None,
    ) -> JsonValue:
        if self._lost:
            raise self._lost
        number = next(self._numbers) if number is None else number
        answer: asyncio.Future[JsonValue] = asyncio.get_running_loop().create_future()
        self._pending[number] = _Pending(answer, listener or Listener(), output)
        try:
            await self._send(Request(number, method, cast("dict[str, JsonValue]", params)))
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            await self._cancel(number, answer)
            raise
        finally:
            self._pending.pop(number, None)
            if answer.done() and not answer.cancelled():
                answer.exception()  # seen, whoever waited

    async def _cancel(self, number: int, answer: asyncio.Future[JsonValue]) -> None:
        if self._lost:
            return
        with contextlib.suppress(ConnectionLostError, TimeoutError):
            async with asyncio.timeout(CANCEL_GRACE):
                await self._send(Notification("cancel", {"id": number}))
                await asyncio.wait({answer})

    async def _send(self, message: Message) -> None:
        try:
            await self._wire.send(message)
        except OSError as error:
            self.lose("the connection to the agent broke")
            raise self._lost or ConnectionLostError(str(error)) from error

    async def _receive(self) -> None:
        try:
            while (message := await self._wire.receive()) is not None:
                self._heard = time.monotonic()
                self._take(message)
            self.lose("the agent ended or the connection broke")
        except PcSwitcherError as error:
            self._give_up(ProtocolError(f"{self.name}: {printable(error.message)}", "start the same command again"))
            self._wire.close()

    def _take(self, message: Message) -> None:
        match message:
            case Answer(id=number, result=result):
                self._settle(number, lambda answer: answer.set_result(result))
            case Failure(id=number):
                error = error_from(message, self.name)
                self._settle(number, lambda answer: answer.set_exception(error))
            case Notification(method=method, params=params):
                self._notify(method, params)
            case Request():
                raise ProtocolError(f"{self.name}: an agent may not ask")

    def _settle(self, number: int, how: Callable[[asyncio.Future[JsonValue]], None]) -> None:
        pending = self._pending.get(number)
        if pending and not pending.answer.done():
            how(pending.answer)

    def _notify(self, method: str, params: dict[str, JsonValue]) -> None:
        if method == "log" and params.get("id") == 0:  # of no call: the numbers of those begin at 1
            self._trace.sink(_agent_log(params))
            return
        pending = self._pending.get(_field(params, "id", int))
        if pending is None:
            return  # a late word of a call that was given up
        try:
            self._hear(pending, method, params)
        except ProtocolError:
            raise
        except Exception as error:  # noqa: BLE001 - a listener's failure belongs to its call
            if not pending.answer.done():
                pending.answer.set_exception(error)
                self._tasks.append(asyncio.create_task(self._cancel(_field(params, "id", int), pending.answer)))

    def _hear(self, pending: _Pending, method: str, params: dict[str, JsonValue]) -> None:
        listener = pending.listener
        match method:
            case "progress":
                listener.progress(_progress(params))
            case "chunk":
                listener.chunk(unpack(params.get("data")))
            case "log":
                (listener.log or self._trace.sink)(_agent_log(params))
            case "output" if pending.output is not None:
                stream = _field(params, "stream", int)
                if stream not in {1, 2}:
                    raise ProtocolError(f"{self.name}: output of stream {stream}")
                pending.output(stream, unpack(params.get("data")))
            case _:
                raise ProtocolError(f"{self.name}: an unknown notification")

    async def _ping(self) -> None:
        with contextlib.suppress(PcSwitcherError):
            while True:
                await asyncio.sleep(self._liveness.interval)
                started = time.monotonic()
                await self._request("ping", {})
                self.round_trip = time.monotonic() - started

    async def _watch(self) -> None:
        """Take the other side for gone when nothing at all came from it for ``liveness.limit`` seconds.

        Any message counts: on a slow link the answer to a ping waits behind what a call streams.
        """
        left = self._liveness.limit
        while left > 0:
            await asyncio.sleep(left)
            left = self._heard + self._liveness.limit - time.monotonic()
        self.lose(f"no answer for {self._liveness.limit:g} s")

    def _give_up(self, error: PcSwitcherError) -> None:
        self._lost = self._lost or error
        for pending in list(self._pending.values()):
            if not pending.answer.done():
                pending.answer.set_exception(self._lost)


def _field(params: dict[str, JsonValue], name: str, shape: type[T]) -> T:
    value = params.get(name)
    if type(value) is not shape:  # true and false are numbers to isinstance
        raise ProtocolError(f"a notification lacks a proper {name}")
    return value


def _revealed(environment: Mapping[str, str | Secret]) -> dict[str, str]:
    """An environment as the program gets it. What goes over the wire is shown to nobody."""
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in environment.items()}


def _facts(answer: JsonValue, name: str) -> MachineFacts:
    """The facts of a greeting; they are shown everywhere, so only what is safe on a terminal is taken."""
    facts = from_json(MachineFacts, answer)
    words = [value for value in attrs.astuple(facts) if isinstance(value, str)]
    if any("\n" in word or printable(word) != word for word in words):
        raise ProtocolError(f"{name}: its agent greets with what is no name")
    return facts


def _progress(params: dict[str, JsonValue]) -> ProgressReport:
    try:
        item = unescape(_field(params, "item", str))
    except FormatError as error:
        raise ProtocolError("progress in the wrong form") from error
    return ProgressReport(
        done=_field(params, "done", int),
        total=_field(params, "total", int),
        unit=printable(_field(params, "unit", str)),
        item=item,
    )


def _agent_log(params: dict[str, JsonValue]) -> AgentLog:
    try:
        fields = from_json(dict[str, str], params.get("fields"))
        return AgentLog(
            level=Level(_field(params, "level", int)),
            message=printable(_field(params, "message", str)),
            fields={printable(name): printable(value) for name, value in fields.items()},
        )
    except (ValueError, FormatError) as error:
        raise ProtocolError("a log line in the wrong form") from error
