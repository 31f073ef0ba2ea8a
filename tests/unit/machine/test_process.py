"""Programs run here: their output, their end, and that nothing of them is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from pathlib import Path

import pytest

from pcswitcher.machine import process
from pcswitcher.machine.process import Program, as_bytes, run_program
from pcswitcher.model.errors import ProgramError, ProgramTimeoutError

pytestmark = pytest.mark.timeout(60)


def program(*arguments: str, **more: object) -> Program:
    return Program(arguments=as_bytes(arguments), **more)  # type: ignore[arg-type]


def alive(mark: str) -> list[int]:
    """Living processes whose command line holds ``mark``."""
    found: list[int] = []
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if name.isdecimal() and int(name) != os.getpid():
                line = Path("/proc", name, "cmdline").read_bytes()
                state = Path("/proc", name, "stat").read_bytes().rpartition(b") ")[2][:1]
                if mark.encode() in line and state != b"Z":
                    found.append(int(name))
    return found


@pytest.fixture
def mark() -> str:
    return f"9{secrets.randbelow(10**7):07d}"


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE", 0.3)


def test_output_and_status_are_the_programs_own() -> None:
    done = asyncio.run(run_program("atlas", program("sh", "-c", "echo out; echo err >&2; exit 7"), None))
    assert (done.status, done.stdout, done.stderr) == (7, b"out\n", b"err\n")


def test_a_signal_is_told_as_a_shell_does() -> None:
    done = asyncio.run(run_program("atlas", program("sh", "-c", "kill -TERM $$"), None))
    assert done.status == 128 + 15


def test_arguments_are_never_a_shells() -> None:
    done = asyncio.run(run_program("atlas", program("printf", "%s|", "a b", "$(id)", "*", "'", "-n", ""), None))
    assert done.stdout == b"a b|$(id)|*|'|-n||"


def test_names_that_are_no_text_reach_the_program_as_they_are() -> None:
    done = asyncio.run(run_program("atlas", Program(arguments=(b"printf", b"%s", b"\xff\n\x1b")), None))
    assert done.stdout == b"\xff\n\x1b"


def test_a_program_over_its_time_is_ended_with_its_children(mark: str) -> None:
    """Issue: hung child."""
    started = time.monotonic()
    with pytest.raises(ProgramTimeoutError):
        asyncio.run(run_program("atlas", program("sh", "-c", f"sleep {mark} & sleep {mark}", timeout=0.2), None))
    assert time.monotonic() - started < 10
    assert not alive(mark)


def test_a_child_that_ignores_sigterm_is_killed(mark: str) -> None:
    """Issue: a child that ignores SIGTERM."""
    script = f"trap '' TERM; while :; do sleep 0.05; : {mark}; done"
    with pytest.raises(ProgramTimeoutError):
        asyncio.run(run_program("atlas", program("sh", "-c", script, timeout=0.2), None))
    assert not alive(mark)


def test_what_a_program_leaves_running_ends_with_it(mark: str) -> None:
    done = asyncio.run(run_program("atlas", program("sh", "-c", f"sleep {mark} & echo done"), None))
    assert done.stdout == b"done\n"
    assert not alive(mark)


def test_cancelling_ends_the_program(mark: str) -> None:
    async def run() -> None:
        task = asyncio.ensure_future(run_program("atlas", program("sleep", mark), None))
        await asyncio.sleep(0.5)
        assert alive(mark)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert not alive(mark)


def test_a_slow_listener_slows_the_program_and_not_the_memory() -> None:
    """Faults row 22: bounded memory."""
    most = 0
    seen = 0

    async def sink(stream: int, data: bytes) -> None:
        nonlocal most, seen
        most = max(most, len(data))
        seen += len(data)
        await asyncio.sleep(0)

    asyncio.run(run_program("atlas", program("head", "-c", "30000000", "/dev/zero"), sink))
    assert seen == 30_000_000
    assert most <= process.PIECE


def test_a_sink_that_fails_ends_the_program_and_tells_why(mark: str) -> None:
    async def sink(stream: int, data: bytes) -> None:
        raise ProgramError("the listener went away")

    with pytest.raises(ProgramError, match="listener went away"):
        asyncio.run(run_program("atlas", program("sh", "-c", f"echo x; sleep {mark}"), sink))
    assert not alive(mark)


def test_input_that_is_not_read_does_not_matter() -> None:
    done = asyncio.run(run_program("atlas", program("true", stdin=b"x" * 1_000_000), None))
    assert done.status == 0


def test_a_program_or_directory_that_is_missing_is_named() -> None:
    with pytest.raises(ProgramError, match="atlas: no-such cannot be started") as caught:
        asyncio.run(run_program("atlas", program("no-such"), None))
    assert caught.value.hint == "install it on atlas"
    with pytest.raises(ProgramError, match="cannot be started"):
        asyncio.run(run_program("atlas", program("true", directory="/no/such"), None))
