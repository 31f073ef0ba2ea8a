"""The machine layer when the link, the agent, its guard or a program of its dies or hangs: nothing is left running.

The driver is this box, with the way to vega that `ssh_to_lab` adds; liveness is short so that silence is told soon.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest

from pclab.driving import assert_quiet
from pclab.machine import LabMachine
from pcswitcher.machine import probe
from pcswitcher.machine.bundle import describe_installation
from pcswitcher.machine.connection import AgentMachine, Liveness
from pcswitcher.machine.lock import Holder, Role, acquire_lock
from pcswitcher.machine.session import open_local, open_remote
from pcswitcher.machine.ssh import Master, open_master
from pcswitcher.machine.sudo import ask_nobody
from pcswitcher.model.errors import BusyError, ConnectionLostError, PcSwitcherError, ProgramTimeoutError

pytestmark = [pytest.mark.usefixtures("ssh_to_lab"), pytest.mark.timeout(180), pytest.mark.lab(reset="module")]

QUICK = Liveness(interval=0.5, limit=3)
LATE = 2.0
"""Seconds beyond its liveness that a driver may need, on a busy box, to say that a link is dead."""
STUBBORN = "trap '' TERM INT HUP PIPE; sleep {mark} & sleep {mark}; sleep {mark}"
"""A program that ignores every polite signal, and has a child."""


@attrs.frozen
class Driven:
    """Vega, driven from here, with a call and a stubborn program under way and its lock held."""

    master: Master
    machine: AgentMachine
    agent: int
    guard: int


@pytest.fixture
def mark() -> str:
    """An argument for `sleep` that no other process has."""
    return f"7{secrets.randbelow(10**8):08d}"


@pytest.fixture(autouse=True)
def nothing_is_left(vega: LabMachine, ssh_to_lab: None, mark: str) -> Iterator[None]:
    """After each test: on vega no process of ours and none of the test's programs, its lock free; here none either."""
    yield
    until(lambda: not marked(vega, mark), 15)
    assert_quiet(vega, within=15)
    assert not [line for line in here() if mark in line]
    asyncio.run(take_lock_once())


async def take_lock_once() -> None:
    async with opened() as (_, machine):
        await take_lock(machine)


@asynccontextmanager
async def opened() -> AsyncGenerator[tuple[Master, AgentMachine]]:
    """Connect to vega and start its agent; let go of it as a run does."""
    master = await open_master("vega")
    try:
        remote = await open_remote(master, describe_installation(), ask_nobody, ephemeral=True, liveness=QUICK)
        try:
            yield master, remote.machine
        finally:
            await remote.machine.close()
    finally:
        await master.close()
        assert not master.socket.parent.exists()
        assert not [line for line in here() if str(master.socket) in line]


async def take_lock(machine: AgentMachine) -> None:
    holder = Holder(
        role=Role.TARGET,
        source="box",
        target="vega",
        user="tester",
        host="box",
        process=os.getpid(),
        since=datetime.now(UTC),
    )
    await machine.call(acquire_lock, machine.name, holder)


async def ask(machine: AgentMachine, script: str) -> str:
    """Run a shell script on the machine, through its agent."""
    return (await machine.run(["sh", "-euc", script])).check().text


def here() -> list[str]:
    """The command lines of this box."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found


def marked(machine: LabMachine, mark: str) -> list[str]:
    """The test's programs that run there."""
    return [found.command for found in machine.processes(rf"^sleep {mark}$")]


def until(met: Callable[[], bool], within: float) -> None:
    deadline = time.monotonic() + within
    while not met():
        assert time.monotonic() < deadline, f"it did not happen within {within:g} s"
        time.sleep(0.1)


async def started(vega: LabMachine, mark: str) -> None:
    """Wait for the stubborn program to run with its child."""
    await asyncio.to_thread(until, lambda: len(marked(vega, mark)) >= 2, 10)


def kill_master(driven: Driven, vega: LabMachine) -> None:
    os.kill(driven.master.process_id, 9)


def kill_session(driven: Driven, vega: LabMachine) -> None:
    """Kill the ssh client that leads to the agent; the master lives on."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            if str(driven.master.socket).encode() in words and int(process.name) != driven.master.process_id:
                found.append(int(process.name))
    assert len(found) == 1, found
    os.kill(found[0], 9)


def kill_agent(driven: Driven, vega: LabMachine) -> None:
    vega.sudo(["kill", "-9", str(driven.agent)])


def kill_guard(driven: Driven, vega: LabMachine) -> None:
    vega.sudo(["kill", "-9", str(driven.guard)])


def stop_agent(driven: Driven, vega: LabMachine) -> None:
    """The agent hangs, as one does that waits for a dead disk: its link is well, but it does not answer."""
    vega.sudo(["kill", "-STOP", str(driven.agent)])


def cut(_: Driven, vega: LabMachine) -> None:
    vega.cut()


def freeze(_: Driven, vega: LabMachine) -> None:
    vega.freeze()


def lose_all(driven: Driven, vega: LabMachine) -> None:
    vega.lose_packets(100)


@pytest.mark.lab_only
@pytest.mark.parametrize(
    "fault",
    [kill_master, kill_session, kill_agent, kill_guard, stop_agent, cut, lose_all, freeze],
    ids=lambda f: f.__name__,
)
def test_whatever_dies_during_a_call_is_told_in_time_and_takes_everything_along(
    vega: LabMachine, mark: str, fault: Callable[[Driven, LabMachine], None]
) -> None:
    """Issue §3, K2; faults rows 1, 2, 3: told within the driver's liveness; vega cleans up by itself."""

    async def run() -> tuple[float, list[PcSwitcherError]]:
        async with opened() as (master, machine):
            await take_lock(machine)
            agent, guard = (await ask(machine, "echo $PPID; ps -o ppid= -p $PPID")).split()
            driven = Driven(master, machine, int(agent), int(guard))
            waiting = asyncio.create_task(machine.call(probe.wait, 600.0))
            running = asyncio.create_task(machine.run(["sh", "-c", STUBBORN.format(mark=mark)]))
            await started(vega, mark)
            await asyncio.to_thread(fault, driven, vega)
            begun = time.monotonic()
            done = await asyncio.wait_for(asyncio.gather(waiting, running, return_exceptions=True), 30)
            seconds = time.monotonic() - begun
            assert all(isinstance(each, ConnectionLostError) for each in done), done
            with pytest.raises(ConnectionLostError):
                await machine.call(probe.echo, "nobody hears this", b"")
            return seconds, [each for each in done if isinstance(each, PcSwitcherError)]

    begun = time.monotonic()
    try:
        seconds, errors = asyncio.run(run())
    finally:
        mend(fault, vega)
    assert seconds < QUICK.limit + LATE
    assert time.monotonic() - begun < 30, "letting go of a dead machine took too long"
    for error in errors:
        assert error.message.startswith("vega: ")
        assert error.hint


def mend(fault: Callable[[Driven, LabMachine], None], vega: LabMachine) -> None:
    if fault is cut:
        vega.join()
    elif fault is freeze:
        vega.thaw()
    elif fault is stop_agent:
        vega.sudo(["pkill", "-CONT", "-f", "/proc/self/fd/[0-9]* agent"])
    elif fault is lose_all:
        vega.lose_packets(0)
        vega.disconnect()


@pytest.mark.lab_only
def test_an_agent_that_is_cut_off_ends_by_itself_and_frees_its_machine(vega: LabMachine, mark: str) -> None:
    """K2, faults row 1: while the cable is out nobody tells the agent; its own liveness does."""

    async def run() -> None:
        async with opened() as (_, machine):
            await take_lock(machine)
            call = asyncio.create_task(machine.run(["sh", "-c", STUBBORN.format(mark=mark)]))
            await started(vega, mark)
            script = (
                f"sleep 9; pgrep -cf '^sleep {mark}$' >/tmp/left-{mark} || true; flock -n /run/pc-switcher/lock true"
            )
            witness = f"({script}; echo $? >>/tmp/left-{mark}) >/dev/null 2>&1 &"
            await asyncio.to_thread(vega.sudo, ["sh", "-c", witness])
            await asyncio.to_thread(vega.cut)
            with pytest.raises(ConnectionLostError, match=r"vega: no answer for 3 s"):
                await call
            await asyncio.sleep(max(0, 9 - QUICK.limit))

    try:
        asyncio.run(run())
    finally:
        vega.join()
    until(lambda: vega.read(f"/tmp/left-{mark}").split() == [b"0", b"0"], 5)


def test_a_hung_program_is_ended_at_its_time_and_when_nobody_wants_it(vega: LabMachine, mark: str) -> None:
    """Issue §3: a hung child, one that ignores SIGTERM: ended by timeout and by cancellation; vega stays usable."""

    async def run() -> None:
        async with opened() as (_, machine):
            with pytest.raises(ProgramTimeoutError, match="vega: sh did not end within 1 s"):
                await machine.run(["sh", "-c", STUBBORN.format(mark=mark)], timeout=1)
            assert not await asyncio.to_thread(marked, vega, mark)
            unwanted = asyncio.create_task(machine.run(["sh", "-c", f"kill -STOP $$; sleep {mark}"]))
            stubborn = asyncio.create_task(machine.run(["sh", "-c", STUBBORN.format(mark=mark)]))
            await started(vega, mark)
            for task in (unwanted, stubborn):
                task.cancel()
            await asyncio.gather(unwanted, stubborn, return_exceptions=True)
            assert not await asyncio.to_thread(marked, vega, mark)
            assert await machine.call(probe.echo, "usable", b"") == ("usable", b"")

    asyncio.run(run())


def test_a_run_that_is_let_go_takes_stubborn_programs_along(vega: LabMachine, mark: str) -> None:
    """I3: the caller closes while a program that ignores SIGTERM runs."""

    async def run() -> None:
        async with opened() as (_, machine):
            await take_lock(machine)
            call = asyncio.create_task(machine.run(["sh", "-c", STUBBORN.format(mark=mark)]))
            await started(vega, mark)
        with pytest.raises(ConnectionLostError):
            await call

    asyncio.run(run())


DRIVER = """
import asyncio, os, signal
from pcswitcher.machine.bundle import describe_installation
from pcswitcher.machine.session import open_remote
from pcswitcher.machine.ssh import open_master
from pcswitcher.machine.sudo import ask_nobody

async def main():
    master = await open_master("vega")
    remote = await open_remote(master, describe_installation(), ask_nobody, ephemeral=True)
    seen = 0
    def listen(stream, data):
        nonlocal seen
        seen += len(data)
        if seen > 5_000_000:
            print(master.socket, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    program = "trap '' TERM PIPE; sleep MARK & head -c 100000000 /dev/zero; sleep MARK"
    await remote.machine.run(["sh", "-c", program], listener=listen)
asyncio.run(main())
"""


def test_a_driver_that_is_killed_amid_much_output_leaves_nothing(vega: LabMachine, mark: str) -> None:
    """Issue §3: 100 MB of output, kill -9 of the program; faults row 3: master, clients, agent and program are gone."""
    done = subprocess.run(
        [sys.executable, "-c", DRIVER.replace("MARK", mark)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == -9, done
    socket = done.stdout.strip()
    assert socket
    until(lambda: not [line for line in here() if socket in line], 10)
    with contextlib.suppress(OSError):
        Path(socket).parent.rmdir()


def test_two_runs_do_not_share_a_machine_and_a_dead_holder_blocks_nobody(vega: LabMachine, mark: str) -> None:
    """K1, K2: the second is told who holds vega; when the holder's agent is killed the next gets it at once."""

    async def run() -> None:
        async with opened() as (_, first), opened() as (_, second):
            await take_lock(first)
            with pytest.raises(BusyError, match=rf"vega is the target of another run: .* \(process {os.getpid()}\)"):
                await take_lock(second)
            agent = await ask(first, "echo $PPID")
            await asyncio.to_thread(vega.sudo, ["kill", "-9", agent])
            await asyncio.to_thread(until, lambda: int(agent) not in {found.pid for found in vega.processes("")}, 5)
            await take_lock(second)

    asyncio.run(run())


def test_the_agent_here_is_held_to_the_same(mark: str, root: None) -> None:
    """Faults row 3: the local agent killed mid-call: said so, its stubborn program gone."""

    async def run() -> None:
        machine = await open_local(ask_nobody, QUICK)
        try:
            agent = await ask(machine, "echo $PPID")
            call = asyncio.create_task(machine.run(["sh", "-c", STUBBORN.format(mark=mark)]))
            await asyncio.to_thread(until, lambda: len([line for line in here() if f"sleep {mark}" in line]) >= 2, 10)
            os.kill(int(agent), 9)
            with pytest.raises(ConnectionLostError, match=machine.name):
                await call
        finally:
            await machine.close()
        await asyncio.to_thread(until, lambda: not [line for line in here() if mark in line], 10)

    asyncio.run(run())
