"""The log of a run: private, whole where it matters, and never in the way."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pcswitcher.model.events import (
    FreeSpace,
    Level,
    LinkHealth,
    LogLine,
    Outcome,
    Progress,
    RunFinished,
    Stalled,
    now,
)
from pcswitcher.run import log_file
from pcswitcher.run.log_file import LogFile, line_of

FINISHED = RunFinished(run="0001", outcome=Outcome.DONE, exit_code=0, message="done")


def line(level: Level, message: str = "words") -> LogLine:
    return LogLine(level=level, message=message, machine="vega")


def lines_in(path: Path) -> list[dict[str, object]]:
    return [json.loads(each) for each in path.read_bytes().splitlines()]


class Disk:
    """A disk that takes nothing until it is let go on."""

    def __init__(self) -> None:
        self.on = threading.Event()
        self.entered = threading.Event()

    def write(self, descriptor: int, data: bytes) -> int:
        if threading.current_thread().name != "log":
            return REAL_WRITE(descriptor, data)
        self.entered.set()
        assert self.on.wait(30)
        return REAL_WRITE(descriptor, data)


REAL_WRITE: Callable[[int, bytes], int] = os.write


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk()
    monkeypatch.setattr(log_file.os, "write", disk.write)
    yield disk
    disk.on.set()


def test_it_is_private_with_its_directory(tmp_path: Path) -> None:
    """L3, promise 9."""
    log = LogFile(tmp_path / "state" / "logs" / "a.jsonl")
    log.close()
    assert log.path.stat().st_mode & 0o777 == 0o600
    assert log.path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("least", list(Level))
def test_it_holds_the_levels_it_is_told_to_and_how_the_run_goes(tmp_path: Path, least: Level) -> None:
    """L1, L2, L3, J4: six levels; a stall and the end are in each, what happens all the time only at DEBUG."""
    log = LogFile(tmp_path / "a.jsonl", least)
    for level in Level:
        log.take(line(level, "bad \ud800 \x1b[31m\n"))
    log.take(Progress(job="files", machine="vega", done=1, total=2, unit="paths"))
    log.take(LinkHealth(machine="vega", round_trip=0.1, silent=0.0))
    log.take(FreeSpace(machine="vega", path="/home", free=1, total=2))
    log.take(Stalled(job="files", machine="vega", seconds=30.0, cause=""))
    log.take(FINISHED)
    log.close()
    often = ["link-health", "free-space"] if least is Level.DEBUG else []
    levels = [level.name for level in Level if level >= least]
    found = lines_in(log.path)
    assert [each.get("level", each["type"]) for each in found] == [*levels, *often, "stalled", "run-finished"]
    assert found[0]["message"] == "bad \ud800 \x1b[31m\n"
    assert log.problem == ""


def test_a_line_tells_when_where_and_what_and_nothing_that_is_empty() -> None:
    """L3: time in ISO 8601 with UTC offset, level, job, machine, message, fields."""
    event = LogLine(level=Level.FULL, message="add x", machine="vega", job="files", fields={"size": "3"})
    data = json.loads(line_of(event))
    assert data == {
        "type": "log-line",
        "schema": 1,
        "level": "FULL",
        "time": event.time.isoformat(timespec="milliseconds"),
        "machine": "vega",
        "job": "files",
        "message": "add x",
        "fields": {"size": "3"},
    }
    assert data["time"].endswith("+00:00")
    assert json.loads(line_of(LogLine(level=Level.INFO, message="x"))).keys() == {
        "type",
        "schema",
        "level",
        "time",
        "message",
    }


def test_all_before_a_flush_is_on_disk_and_others_see_that_the_log_is_in_use(tmp_path: Path) -> None:
    """L3, L4: who follows a log sees it grow."""
    log = LogFile(tmp_path / "a.jsonl")
    log.take(line(Level.FULL))
    log.take(line(Level.INFO))
    log.flush()
    assert len(lines_in(log.path)) == 2
    with log.path.open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    log.close()
    with log.path.open() as file:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)


def test_lines_below_info_are_written_without_anybody_asking(tmp_path: Path) -> None:
    """L4: within moments, not at the end of the run."""
    log = LogFile(tmp_path / "a.jsonl")
    log.take(line(Level.FULL))
    until = time.monotonic() + 20
    while not log.path.stat().st_size and time.monotonic() < until:
        time.sleep(0.01)
    assert lines_in(log.path)
    log.close()


def test_a_disk_that_hangs_holds_up_nothing_and_what_matters_waits_for_it(tmp_path: Path, stuck: Disk) -> None:
    """L5: DEBUG goes first, then FULL, never a warning; the log says how many are missing."""
    log = LogFile(tmp_path / "a.jsonl", Level.DEBUG, limit=20_000)
    log.take(line(Level.INFO, "first"))
    assert stuck.entered.wait(20)
    started = time.monotonic()
    for level in (Level.DEBUG, Level.FULL, Level.INFO, Level.WARNING, Level.ERROR, Level.CRITICAL):
        for number in range(1000):
            log.take(line(level, f"{number}"))
    assert time.monotonic() - started < 5
    stuck.on.set()
    log.flush(30)
    log.take(line(Level.DEBUG, "last"))
    log.close()
    found = lines_in(log.path)
    counts = {level: sum(each.get("level") == level.name for each in found) for level in Level}
    assert 0 < counts[Level.DEBUG] < counts[Level.FULL] + counts[Level.DEBUG] < 250
    assert counts[Level.INFO] < 1000
    assert [counts[level] for level in (Level.WARNING, Level.ERROR, Level.CRITICAL)] == [1001, 1000, 1000]
    (said,) = [str(each["message"]) for each in found if "too slow" in str(each["message"])]
    missing = {level: 1000 - counts[level] + (level in {Level.DEBUG, Level.INFO}) for level in list(Level)[:3]}
    assert said.endswith(", ".join(f"{missing[level]:,} at {level.name}" for level in list(Level)[:3]))
    assert found[-1]["message"] == "last"


def test_of_progress_there_is_a_line_every_few_seconds(tmp_path: Path) -> None:
    """J4, L5: however often it is told."""
    log = LogFile(tmp_path / "a.jsonl")
    start = now()
    for number in range(10_000):
        moment = start + timedelta(milliseconds=number)
        log.take(Progress(time=moment, job="files", machine="vega", done=number, total=0, unit="paths"))
    log.close()
    assert [each["done"] for each in lines_in(log.path)] == [5000]


def test_what_a_job_is_at_never_waits_for_the_disk(tmp_path: Path, stuck: Disk) -> None:
    """L5."""
    log = LogFile(tmp_path / "a.jsonl", Level.INFO)
    for number in range(10_000):
        log.take(Progress(job="files", machine="vega", done=number, total=0, unit="paths"))
    assert not log._lines
    stuck.on.set()
    log.close()
    assert log.path.read_bytes() == b""


def test_a_disk_that_never_answers_does_not_keep_the_program_from_ending(
    tmp_path: Path, stuck: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """L5."""
    monkeypatch.setattr(log_file, "PATIENCE", 0.1)
    log = LogFile(tmp_path / "a.jsonl")
    log.take(line(Level.INFO))
    log.flush(0.05)
    log.close()
    assert log.problem.endswith("is not whole: its disk does not answer")


def test_a_full_disk_does_not_stop_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """L5: the first half of what no longer fits is there, and the run is told once at its end."""

    def write(descriptor: int, data: bytes) -> int:
        if threading.current_thread().name != "log":
            return REAL_WRITE(descriptor, data)
        if os.fstat(descriptor).st_size >= 10:
            raise OSError(28, "No space left on device")
        return REAL_WRITE(descriptor, bytes(data)[:10])

    monkeypatch.setattr(log_file.os, "write", write)
    log = LogFile(tmp_path / "a.jsonl")
    log.take(line(Level.INFO))
    log.flush(30)
    assert log.problem.endswith("cannot be written: No space left on device")
    log.take(line(Level.CRITICAL))
    log.flush(30)
    log.close()
    log.close()
    assert log.path.stat().st_size == 10


def test_a_place_that_cannot_be_written_does_not_stop_the_run(tmp_path: Path) -> None:
    """L5."""
    (tmp_path / "file").touch()
    log = LogFile(tmp_path / "file" / "a.jsonl")
    log.take(line(Level.INFO))
    log.flush()
    log.close()
    assert "cannot be written" in log.problem


def test_neither_a_file_that_is_there_nor_a_link_is_written_to(tmp_path: Path) -> None:
    """Faults row 19."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "a.jsonl").symlink_to(victim)
    for name in ("a.jsonl", "victim"):
        log = LogFile(tmp_path / name)
        log.take(line(Level.INFO))
        log.close()
        assert log.problem
    assert victim.read_text() == "mine"


def home_of_a_developer(count: int) -> Iterator[str]:
    """Paths as homes have them: most below packages and sources, one in ten named by a digest or a number."""
    chance = random.Random(20260101)
    words = "index main util test parse render config model view api client server core async stream token".split()  # noqa: SIM905 - words
    endings = ".js .d.ts .py .pyc .json .md .map .rs .png .html .txt .lock".split()  # noqa: SIM905 - words
    tops = ["src/shop/node_modules", "src/tool/.venv/lib/python3.12/site-packages", "go/pkg/mod", "Documents"]
    packages = [f"{chance.choice(words)}-{chance.choice(words)}{number}" for number in range(900)]
    while count > 0:
        below = "/".join(chance.choices(words, k=chance.randint(0, 3)))
        folder = f"/home/sam/{chance.choice(tops)}/{chance.choice(packages)}/{below}"
        for _ in range(min(count, chance.randint(1, 25))):
            count -= 1
            if chance.random() < 0.1:
                name = f"{chance.getrandbits(64):016x}"
            else:
                name = "_".join(chance.choices(words, k=chance.randint(1, 3))) + str(chance.randint(0, 99))
            yield f"{folder}/{name}{chance.choice(endings)}"


@pytest.mark.slow
def test_a_full_log_of_a_hundred_thousand_files_is_small_when_compressed(tmp_path: Path) -> None:
    """L3: under 2 MB, with a time of its own for each line, as a run that takes minutes writes them."""
    log = LogFile(tmp_path / "a.jsonl", limit=2**40)
    chance, moment = random.Random(1), now()
    for path in home_of_a_developer(100_000):
        moment += timedelta(microseconds=chance.expovariate(1 / 2000))
        action = chance.choice(["add", "add", "add", "change", "metadata", "remove"])
        log.take(LogLine(level=Level.FULL, message=f"{action} {path}", machine="vega", job="files", time=moment))
    log.close()
    assert len(lines_in(log.path)) == 100_000
    assert len(gzip.compress(log.path.read_bytes())) < 2_000_000
