"""The guard and its agent: whichever is killed, nothing is left."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pcswitcher.machine.frames import PROTOCOL, Request, encode
from pcswitcher.machine.guard import session_members

pytestmark = pytest.mark.timeout(60)


class AgentProcess:
    """A real agent behind its guard, spoken to as a driver would."""

    def __init__(self) -> None:
        self.guard = subprocess.Popen(
            [sys.executable, "-I", "-m", "pcswitcher", "agent"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        greeting = {"protocol": PROTOCOL, "version": "0", "liveness": 30.0}
        self.send(Request(1, "hello", greeting))
        assert self.guard.stdout is not None
        assert "result" in json.loads(self.guard.stdout.readline())
        (self.agent,) = _children(self.guard.pid)

    def send(self, request: Request) -> None:
        assert self.guard.stdin is not None
        self.guard.stdin.write(encode(request))
        self.guard.stdin.flush()

    def run(self, *arguments: str) -> None:
        """Start a program, without waiting for it."""
        parameters = {"stdin": "", "timeout": None, "environment": {}, "directory": None}
        self.send(Request(2, "run", {"arguments": list(arguments), **parameters}))


@pytest.fixture
def agent() -> Iterator[AgentProcess]:
    running = AgentProcess()
    yield running
    running.guard.kill()
    with contextlib.suppress(BrokenPipeError):
        running.guard.communicate(timeout=10)


@pytest.fixture
def mark() -> str:
    return f"8{secrets.randbelow(10**7):07d}"


def test_a_killed_agent_takes_its_programs_along(agent: AgentProcess, mark: str) -> None:
    """Issue: kill -9 the agent. Faults row 3, row 4."""
    agent.run("sh", "-c", f"trap '' TERM HUP; sleep {mark} & sleep {mark}")
    _until(lambda: len(_running(mark)) >= 2)
    os.kill(agent.agent, signal.SIGKILL)
    assert agent.guard.wait(10) != 0
    assert not _running(mark)
    assert not session_members(agent.agent)


def test_an_agent_whose_guard_is_killed_ends_in_order(agent: AgentProcess, mark: str) -> None:
    agent.run("sleep", mark)
    _until(lambda: bool(_running(mark)))
    agent.guard.kill()
    agent.guard.wait(10)
    _until(lambda: not _running(mark) and not session_members(agent.agent))


def test_a_closed_input_ends_everything(agent: AgentProcess, mark: str) -> None:
    """I3: no process of ours is left."""
    agent.run("sleep", mark)
    _until(lambda: bool(_running(mark)))
    assert agent.guard.stdin is not None
    agent.guard.stdin.close()
    agent.guard.stdin = None
    assert agent.guard.wait(15) == 0
    assert not _running(mark)


def test_nonsense_on_the_wire_ends_the_agent(agent: AgentProcess) -> None:
    """Faults row 22."""
    assert agent.guard.stdin is not None
    agent.guard.stdin.write(b"GET / HTTP/1.1\r\n")
    agent.guard.stdin.flush()
    agent.guard.wait(15)


def test_a_session_is_counted_without_its_zombies_and_others() -> None:
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        assert session_members(child.pid) == [child.pid]
        assert os.getpid() not in session_members(child.pid)
        child.kill()
        _until(lambda: session_members(child.pid) == [])
    finally:
        child.kill()
        child.wait()


def _children(process: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def _running(mark: str) -> list[str]:
    found = subprocess.run(["pgrep", "-f", f"sleep {mark}$"], capture_output=True, text=True, check=False)
    return found.stdout.split()


def _until(met: Callable[[], bool], within: float = 10) -> None:
    deadline = time.monotonic() + within
    while not met():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
