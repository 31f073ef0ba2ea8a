"""A hold: a program that is up for as long as its agent wants or lives."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pcswitcher.machine.fake import FakeMachine, open_fake
from pcswitcher.machine.hold import hold, let_go, start_hold
from pcswitcher.model.errors import ConnectionLostError, ProgramError

pytestmark = pytest.mark.timeout(60)


def until(met: Callable[[], bool], within: float = 10) -> None:
    deadline = time.monotonic() + within
    while not met():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def keeper(flag: Path, start: str = ":", end: str = ":") -> tuple[str, ...]:
    """A program that makes a file, copies its input, and removes the file when its input has ended."""
    return ("sh", "-c", f"touch {flag}; {start}; cat; {end}; rm {flag}")


def test_it_is_up_when_the_caller_goes_on_and_gone_when_let_go(tmp_path: Path) -> None:
    flag = tmp_path / "up"

    async def run() -> None:
        machine = await open_fake("vega")
        try:
            holding = await start_hold(machine, keeper(flag))
            assert flag.exists()
            await let_go(holding)
            assert not flag.exists()
        finally:
            await machine.close()

    asyncio.run(run())


def test_what_the_program_prints_beside_is_no_sign_that_it_is_up(tmp_path: Path) -> None:
    flag, later = tmp_path / "up", tmp_path / "later"

    async def run() -> None:
        machine = await open_fake("vega")
        try:
            holding = await start_hold(machine, keeper(flag, start=f"echo noise; sleep 0.3; touch {later}"))
            assert later.exists()
            await let_go(holding)
        finally:
            await machine.close()

    asyncio.run(run())


def test_it_ends_with_the_connection(tmp_path: Path) -> None:
    """I3: an agent that ends lets go."""
    flag = tmp_path / "up"

    async def run() -> None:
        machine = await open_fake("vega")
        holding = await start_hold(machine, keeper(flag))
        await machine.close()
        with pytest.raises(ConnectionLostError):
            await holding

    asyncio.run(run())
    until(lambda: not flag.exists())


@pytest.mark.parametrize(
    ("arguments", "patience", "words"),
    [
        (("sh", "-c", "echo Access denied >&2; exit 1"), 10, "vega: sh ended by itself: Access denied"),
        (("sh", "-c", "sleep 30"), 0.2, "vega: sh was not up within 0.2 s"),
        (("no-such-program",), 10, "vega: no-such-program cannot be started: No such file or directory"),
    ],
)
def test_why_it_cannot_be_held_is_said(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], patience: float, words: str
) -> None:
    monkeypatch.setattr("pcswitcher.machine.hold.os.uname", lambda: os.uname_result(("", "vega", "", "", "")))

    async def run(machine: FakeMachine) -> None:
        try:
            await start_hold(machine, arguments, patience)
        finally:
            await machine.close()

    async def main() -> None:
        await run(await open_fake("vega"))

    with pytest.raises(ProgramError, match=words):
        asyncio.run(main())


def test_that_it_ended_by_itself_is_told_to_whoever_holds(tmp_path: Path) -> None:
    flag, stop = tmp_path / "up", tmp_path / "stop"

    async def run() -> None:
        machine = await open_fake("vega")
        try:
            script = f"head -n 1; until [ -e {stop} ]; do sleep 0.02; done; echo its time is over"
            holding = await start_hold(machine, ("sh", "-c", script))
            stop.touch()
            with pytest.raises(ProgramError, match="its time is over"):
                await holding
        finally:
            await machine.close()

    asyncio.run(run())
    assert not flag.exists()


HOLDER = """
import sys
from contextlib import ExitStack
from pcswitcher.machine.hold import hold
class Context:
    resources = ExitStack()
    def check_cancelled(self): pass
    def send(self, chunk): print("up", flush=True)
hold(Context(), tuple(sys.argv[1:]), 10.0)
"""


def test_the_kernel_lets_go_for_an_agent_that_is_killed(tmp_path: Path) -> None:
    """Faults row 3, I3: nothing of ours has to be alive for it."""
    flag = tmp_path / "up"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, *keeper(flag)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"up\n"
        assert flag.exists()
        holder.send_signal(signal.SIGKILL)
        until(lambda: not flag.exists())
    finally:
        holder.kill()
        holder.communicate()


def test_the_function_is_one_that_agents_run() -> None:
    assert hold.name == "pcswitcher.machine.hold:hold"
