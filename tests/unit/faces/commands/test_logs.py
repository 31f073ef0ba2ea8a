"""`pc-switcher logs`, from outside."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pcswitcher.faces.cli import run
from pcswitcher.faces.commands import logs as command
from pcswitcher.machine.fake import FakeMachine, open_fake
from pcswitcher.machine.lock import Role
from pcswitcher.model.codec import dumps
from pcswitcher.model.errors import ExitCode
from pcswitcher.model.events import Level, LogLine, Outcome, RunFinished, RunStarted, now
from pcswitcher.run import kept_logs, record
from pcswitcher.run.log_file import LogFile, line_of
from pcswitcher.run.record import RunRecord


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person with nothing of ours in their home, a PC without runs, its agent in this process."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    place = tmp_path / "state"
    for module in (command, kept_logs, record):
        monkeypatch.setattr(module, "STATE_DIRECTORY", str(place))

    async def open_local(_: object) -> FakeMachine:
        return await open_fake("vega")

    monkeypatch.setattr(command, "open_local", open_local)
    return place


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / ".local" / "state" / "pc-switcher" / "logs"
    place.mkdir(parents=True, mode=0o700)
    return place


def events_of(label: str, *messages: str) -> bytes:
    events = [
        RunStarted(run=label, source="atlas", target="vega", version="0", dry_run=False),
        *(LogLine(level=Level.INFO, message=text, machine="vega", job="files") for text in messages),
        LogLine(level=Level.DEBUG, message="command 1: true", machine="atlas"),
        RunFinished(run=label, outcome=Outcome.DONE, exit_code=0, message=f"end of {label}"),
    ]
    return b"".join(map(line_of, events))


def keep_record(state: Path, label: str) -> Path:
    """A run this PC remembers, with root's copy of its log."""
    directory = state / "runs" / label
    directory.mkdir(parents=True)
    told = RunRecord(
        label=label,
        role=Role.TARGET,
        source="atlas",
        target="vega",
        source_id="a",
        target_id="b",
        user="sam",
        version="0",
        started=now(),
        outcome=Outcome.PARTIAL,
    )
    (directory / "run.json").write_text(dumps(told))
    (directory / "log.jsonl.gz").write_bytes(gzip.compress(events_of(label, f"copy of {label}")))
    return directory


Said = Callable[..., str]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """What `logs` prints with these words."""

    def ask(*words: str, code: int = ExitCode.DONE) -> str:
        assert run(["logs", *words]) == code
        captured = capsys.readouterr()
        return captured.out if code == ExitCode.DONE else captured.err

    return ask


def test_without_logs_the_list_says_where_they_would_be(said: Said) -> None:
    """L4."""
    assert said() == "0 logs in ~/.local/state/pc-switcher/logs; print one with: pc-switcher logs last\n"
    assert "there is no log of last" in said("last", code=ExitCode.FAILED)
    assert "there is no log of 7" in said("7", code=ExitCode.FAILED)


def test_the_list_tells_run_time_pcs_result_and_size(folder: Path, state: Path, said: Said) -> None:
    """L4: of logs that are whole, in use, cut off, of runs that found no PC, and of root's copies."""
    (folder / "20260101T000000.000000Z-vega.jsonl").write_bytes(events_of("0001"))
    (folder / "20260102T000000.000000Z-vega.jsonl").write_bytes(events_of("0002").splitlines(keepends=True)[0])
    nobody = RunFinished(run="", outcome=Outcome.FAILED, exit_code=12, message="no such host")
    (folder / "20260103T000000.000000Z-vgea.jsonl").write_bytes(line_of(nobody))
    under_way = LogFile(folder / "20260104T000000.000000Z-vega.jsonl")
    under_way.take(RunStarted(run="0004", source="atlas", target="vega", version="0", dry_run=False))
    under_way.flush()
    keep_record(state, "0005")
    rows = said().splitlines()
    under_way.close()
    shown = {row.split()[0]: row for row in rows[:-1]}
    assert "atlas → vega" in shown["0001"]
    assert " done " in shown["0001"]
    assert " not finished " in shown["0002"]
    assert "20260103T000000.000000Z-vgea" in shown["-"]
    assert " failed " in shown["-"]
    assert " running " in shown["0004"]
    assert " partial " in shown["0005"]
    assert shown["0005"].endswith("B (root's copy)")
    assert rows[0].startswith("0005"), "the newest first"
    assert rows[-1].startswith("4 logs in")


def test_the_list_is_short_unless_all_is_wanted(folder: Path, said: Said) -> None:
    """L4."""
    for number in range(1, 13):
        (folder / f"202601{number:02d}T000000.000000Z-vega.jsonl").write_bytes(events_of(f"{number:04d}"))
    assert len(said().splitlines()) == 11
    assert len(said("--all").splitlines()) == 13
    told = [json.loads(line) for line in said("--json").splitlines()]
    assert len(told) == 10
    assert {"type": "log", "schema": 1, "run": "0012", "result": "done", "copy": False}.items() <= told[0].items()


def test_a_log_is_printed_by_number_by_name_or_as_the_last(folder: Path, state: Path, said: Said) -> None:
    """L4: a number is a run's before it is part of a name, and root's copy goes before a name too."""
    (folder / "20260101T000000.000001Z-vega.jsonl").write_bytes(events_of("0001", "one"))
    (folder / "20260202T000000.000001Z-orion.jsonl").write_bytes(events_of("0002", "two"))
    for words, label in ((["1"], "0001"), (["0002"], "0002"), (["vega"], "0001"), (["last"], "0002")):
        assert f"end of {label}" in said(*words)
    keep_record(state, "0003")
    assert "copy of 0003" in said("3")
    assert "copy of 0003" in said("last")
    assert "copy of 0003" in said("last", "--follow")
    os.remove(state / "runs" / "0003" / "log.jsonl.gz")
    assert "end of 0002" in said("last")
    assert "there is no log of lyra" in said("lyra", code=ExitCode.FAILED)
    assert "there is no log of 9" in said("9", code=ExitCode.FAILED)


def test_an_own_log_goes_before_roots_copy_of_it(folder: Path, state: Path, said: Said) -> None:
    """L4: nobody is asked for a password who need not be."""
    (folder / "20260101T000000.000000Z-vega.jsonl").write_bytes(events_of("0003", "own"))
    keep_record(state, "0003")
    assert "own" in said("3")
    assert "root's copy" not in said()


def test_a_log_is_filtered(folder: Path, said: Said) -> None:
    """L4: by level, job, PC and time; as text or as its own JSON."""
    (folder / "20260101T000000.000000Z-vega.jsonl").write_bytes(events_of("0001", "one"))
    assert "command" not in said("1")
    assert "command" in said("1", "--level", "debug")
    assert ": one" not in said("1", "--level", "warning")
    assert said("1", "--job", "files").count("\n") == 1
    assert said("1", "--machine", "atlas", "--level", "debug").count("\n") == 1
    assert said("1", "--since", "1d").count("\n") == 3
    (only,) = [json.loads(line) for line in said("1", "--job", "files", "--json").splitlines()]
    assert (only["message"], only["level"]) == ("one", "INFO")
    assert "there is no level LOUD" in said("1", "--level", "LOUD", code=ExitCode.USAGE)
    assert "is no moment" in said("1", "--since", "soon", code=ExitCode.USAGE)


def test_follow_alone_is_of_the_newest_and_ends_with_its_run(folder: Path, said: Said) -> None:
    """L4."""
    (folder / "20260101T000000.000000Z-vega.jsonl").write_bytes(events_of("0001", "one"))
    assert "end of 0001" in said("--follow")
    assert "end of 0001" in said("-f")


def test_a_reader_that_goes_away_ends_it_without_a_word(folder: Path, tmp_path: Path) -> None:
    """L4: `pc-switcher logs last | head`."""
    (folder / "20260101T000000.000000Z-vega.jsonl").write_bytes(events_of("0001", *("x" * 99 for _ in range(20_000))))
    program = f"{sys.executable} -m pcswitcher logs last | head -n 1"
    home = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run(["sh", "-c", program], capture_output=True, text=True, timeout=60, check=True, env=home)
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
