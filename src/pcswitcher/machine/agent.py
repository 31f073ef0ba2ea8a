"""The agent: our program as root on one machine for the time of one run.

It answers requests from the one connection it was given. When that connection closes, falls silent for
longer than agreed, or breaks the rules, the agent cancels its calls, ends its programs, closes its resources
(locks among them) and exits. ``guard`` watches over the agent itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from importlib.metadata import entry_points

import attrs

from pcswitcher import __version__
from pcswitcher.machine.api import AgentLog, Exposed, MachineFacts, resolve_exposed
from pcswitcher.machine.context import WorkerContext, log_params
from pcswitcher.machine.facts import read_facts
from pcswitcher.machine.frames import PROTOCOL, Answer, Failure, Message, Notification, Request
from pcswitcher.machine.libraries import route_libraries
from pcswitcher.machine.process import Program, Runner, run_program
from pcswitcher.machine.rpc import (
    METHOD_NOT_FOUND,
    Greeting,
    ProgramEnd,
    RunProgram,
    call_from_json,
    failure,
    pack,
    unpack,
)
from pcswitcher.machine.trace import trace_here
from pcswitcher.machine.wire import Wire, standard_streams
from pcswitcher.model.codec import JsonValue, from_json, to_json
from pcswitcher.model.errors import CancelledCallError, FormatError, PcSwitcherError, ProtocolError
from pcswitcher.model.events import Level

STOP_GRACE = 5.0
"""Seconds the agent's calls get to notice that they are cancelled."""
GREETING_PATIENCE = 30.0
"""Seconds an agent waits for the first greeting; after it the liveness its caller named counts."""
REQUEST_LIMIT = 1024
"""Most requests that are worked on at once."""
WORKERS = 64
"""Most functions that run at once; the others wait. A function that hangs holds one."""


@attrs.define
class _Task:
    task: asyncio.Task[None]
    context: WorkerContext


class Agent:
    """Answers the requests of one connection.

    ``allowed`` names the top-level packages whose exposed functions may be called; ``runner`` runs programs;
    ``greeted`` hears what the caller wants.
    """

    def __init__(
        self,
        wire: Wire,
        *,
        facts: MachineFacts,
        allowed: frozenset[str],
        runner: Runner = run_program,
        greeted: Callable[[Greeting], None] = lambda _: None,
    ) -> None:
        self._wire = wire
        self._facts = facts
        self._allowed = allowed
        self._runner = runner
        self._name = facts.hostname
        self._tasks: dict[int, _Task] = {}
        self._resources = ExitStack()
        self._liveness = GREETING_PATIENCE
        self._greeting: Greeting | None = None
        self._tell_greeting = greeted
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="call")

    async def serve(self) -> None:
        """Answer until the connection closes, falls silent or breaks the rules; then end everything started."""
        try:
            while (message := await self._next()) is not None:
                self._take(message)
        except (ProtocolError, TimeoutError):
            pass  # nobody who could be told is left
        finally:
            stopping = asyncio.ensure_future(self._stop())
            try:
                await asyncio.shield(stopping)
            except asyncio.CancelledError:
                await stopping  # a second signal does not make the end less orderly
                raise

    async def _next(self) -> Message | None:
        async with asyncio.timeout(self._liveness):
            return await self._wire.receive()

    def _take(self, message: Message) -> None:
        if isinstance(message, Notification) and message.method == "cancel":
            number = message.params.get("id")
            if isinstance(number, int) and (running := self._tasks.get(number)):
                running.context.cancel()
                running.task.cancel()
        elif isinstance(message, Request):
            if message.id in self._tasks or len(self._tasks) >= REQUEST_LIMIT:
                raise ProtocolError("a request under the id of one that is worked on, or too many at once")
            least = self._greeting.log if self._greeting else Level.CRITICAL
            context = WorkerContext(message.id, self._wire, asyncio.get_running_loop(), self._resources, least)
            task = asyncio.create_task(self._answer(message, context))
            self._tasks[message.id] = _Task(task, context)
            task.add_done_callback(lambda _: self._tasks.pop(message.id, None))
        else:
            raise ProtocolError("an agent only takes requests and cancellations")

    async def _answer(self, request: Request, context: WorkerContext) -> None:
        answer: Message
        try:
            answer = Answer(request.id, await self._perform(request, context))
        except asyncio.CancelledError:
            answer = failure(request.id, CancelledCallError(f"{self._name}: the call was cancelled"))
        except _UnknownMethodError as error:
            answer = Failure(request.id, METHOD_NOT_FOUND, str(error))
        except Exception as error:  # noqa: BLE001 - whatever a function raises is its caller's to handle
            answer = failure(request.id, error)
        with contextlib.suppress(OSError):
            try:
                await self._wire.send(answer)
            except ProtocolError as error:  # the result is too large for one message
                await self._wire.send(failure(request.id, error))

    async def _perform(self, request: Request, context: WorkerContext) -> JsonValue:
        if self._greeting is None and request.method != "hello":
            raise ProtocolError(f"{self._name}: the first request is a greeting")
        match request.method:
            case "hello":
                return self._greet(from_json(Greeting, request.params))
            case "ping":
                return None
            case "call":
                return await self._call(request.params, context)
            case "run":
                return await self._run(from_json(RunProgram, request.params), request.id)
            case _:
                raise _UnknownMethodError(f"no method {request.method!r}")

    def _greet(self, greeting: Greeting) -> JsonValue:
        if greeting.protocol != PROTOCOL:
            raise ProtocolError(
                f"{self._name} speaks protocol {PROTOCOL} (version {__version__}), "
                f"the caller {greeting.protocol} (version {greeting.version})"
            )
        self._liveness = greeting.liveness
        self._greeting = greeting
        self._tell_greeting(greeting)
        return to_json(self._facts)

    async def _call(self, params: dict[str, JsonValue], context: WorkerContext) -> JsonValue:
        call = call_from_json(params)
        function = resolve_exposed(call.function, self._allowed)
        types = function.parameter_types()
        if types.keys() != call.arguments.keys():
            raise FormatError(f"{function.name} takes {', '.join(types) or 'nothing'}")
        arguments: dict[str, object] = {name: from_json(shape, call.arguments[name]) for name, shape in types.items()}
        loop = asyncio.get_running_loop()
        working = loop.run_in_executor(self._workers, partial(_perform_here, function, context, arguments))
        try:
            result = await asyncio.shield(working)
        except asyncio.CancelledError:
            # A thread cannot be ended from outside: it sees the cancellation at its next check.
            await asyncio.wait({working}, timeout=STOP_GRACE)
            if working.done() and not working.cancelled():
                working.exception()
            raise
        return to_json(result, function.result_type())

    async def _run(self, request: RunProgram, number: int) -> JsonValue:
        program = Program(
            arguments=request.arguments,
            stdin=unpack(request.stdin),
            timeout=request.timeout,
            environment=request.environment,
            directory=request.directory,
        )

        async def forward(stream: int, data: bytes) -> None:
            await self._wire.send(Notification("output", {"id": number, "stream": stream, "data": pack(data)}))

        completed = await self._runner(self._name, program, forward)
        return to_json(ProgramEnd(status=completed.status))

    async def _stop(self) -> None:
        # First, so that whoever waits to send into a stalled link is let go.
        self._wire.close()
        running = list(self._tasks.values())
        for each in running:
            each.context.cancel()
            each.task.cancel()
        if running:
            await asyncio.wait({each.task for each in running}, timeout=STOP_GRACE + 1)
        self._workers.shutdown(wait=False, cancel_futures=True)
        self._resources.close()


def _perform_here(function: Exposed[..., object], context: WorkerContext, arguments: dict[str, object]) -> object:
    """Run ``function`` in this worker thread."""
    trace_here(context.trace(), (f"{context.number}.{count}" for count in itertools.count(1)))
    try:
        return function(context, **arguments)
    except (StopIteration, SystemExit, KeyboardInterrupt, GeneratorExit) as error:
        # These mean something to the event loop; here they are a function's failure like any other.
        raise RuntimeError(f"{type(error).__name__}: {error}") from error


class _UnknownMethodError(PcSwitcherError):
    pass


def allowed_packages() -> frozenset[str]:
    """Our own package and those of installed jobs: the only ones whose functions an agent runs."""
    jobs = entry_points(group="pcswitcher.jobs")
    return frozenset({"pcswitcher", *(job.module.partition(".")[0] for job in jobs)})


async def _serve(input_fd: int, output_fd: int) -> None:
    wire = await standard_streams(input_fd, output_fd)
    loop = asyncio.get_running_loop()

    def tell(line: AgentLog) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            asyncio.run_coroutine_threadsafe(wire.send(Notification("log", {"id": 0, **log_params(line)})), loop)

    def follow(greeting: Greeting) -> None:
        libraries.enter_context(route_libraries(tell, greeting.libraries))

    libraries = ExitStack()
    agent = Agent(wire, facts=read_facts(), allowed=allowed_packages(), greeted=follow)
    serving = asyncio.ensure_future(agent.serve())
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, serving.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await serving


def main() -> None:
    """Serve on standard input and output until the caller is gone. Does not return."""
    # Functions may print by mistake: the wire is moved away from where prints go.
    input_fd, output_fd = os.dup(0), os.dup(1)
    with open(os.devnull, "r+b", buffering=0) as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(2, 1)
    os.umask(0o022)
    os.chdir("/")
    status = 0
    try:
        # Not asyncio.run and not sys.exit: both wait for worker threads, and one that is stuck must not keep root's
        # agent, and with it the lock, alive.
        asyncio.new_event_loop().run_until_complete(_serve(input_fd, output_fd))
    except BaseException:  # noqa: BLE001 - the exit below must happen whatever it was
        status = 1
    os._exit(status)
