"""Who and what is at work on a real PC: sessions of logind, files that programs hold, and ending the sessions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from pclab.driving import shell
from pclab.machine import LabMachine
from pcswitcher.machine.bundle import describe_installation
from pcswitcher.machine.connection import AgentMachine
from pcswitcher.machine.logins import Login, LoginKind, end_sessions, read_logins
from pcswitcher.machine.open_files import OpenFiles, find_open_files
from pcswitcher.machine.session import open_remote
from pcswitcher.machine.ssh import open_master
from pcswitcher.machine.sudo import ask_nobody
from pcswitcher.model.plan import Severity
from pcswitcher.model.settings import LoggedInReaction, RunSettings
from pcswitcher.run.presence import check_presence

pytestmark = [pytest.mark.usefixtures("ssh_to_lab"), pytest.mark.timeout(120), pytest.mark.lab(reset="module")]

TREES = (b"/home", b"/root")
HOLD = """
import mmap, sys
kept, other = open(sys.argv[1], "r+b"), open(sys.argv[2], "r+b")
mapped = mmap.mmap(other.fileno(), 1)
other.close()
print("held", flush=True)
sys.stdin.read()
"""


@asynccontextmanager
async def opened() -> AsyncGenerator[AgentMachine]:
    master = await open_master("vega")
    try:
        remote = await open_remote(master, describe_installation(), ask_nobody, ephemeral=True)
        try:
            yield remote.machine
        finally:
            await remote.machine.close()
    finally:
        await master.close()


def until(met: Callable[[], bool], within: float = 10) -> None:
    deadline = time.monotonic() + within
    while not met():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


@pytest.fixture
def desktop(vega: LabMachine) -> Iterator[None]:
    """Kim at vega's desktop: a session as a display manager opens it."""
    shell(
        vega,
        "systemd-run --quiet --unit=desktop --collect -p PAMName=login -p User=kim -E XDG_SESSION_TYPE=x11 sleep 600",
    )
    until(lambda: "kim" in shell(vega, "loginctl list-sessions --no-legend"))
    yield
    shell(vega, "systemctl stop desktop 2>/dev/null || true")


def test_a_desktop_is_seen_and_our_own_connection_is_not(vega: LabMachine, desktop: None) -> None:
    """Faults row 38. Sam is logged in over ssh twice, as this test and as the program: that is nobody else."""

    async def look() -> tuple[Login, ...]:
        async with opened() as machine:
            return await read_logins(machine)

    (login,) = asyncio.run(look())
    assert (login.user, login.kind) == ("kim", LoginKind.GRAPHICAL)


def test_sessions_are_ended_and_gone_when_the_run_goes_on(vega: LabMachine, desktop: None) -> None:
    """Faults row 38: log out."""

    async def run() -> None:
        async with opened() as machine:
            found = await check_presence(machine, TREES, RunSettings(logged_in=LoggedInReaction.LOG_OUT))
            assert any("sessions are ended" in finding.message for finding in found.findings)
            await end_sessions(machine, found.logins)
            assert await read_logins(machine) == ()

    asyncio.run(run())
    assert "sleep 600" not in [process.command for process in vega.processes("sleep 600")]
    assert vega.run(["true"]).returncode == 0


@pytest.fixture
def database(vega: LabMachine) -> Iterator[None]:
    """A program of sam's that holds a file of a synced tree open and another one mapped."""
    names = (b"/home/sam/a\n.db", b"/home/sam/b.map")
    for name in names:
        vega.write(name, b"x")
    process = vega.popen(["sh", "-c", 'cd / && exec python3 -c "$@"', "sh", HOLD, *names])
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield
    process.communicate()
    vega.run(["rm", "-f", *names])


def test_programs_that_hold_synced_files_are_found(vega: LabMachine, database: None) -> None:
    """Faults row 38: a database open; what our own connection and agent hold does not count."""

    async def look() -> tuple[OpenFiles, ...]:
        async with opened() as machine:
            return await machine.call(find_open_files, TREES)

    (found,) = asyncio.run(look())
    assert (found.program, found.user, found.count) == ("python3", "sam", 2)
    assert found.example == b"/home/sam/a\n.db"


def test_both_are_findings_of_the_check(vega: LabMachine, desktop: None, database: None) -> None:
    """J3: what and why, with what mends it."""

    async def look() -> list[tuple[Severity, str, str]]:
        settings = RunSettings(logged_in=LoggedInReaction.BLOCK)
        async with opened() as machine:
            found = await check_presence(machine, TREES, settings)
            return [(each.severity, each.message, each.hint) for each in found.findings]

    login, files = asyncio.run(look())
    assert login[0] is Severity.BLOCKING
    assert "logged in on vega: kim (graphical session" in login[1]
    assert files[0] is Severity.WARNING
    assert "python3 of sam has 2 paths open (/home/sam/a\\n.db)" in files[1]
    assert login[2]
    assert files[2]
