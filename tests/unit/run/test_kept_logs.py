"""Root's copies of logs, beside the records of the runs on both PCs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pcswitcher.machine.fake import FakeMachine, open_fake
from pcswitcher.machine.rpc import pack
from pcswitcher.model.errors import CheckError, FormatError
from pcswitcher.model.events import Event, Level, LogLine, Outcome, RunFinished, RunStarted
from pcswitcher.run import kept_logs as module
from pcswitcher.run import record
from pcswitcher.run.bus import Bus
from pcswitcher.run.kept_logs import KeptLog, fetch_log, keep_copies, keep_log_there, kept_logs, read_packed
from pcswitcher.run.log_file import LogFile, line_of
from pcswitcher.run.logs import read_log

FINISHED = RunFinished(run="0007", outcome=Outcome.DONE, exit_code=0, message="done")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state directory of the fake machine."""
    place = tmp_path / "state"
    for each in (record, module):
        monkeypatch.setattr(each, "STATE_DIRECTORY", str(place))
    return place


def write_log(path: Path, *events: Event, level: Level = Level.DEBUG) -> Path:
    log = LogFile(path, level, limit=2**40)
    for event in events:
        log.take(event)
    log.close()
    assert log.problem == ""
    return path


def line(level: Level, message: str = "") -> LogLine:
    return LogLine(level=level, message=message or level.name, machine="vega")


def on_fake(test: Callable[[FakeMachine], Awaitable[None]]) -> None:
    async def run() -> None:
        machine = await open_fake("vega")
        try:
            await test(machine)
        finally:
            await machine.close()

    asyncio.run(run())


def test_the_copy_tells_the_runs_story_to_root_alone(tmp_path: Path, state: Path) -> None:
    """L3, promise 9: everything but DEBUG, and the end, which the log itself does not have yet."""
    started = RunStarted(run="0007", source="atlas", target="vega", version="0", dry_run=False)
    path = write_log(tmp_path / "a.jsonl", started, *map(line, Level))
    with path.open("ab") as file:
        file.write(b'{"type":"cut')

    async def test(machine: FakeMachine) -> None:
        await keep_log_there(machine, "0007", path, FINISHED)
        events = await fetch_log(machine, "0007")
        assert events is not None
        levels = [level.name for level in list(Level)[1:]]
        assert [event.get("level", event["type"]) for event in events] == ["run-started", *levels, "run-finished"]
        assert await fetch_log(machine, "0008") is None

    on_fake(test)
    kept = state / "runs" / "0007" / "log.jsonl.gz"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o755
    assert kept_logs(str(state)) == (KeptLog(label="0007", size=kept.stat().st_size),)
    assert len(list(read_log(kept))) == 7


def test_a_large_log_arrives_in_pieces_and_whole(tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """L3."""
    monkeypatch.setattr(module, "CHUNK_LIMIT", 1000)
    path = write_log(tmp_path / "a.jsonl", *(line(Level.FULL, os.urandom(20).hex()) for _ in range(500)))

    async def test(machine: FakeMachine) -> None:
        for _ in range(2):  # again, over what is there
            await keep_log_there(machine, "0007", path)
        assert await fetch_log(machine, "0007") == tuple(read_log(path))

    on_fake(test)
    assert [each.name for each in (state / "runs" / "0007").iterdir()] == ["log.jsonl.gz"]


def test_a_copy_has_its_limit_and_warnings_come_after_it_too(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """L3, L5: it says how much is missing, and how the run ended is never missing."""
    monkeypatch.setattr(module, "COPY_LIMIT", 100_000)
    monkeypatch.setattr(module, "LAST_LIMIT", 100_000)
    many = [line(Level.FULL, os.urandom(50).hex()) for _ in range(20_000)]
    floods = [line(Level.WARNING, os.urandom(50).hex()) for _ in range(20_000)]
    path = write_log(tmp_path / "a.jsonl", *many, line(Level.ERROR, "late"), *floods)

    async def test(machine: FakeMachine) -> None:
        await keep_log_there(machine, "0007", path, FINISHED)
        events = await fetch_log(machine, "0007")
        assert events is not None
        messages = [str(event["message"]) for event in events]
        assert messages[:500] == [event.message for event in many[:500]]
        assert "late" in messages
        assert messages[-1] == "done"
        assert messages[-2] == f"{40_001 + 2 - len(messages):,} lines are not in this copy of the log: it is too large"

    on_fake(test)
    assert kept_logs(str(state))[0].size < 600_000


def test_only_the_newest_runs_keep_their_copies(tmp_path: Path, state: Path) -> None:
    """L3: the records stay; pieces that a broken connection left go."""
    path = write_log(tmp_path / "a.jsonl", line(Level.INFO))
    for label in ("0001", "0002", "10000"):
        (state / "runs" / label).mkdir(parents=True)
        (state / "runs" / label / "run.json").touch()
    (state / "runs" / "0001" / ".log.new").touch()
    (state / "runs" / "notes").mkdir()

    async def test(machine: FakeMachine) -> None:
        for label in ("0001", "0002", "10000"):
            await keep_log_there(machine, label, path, keep=2)

    on_fake(test)
    assert [each.label for each in kept_logs(str(state))] == ["0002", "10000"]
    assert [each.name for each in (state / "runs" / "0001").iterdir()] == ["run.json"]


def test_what_cannot_be_kept_or_read_is_an_error_with_the_machines_name(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """L5: the caller may go on. Nothing but a run's label is taken, and nothing but a log."""
    path = write_log(tmp_path / "a.jsonl", line(Level.INFO))

    async def test(machine: FakeMachine) -> None:
        with pytest.raises(CheckError, match=r"the log .* cannot be read: No such file"):
            await keep_log_there(machine, "0007", tmp_path / "none")
        for label in ("../../0007", "dry-run-1", ""):
            with pytest.raises(FormatError, match="is not the label of a run"):
                await keep_log_there(machine, label, path)
            with pytest.raises(FormatError, match="is not the label of a run"):
                await fetch_log(machine, label)
        (state / "runs").mkdir(parents=True)
        (state / "runs" / "0007").touch()
        with pytest.raises(CheckError, match=": the log of run 0007 cannot be kept: "):
            await keep_log_there(machine, "0007", path)
        with pytest.raises(CheckError, match=r"log\.jsonl\.gz cannot be read: Not a directory"):
            await fetch_log(machine, "0007")
        with pytest.raises(FormatError, match="not base64"):
            await machine.call(module.write_kept_log, "0008", 0, "§", 1)

    on_fake(test)
    with pytest.raises(FormatError, match="the log is damaged"):
        list(read_packed(b"no log"))


def test_a_connection_that_breaks_in_the_middle_leaves_the_copy_of_before(tmp_path: Path, state: Path) -> None:
    """L3, faults row 3: a copy counts once it is whole."""
    first = write_log(tmp_path / "a.jsonl", line(Level.INFO, "first"))

    async def test(machine: FakeMachine) -> None:
        await keep_log_there(machine, "0007", first)
        await machine.call(module.write_kept_log, "0007", 0, pack(b"half"), 0)
        assert await fetch_log(machine, "0007") == tuple(read_log(first))
        await keep_log_there(machine, "0007", first)

    on_fake(test)
    assert len(list(read_log(state / "runs" / "0007" / "log.jsonl.gz"))) == 1


def test_a_link_in_the_place_of_a_piece_is_not_followed(tmp_path: Path, state: Path) -> None:
    """Faults row 19."""
    victim = tmp_path / "victim"
    victim.write_bytes(line_of(line(Level.INFO)))
    (state / "runs" / "0007").mkdir(parents=True)
    (state / "runs" / "0007" / ".log.new").symlink_to(victim)

    async def test(machine: FakeMachine) -> None:
        with pytest.raises(CheckError, match="cannot be kept"):
            await keep_log_there(machine, "0007", victim)

    on_fake(test)
    assert victim.read_bytes()


def test_a_machine_that_is_gone_or_full_costs_its_copy_and_nothing_else(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """L5, J7: the other machine has its copy; the log says what is missing, and why."""
    log = LogFile(tmp_path / "a.jsonl")
    bus = Bus(log)
    bus.log(Level.INFO, "words")

    async def run() -> None:
        lost, there = await open_fake("lyra"), await open_fake("vega")
        await lost.crash()
        await keep_copies((lost, there), "0007", log, bus)
        monkeypatch.setattr(module, "PATIENCE", 0.0)
        await keep_copies((there,), "0008", log, bus)
        await lost.close()
        await there.close()

    asyncio.run(run())
    log.close()
    assert [each.label for each in kept_logs(str(state))] == ["0007"]
    assert next(event["message"] for event in read_log(state / "runs" / "0007" / "log.jsonl.gz")) == "words"
    _, gone, late = read_log(log.path)
    assert (gone["level"], gone["machine"]) == ("FULL", "lyra")
    assert str(gone["message"]).startswith("no copy of the log could be kept: lyra: ")
    assert late["machine"] == "vega"
    assert bus.warnings == []
