"""Keeping something up on a machine for exactly as long as its agent lives, whichever way that ends.

A held program copies its standard input to its standard output, as cat(1) does. Its input is a pipe whose other end
only the agent has, so the kernel closes it when the agent is gone, also after SIGKILL of the agent and its guard; the
program then ends, and what it kept up ends with it. That it is up is known when the first line comes back.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import subprocess
import time
from collections.abc import Callable

from pcswitcher.machine.api import Context, Listener, Machine, exposed
from pcswitcher.machine.process import clean_environment
from pcswitcher.model.errors import ProgramError
from pcswitcher.model.text import printable

MARK = b"held\n"
START_PATIENCE = 60.0
"""Seconds a held program gets to be up."""
END_PATIENCE = 4.0
"""Seconds it gets to end; less than an agent gives its cancelled calls."""
_LOOK = 0.1
_WORDS = 4096


@exposed
def hold(context: Context, arguments: tuple[str, ...], patience: float) -> None:
    """Run a program that copies its input until the caller cancels; send one chunk as soon as it is up.

    ``patience``: seconds it gets for that. Raises ProgramError when it cannot start, is not up in time, or ends by
    itself, with its own last words.
    """
    title = f"{os.uname().nodename}: {arguments[0]}"
    try:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=clean_environment({}),
            bufsize=0,
        )
    except OSError as error:
        raise ProgramError(f"{title} cannot be started: {error.strerror}") from error
    try:
        _watch(context, process, title, patience)
    finally:
        _let_go(process)


async def start_hold(
    machine: Machine, arguments: tuple[str, ...], patience: float = START_PATIENCE
) -> asyncio.Task[None]:
    """Hold a program on ``machine``: give the task that keeps it up, once it is. Cancel the task to let go.

    The task fails when the program ends by itself or the machine is lost. Raises ProgramError, ConnectionLostError.
    """
    is_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    listener = Listener(chunk=_resolve(is_up))
    holding = asyncio.create_task(machine.call_listening(listener, hold, arguments, patience))
    try:
        await asyncio.wait({holding, is_up}, return_when=asyncio.FIRST_COMPLETED)
        if not is_up.done():
            await holding
    except BaseException:
        await let_go(holding)
        raise
    return holding


async def let_go(holding: asyncio.Task[None]) -> None:
    """End a hold and wait until it has ended. Whatever it raises meanwhile is nobody's concern any more."""
    holding.cancel()
    await asyncio.wait({holding})
    if not holding.cancelled():
        holding.exception()


def _resolve(future: asyncio.Future[None]) -> Callable[[bytes], None]:
    def resolve(_: bytes) -> None:
        if not future.done():
            future.set_result(None)

    return resolve


def _watch(context: Context, process: subprocess.Popen[bytes], title: str, patience: float) -> None:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("two pipes were asked for")
    with contextlib.suppress(BrokenPipeError):  # it has ended; what it printed says why
        process.stdin.write(MARK)
    deadline = time.monotonic() + patience
    words, is_up = b"", False
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            context.check_cancelled()
            if not is_up and time.monotonic() > deadline:
                raise ProgramError(f"{title} was not up within {patience:g} s")
            if not selector.select(_LOOK):
                continue
            data = process.stdout.read(_WORDS)
            if not data:
                raise ProgramError(f"{title} ended by itself: {_last_line(words)}")
            words = (words + data)[-_WORDS:]
            if not is_up and MARK in words:
                is_up = True
                words = words.replace(MARK, b"", 1)
                context.send(b"")


def _let_go(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(END_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _last_line(words: bytes) -> str:
    lines = printable(words.decode("utf-8", "backslashreplace")).strip().splitlines()
    return lines[-1] if lines else "it printed no reason"
