"""Programs run here: their output, their end, and that nothing of them is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
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


def test_what_left_the_group_and_holds_the_pipes_does_not_hold_up_the_call(mark: str) -> None:
    """A daemon with a session of its own cannot be found by the group; its pipes are let go."""
    script = f"setsid sleep {mark} & echo started"
    start = time.monotonic()
    try:
        done = asyncio.run(run_program("atlas", program("sh", "-c", script), None))
        assert (done.status, done.stdout) == (0, b"started\n")
        assert time.monotonic() - start < 5
    finally:
        for number in alive(mark):
            os.kill(number, signal.SIGKILL)


def test_input_that_a_daemon_holds_and_does_not_read_does_not_hold_up_the_call(mark: str) -> None:
    asked = program("sh", "-c", f"setsid sleep {mark} <&0 >/dev/null 2>&1 & exit 4", stdin=bytes(5_000_000))
    try:
        assert asyncio.run(asyncio.wait_for(run_program("atlas", asked, None), 10)).status == 4
    finally:
        for number in alive(mark):
            os.kill(number, signal.SIGKILL)


def test_a_slow_listener_gets_all_of_an_ended_programs_output() -> None:
    """The end of the program is no reason to cut what it printed."""
    seen = 0

    async def sink(stream: int, data: bytes) -> None:
        nonlocal seen
        await asyncio.sleep(1)  # longer than the grace
        seen += len(data)

    asyncio.run(run_program("atlas", program("head", "-c", "200000", "/dev/zero"), sink))
    assert seen == 200_000


def test_cancelling_twice_does_not_spare_a_program_that_ignores_sigterm(
    mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "GRACE", 30)

    async def run() -> None:
        started = asyncio.Event()

        async def sink(_: int, __: bytes) -> None:
            started.set()

        asked = program("sh", "-c", f"trap '' TERM; sleep {mark} & echo started; wait; wait")
        running = asyncio.create_task(run_program("atlas", asked, sink))
        await asyncio.wait_for(started.wait(), 5)
        assert alive(mark)
        for _ in range(2):
            running.cancel()
            await asyncio.sleep(0.2)
        await asyncio.wait({running}, timeout=5)
        assert running.cancelled()

    asyncio.run(run())
    until_gone = time.monotonic() + 3
    while alive(mark) and time.monotonic() < until_gone:
        time.sleep(0.05)
    assert alive(mark) == []


@pytest.mark.parametrize("arguments", [(), ("a\0b",), ("true", "nu\0ll")], ids=["none", "null in name", "null"])
def test_what_no_kernel_would_start_is_a_programs_error(arguments: tuple[str, ...]) -> None:
    with pytest.raises(ProgramError, match="cannot be started"):
        asyncio.run(run_program("atlas", program(*arguments), None))


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
    with pytest.raises(ProgramError, match="true cannot be started in /no/such") as caught:
        asyncio.run(run_program("atlas", program("true", directory="/no/such"), None))
    assert caught.value.hint == ""  # the program is there, installing it would not help
