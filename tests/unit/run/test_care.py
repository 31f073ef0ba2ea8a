"""A run's care for both machines: kept awake, updates paused, watched; put back whatever happens. Fake machines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest

from pcswitcher.machine.fake import FakeMachine, FakeProgram, open_fake
from pcswitcher.machine.process import Program, Sink
from pcswitcher.model.errors import ConnectionLostError, PcSwitcherError
from pcswitcher.model.events import Event, FreeSpace, Level, LogLine
from pcswitcher.model.settings import DiskSettings, Settings
from pcswitcher.run import care
from pcswitcher.run.bus import Bus
from pcswitcher.run.care import cared_for, watch_disk
from pcswitcher.run.disk import DiskWatch
from pcswitcher.run.machines import Pair
from pcswitcher.run.watch import Watched
from pcswitcher.snapshots.room import Room

pytestmark = pytest.mark.timeout(60)

ROOM = Room(path=b"/home", filesystem="1", total=100, free=90)
UNITS = "Id={}.timer\nLoadState=loaded\nActiveState={}\n"


class Heard:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def take(self, event: Event) -> None:
        self.events.append(event)

    def said(self, level: Level) -> list[str]:
        return [event.message for event in self.events if isinstance(event, LogLine) and event.level is level]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder where pretended systemd-inhibit and systemd-run show that they are up."""
    for program, flag in (("systemd-inhibit", "awake"), ("systemd-run", "paused")):
        script = tmp_path / program
        script.write_text(f"#!/bin/sh\n: >{tmp_path}/{flag}\ncat\nrm {tmp_path}/{flag}\n")
        script.chmod(0o755)
    path = f"{tmp_path}:/usr/bin:/bin"
    monkeypatch.setattr("pcswitcher.machine.hold.clean_environment", lambda _: {"PATH": path})

    async def measure(_: object, __: Sequence[bytes]) -> tuple[Room, ...]:
        return (ROOM,)

    monkeypatch.setattr(care, "measure", measure)
    yield tmp_path
    assert not (tmp_path / "awake").exists()
    assert not (tmp_path / "paused").exists()


def systemctl_of(state: Path) -> FakeProgram:
    async def systemctl(program: Program, sink: Sink) -> int:
        if b"is-system-running" in program.arguments:
            await sink(1, b"running\n")
        elif b"show" in program.arguments:
            running = "inactive" if (state / "paused").exists() else "active"
            await sink(1, UNITS.format("apt-daily", running).encode())
        return 0

    return systemctl


def _nobody(error: PcSwitcherError) -> None:
    raise AssertionError(error)


async def _offline(_: Program, sink: Sink) -> int:
    await sink(1, b"offline\n")
    return 1


@attrs.frozen
class Cared:
    """Machines under care, and what is heard."""

    vega: FakeMachine
    heard: Heard


@asynccontextmanager
async def cared(systemctl: FakeProgram) -> AsyncIterator[Cared]:
    """Vega under care, with a source that has no systemd."""
    heard = Heard()
    atlas = await open_fake("atlas", {"systemctl": _offline})
    vega = await open_fake("vega", {"systemctl": systemctl})
    pair = Pair(source=atlas, target=vega, shell=None, deployment=None)
    try:
        async with cared_for(pair, "0001", Settings(), Bus(heard), _nobody, trees=(b"/home",)):
            yield Cared(vega, heard)
    finally:
        await atlas.close()
        await vega.close()


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while True:
            if met():
                break
            await asyncio.sleep(0.01)


def test_a_machine_is_awake_and_undisturbed_while_a_run_lasts_and_as_before_then(state: Path) -> None:
    """Issue §5, I3, faults rows 11 and 35."""

    async def run() -> Heard:
        async with cared(systemctl_of(state)) as it:
            assert (state / "awake").exists()
            assert (state / "paused").exists()
            await until(lambda: any(isinstance(event, FreeSpace) for event in it.heard.events))
        return it.heard

    heard = asyncio.run(run())
    assert heard.said(Level.WARNING) == []
    full = heard.said(Level.FULL)
    assert "vega is kept awake and on, also with its lid closed" in full
    assert any(words.startswith("updates on vega are paused until the run ends") for words in full)
    assert any(words.startswith("updates on vega are as before") for words in full)
    assert any("atlas is not run by systemd" in words for words in full)


def test_a_run_that_fails_or_is_cancelled_puts_back_too(state: Path) -> None:
    """I1, I3."""

    async def fail() -> None:
        async with cared(systemctl_of(state)):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(fail())

    async def cancel() -> None:
        async def wait() -> None:
            async with cared(systemctl_of(state)):
                await asyncio.sleep(60)

        task = asyncio.create_task(wait())
        await until((state / "paused").exists)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()

    asyncio.run(cancel())


def test_what_cannot_be_done_is_a_warning_and_no_failure(state: Path) -> None:
    for program in ("systemd-inhibit", "systemd-run"):
        (state / program).write_text("#!/bin/sh\necho Access denied >&2\nexit 1\n")

    async def run() -> Heard:
        async with cared(systemctl_of(state)) as it:
            pass
        return it.heard

    sleep, updates = sorted(asyncio.run(run()).said(Level.WARNING), reverse=True)
    assert sleep.startswith("vega may sleep or be switched off during the run: ")
    assert updates.startswith("updates on vega could not be paused: ")
    assert "Access denied" in updates


def test_that_something_was_not_put_back_is_told_and_stops_no_cleaning(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I4: the block ends as if nothing was, with a warning that says how it was before."""
    monkeypatch.setattr(care, "RESTORE_PATIENCE", 0.5)
    forgotten = state / "forgotten"

    async def systemctl(program: Program, sink: Sink) -> int:
        if b"show" in program.arguments and forgotten.exists():
            await sink(1, UNITS.format("apt-daily", "inactive").encode())
            return 0
        return await systemctl_of(state)(program, sink)

    async def run() -> Heard:
        async with cared(systemctl) as it:
            forgotten.touch()
        return it.heard

    (warning,) = asyncio.run(run()).said(Level.WARNING)
    assert "not seen that everything is as before" in warning
    assert "before: active: apt-daily.timer" in warning


def test_a_pause_that_does_not_reach_everything_is_told(state: Path) -> None:
    async def systemctl(program: Program, sink: Sink) -> int:
        if b"show" in program.arguments:
            await sink(1, UNITS.format("apt-daily", "active").encode())
            return 0
        return await systemctl_of(state)(program, sink)

    async def run() -> Heard:
        async with cared(systemctl) as it:
            pass
        return it.heard

    assert any("not all updates on vega could be paused" in words for words in asyncio.run(run()).said(Level.WARNING))


def test_what_ends_early_is_told_at_once(state: Path) -> None:
    async def run() -> Heard:
        (state / "systemd-inhibit").write_text("#!/bin/sh\nhead -n 1\nsleep 0.2\necho logind restarts\n")
        async with cared(systemctl_of(state)) as it:
            await until(lambda: bool(it.heard.said(Level.WARNING)))
        return it.heard

    (warning,) = asyncio.run(run()).said(Level.WARNING)
    assert warning.startswith("vega is no longer kept awake")
    assert "logind restarts" in warning


def test_a_machine_that_is_lost_stops_no_cleaning(state: Path) -> None:
    """I4, faults row 1: its agent is gone, and what it kept up with it."""

    async def run() -> Heard:
        async with cared(systemctl_of(state)) as it:
            await it.vega.crash()
            await until(lambda: it.vega.is_lost)
        return it.heard

    heard = asyncio.run(run())
    assert heard.said(Level.WARNING) == []
    assert any("out of reach; its updates are put back there" in words for words in heard.said(Level.FULL))
    assert not (state / "paused").exists()


def test_when_one_machine_is_lost_at_the_beginning_nothing_begins_on_the_other_any_more(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faults row 1: what was kept up after the letting go would be nobody's to end."""
    asked: list[str] = []

    async def has_systemd(machine: FakeMachine) -> bool:
        if machine.name == "atlas":
            raise ConnectionLostError("atlas: gone")
        try:
            asked.append(machine.name)
            await asyncio.sleep(60)
        finally:
            asked.remove(machine.name)
        return True

    monkeypatch.setattr(care, "has_systemd", has_systemd)

    async def run() -> None:
        with pytest.raises(ExceptionGroup, match="unhandled errors"):
            async with cared(systemctl_of(state)):
                pass
        assert asked == []

    asyncio.run(run())


def test_a_disk_that_fills_up_warns_and_stops_the_run(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """S8, faults row 7; the first look leaves it to the checks."""
    rooms = iter([10, 30, 20, 14])

    async def measure(machine: FakeMachine, _: Sequence[bytes]) -> tuple[Room, ...]:
        free = next(rooms, 14) if machine.name == "vega" else 90
        return (attrs.evolve(ROOM, free=free),)

    monkeypatch.setattr(care, "measure", measure)

    async def run() -> tuple[Heard, list[PcSwitcherError]]:
        heard = Heard()
        stopped: list[PcSwitcherError] = []
        vega = await open_fake("vega")
        watched = Watched(machine=vega, disk=DiskWatch("vega", DiskSettings()))
        try:
            await watch_disk(watched, (b"/home",), 0.01, Bus(heard), stopped.append)
        finally:
            await vega.close()
        return heard, stopped

    heard, stopped = asyncio.run(run())
    (error,) = stopped
    assert error.message == "vega: too little room to go on at /home: 14 B of 100 B free, less than 15%"
    assert error.hint
    assert len([words for words in heard.said(Level.WARNING) if "room gets low" in words]) == 2


def test_a_watcher_that_fails_does_not_take_the_run_along(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """L5 in spirit: looking never stops a run."""

    async def measure(_: object, __: Sequence[bytes]) -> tuple[Room, ...]:
        raise ZeroDivisionError("unforeseen")

    monkeypatch.setattr(care, "measure", measure)

    async def run() -> Heard:
        async with cared(systemctl_of(state)) as it:
            await until(lambda: bool(it.heard.said(Level.ERROR)))
        return it.heard

    assert "no longer watched: ZeroDivisionError: unforeseen" in asyncio.run(run()).said(Level.ERROR)
