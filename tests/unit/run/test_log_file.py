"""The log of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pcswitcher.model.events import Level, LogLine, Outcome, Progress, RunFinished
from pcswitcher.run.log_file import LogFile, list_logs, read_log

FINISHED = RunFinished(run="0001", outcome=Outcome.DONE, exit_code=0, message="done")


def line(level: Level, message: str = "words") -> LogLine:
    return LogLine(level=level, message=message, machine="vega")


def test_it_is_private_with_its_directory(tmp_path: Path) -> None:
    """L3, promise 9."""
    log = LogFile(tmp_path / "state" / "logs" / "a.jsonl")
    log.close()
    assert log.path.stat().st_mode & 0o777 == 0o600
    assert log.path.parent.stat().st_mode & 0o777 == 0o700


def test_it_holds_levels_from_full_on_and_no_progress(tmp_path: Path) -> None:
    """L2, L3."""
    log = LogFile(tmp_path / "a.jsonl")
    for level in Level:
        log.take(line(level, "bad \ud800 \x1b[31m\n"))
    log.take(Progress(job="files", machine="vega", done=1, total=2, unit="paths"))
    log.take(FINISHED)
    log.close()
    found = list(read_log(log.path))
    assert [each.get("level", each["type"]) for each in found] == [
        "FULL",
        "INFO",
        "WARNING",
        "ERROR",
        "CRITICAL",
        "run-finished",
    ]
    assert found[0]["message"] == "bad \ud800 \x1b[31m\n"
    assert log.problem == ""


def test_what_matters_is_on_disk_at_once(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "a.jsonl")
    log.take(line(Level.FULL))
    log.take(line(Level.INFO))
    assert len(log.path.read_text().splitlines()) == 2
    log.close()


def test_a_full_disk_does_not_stop_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """L5."""
    log = LogFile(tmp_path / "a.jsonl")
    log.close()
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(log, "_file", full)
        log.take(line(Level.INFO))
        assert log.problem.endswith("cannot be written: No space left on device")
        log.take(line(Level.INFO))
        log.close()


def test_a_place_that_cannot_be_written_does_not_stop_the_run(tmp_path: Path) -> None:
    """L5."""
    (tmp_path / "file").touch()
    log = LogFile(tmp_path / "file" / "a.jsonl")
    log.take(line(Level.INFO))
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


def test_a_log_that_was_cut_short_is_read_up_to_there(tmp_path: Path) -> None:
    place = tmp_path / "a.jsonl"
    place.write_text(json.dumps({"type": "x"}) + "\n[1]\n" + '{"type": "y')
    assert list(read_log(place)) == [{"type": "x"}]


def test_logs_are_listed_newest_first_and_none_is_no_error(tmp_path: Path) -> None:
    """L4."""
    for name in ("20260101T1-a.jsonl", "20260301T1-a.jsonl", "20260201T1-b.jsonl", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name[:8] for path in list_logs(tmp_path)] == ["20260301", "20260201", "20260101"]
    assert list_logs(tmp_path / "none") == []
