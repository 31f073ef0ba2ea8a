"""The one place that runs programs for a machine.

A program gets its own process group, a clean environment, and an end: whatever happens to its caller, the
group is told SIGTERM and, after a grace, SIGKILL.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import attrs

from pcswitcher.machine.api import CAPTURE_LIMIT, Completed
from pcswitcher.model.errors import ProgramError, ProgramTimeoutError
from pcswitcher.model.text import escape, human_size

GRACE = 3.0
"""Seconds between SIGTERM and SIGKILL."""
PIECE = 64 * 1024
CLEAN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

Sink = Callable[[int, bytes], Awaitable[None]]


@attrs.frozen(kw_only=True)
class Program:
    """A program to run: arguments (the first is its name), what it reads, its limits and surroundings."""

    arguments: tuple[bytes, ...]
    stdin: bytes = b""
    timeout: float | None = None
    """Seconds; None: no limit."""
    environment: dict[str, str] = attrs.field(factory=dict[str, str], repr=False)
    """Added to the clean environment."""
    directory: str | None = None

    @property
    def title(self) -> str:
        """The program's name as people read it."""
        return escape(self.arguments[0]) if self.arguments else "a program without a name"


class Runner(Protocol):
    """Runs a program and gives its output piece by piece to a sink. The fake machine brings its own."""

    async def __call__(self, machine: str, program: Program, sink: Sink | None) -> Completed:
        """Run ``program`` to its end. See ``run_program``."""
        ...


def as_bytes(arguments: Sequence[str | bytes]) -> tuple[bytes, ...]:
    """Arguments as the kernel takes them."""
    return tuple(os.fsencode(argument) for argument in arguments)


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment every program starts from: nothing of the caller's leaks in."""
    return {"PATH": CLEAN_PATH, "LC_ALL": "C.UTF-8", "HOME": "/root", **extra}


class KeptOutput:
    """Keeps a program's output, up to CAPTURE_LIMIT bytes."""

    def __init__(self, title: str) -> None:
        self._title = title
        self.streams: dict[int, bytearray] = {1: bytearray(), 2: bytearray()}

    async def __call__(self, stream: int, data: bytes) -> None:
        """Be a Sink."""
        self.keep(stream, data)

    def keep(self, stream: int, data: bytes) -> None:
        """Keep one piece. Raises ProgramError when the program prints more than is kept."""
        self.streams[stream] += data
        if sum(map(len, self.streams.values())) > CAPTURE_LIMIT:
            raise ProgramError(f"{self._title} printed more than {human_size(CAPTURE_LIMIT)}")


async def run_program(machine: str, program: Program, sink: Sink | None) -> Completed:
    """Run ``program`` on this machine and wait for it.

    With a ``sink`` the output goes there, at the sink's pace; without one it is in the result. Raises
    ProgramError when it cannot be started or prints too much, ProgramTimeoutError when it outlives its time.
    """
    if not program.arguments:
        raise ProgramError(f"{machine}: {program.title} cannot be started")
    capture = KeptOutput(f"{machine}: {program.title}")
    try:
        process = await asyncio.create_subprocess_exec(
            *program.arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=clean_environment(program.environment),
            cwd=program.directory,
            process_group=0,
        )
    except (OSError, ValueError) as error:  # ValueError: a null byte in an argument
        raise _start_error(machine, program, error) from error
    try:
        async with asyncio.timeout(program.timeout):
            await _converse(process, program.stdin, sink or capture)
    except TimeoutError as error:
        raise ProgramTimeoutError(f"{machine}: {program.title} did not end within {program.timeout:g} s") from error
    finally:
        await _end(process)
    status = process.returncode or 0
    return Completed(
        machine=machine,
        arguments=tuple(map(escape, program.arguments)),
        status=128 - status if status < 0 else status,
        stdout=bytes(capture.streams[1]),
        stderr=bytes(capture.streams[2]),
    )


async def _converse(process: asyncio.subprocess.Process, stdin: bytes, sink: Sink) -> None:
    streams = ((1, process.stdout), (2, process.stderr))
    drains = [_Drain(number, stream, sink) for number, stream in streams if stream is not None]
    readers = [asyncio.ensure_future(drain.run()) for drain in drains]
    feeding = asyncio.ensure_future(_feed(process, stdin))
    ending = asyncio.ensure_future(_outlast(process, drains, readers))
    try:
        # A sink that fails ends it too.
        done, _ = await asyncio.wait([ending, *readers], return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            if not task.cancelled():
                task.result()
    finally:
        tasks = [feeding, ending, *readers]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _outlast(
    process: asyncio.subprocess.Process, drains: Sequence[_Drain], readers: Sequence[asyncio.Task[None]]
) -> None:
    """Wait for the program's end and for what it printed.

    What the program left running may hold its pipes open: the program has ended, so must they. A slow sink is waited
    for; a pipe in which nothing comes any more is not, even if its holder left the group and so survives its killing.
    """
    await ended(process)
    killed = False
    while not all(reader.done() for reader in readers):
        before = [drain.pieces for drain in drains]
        await asyncio.wait(readers, timeout=GRACE)
        quiet = all(drain.waiting for drain in drains) and before == [drain.pieces for drain in drains]
        if quiet and killed:
            for reader in readers:
                reader.cancel()
            await asyncio.wait(readers)
        elif quiet:
            _signal_group(process.pid, signal.SIGKILL)
            killed = True


async def _feed(process: asyncio.subprocess.Process, stdin: bytes) -> None:
    writer = process.stdin
    if writer is None:
        return
    with contextlib.suppress(OSError):  # a program need not read all it is given
        writer.write(stdin)
        await writer.drain()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


class _Drain:
    """Hands one of a program's streams on, and knows whether it waits for the program or for its sink."""

    def __init__(self, number: int, stream: asyncio.StreamReader, sink: Sink) -> None:
        self.waiting = True
        self.pieces = 0
        self._number = number
        self._stream = stream
        self._sink = sink

    async def run(self) -> None:
        """Hand on until the stream's end."""
        while data := await self._stream.read(PIECE):
            self.waiting = False
            self.pieces += 1
            await self._sink(self._number, data)
            self.waiting = True
        self.waiting = True


def _start_error(machine: str, program: Program, error: OSError | ValueError) -> ProgramError:
    words = (error.strerror if isinstance(error, OSError) else None) or str(error)
    if isinstance(error, FileNotFoundError | NotADirectoryError) and error.filename == program.directory:
        return ProgramError(f"{machine}: {program.title} cannot be started in {program.directory}: {words}")
    hint = f"install it on {machine}" if isinstance(error, FileNotFoundError) else ""
    return ProgramError(f"{machine}: {program.title} cannot be started: {words}", hint)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the process' group for good: politely, then not."""
    if process.returncode is None:
        _signal_group(process.pid, signal.SIGTERM)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await ended(process)
    finally:  # also when whoever waits for the end is cancelled once more
        _signal_group(process.pid, signal.SIGKILL)
    await ended(process)
    close_pipes(process)


async def ended(process: asyncio.subprocess.Process) -> int:
    """Wait for a process' own end and give its return code.

    ``Process.wait`` alone may also wait for whoever else holds the process' pipes (cpython issue 119710).
    """
    waiting = asyncio.ensure_future(process.wait())
    try:
        while process.returncode is None:
            await asyncio.wait({waiting}, timeout=0.05)
        return process.returncode
    finally:
        waiting.cancel()


def close_pipes(process: asyncio.subprocess.Process) -> None:
    """Let go of an ended process' pipes, which what it left running may hold open at their other end."""
    transport = getattr(process, "_transport", None)  # asyncio has no public way to close them
    if isinstance(transport, asyncio.SubprocessTransport):
        transport.close()


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
