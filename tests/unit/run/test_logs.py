"""Logs that are kept: listed, read, followed, tidied up."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pcswitcher.model.errors import PcSwitcherError
from pcswitcher.model.events import Level, LogLine, Outcome, RunFinished, RunStarted
from pcswitcher.run import logs
from pcswitcher.run.log_file import LogFile, line_of
from pcswitcher.run.logs import (
    follow_log,
    is_in_use,
    list_logs,
    log_by_name,
    log_of_run,
    parse_event,
    read_log,
    start_tidying,
    summarize,
    tidy_logs,
)

DAY = 86_400


def started(label: str) -> RunStarted:
    return RunStarted(run=label, source="atlas", target="vega", version="0", dry_run=False)


def finished(label: str) -> RunFinished:
    return RunFinished(run=label, outcome=Outcome.DONE, exit_code=0, message="done")


def words(text: str) -> LogLine:
    return LogLine(level=Level.FULL, message=text, machine="vega")


@pytest.fixture
def keep_log(tmp_path: Path) -> Callable[..., Path]:
    """Write a log of a run that ended, named by the number of its run."""

    def keep(number: int, *, host: str = "vega", packed: bool = False) -> Path:
        label = f"{number:04d}"
        events = [words("before"), started(label), words(f"in {label}"), finished(label)]
        data = b"".join(map(line_of, events))
        path = tmp_path / f"202601{number:02d}T000000.000000Z-{host}.jsonl{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(data) if packed else data)
        path.chmod(0o600)
        return path

    return keep


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def messages(path: Path) -> list[object]:
    return [event["message"] for event in read_log(path) if event["type"] == "log-line"]


def test_logs_are_listed_newest_first_in_either_form_and_none_is_no_error(tmp_path: Path) -> None:
    """L4: a log that is there in both forms, its compressing having been cut short, is one."""
    for name in ("20260101T1-a.jsonl", "20260301T1-a.jsonl.gz", "20260201T1-b.jsonl", "20260201T1-b.jsonl.gz"):
        (tmp_path / name).touch()
    for name in ("notes.txt", ".packing-x", ".20260101T1-a.jsonl"):
        (tmp_path / name).touch()
    found = ["20260301T1-a.jsonl.gz", "20260201T1-b.jsonl", "20260101T1-a.jsonl"]
    assert [path.name for path in list_logs(tmp_path)] == found
    assert list_logs(tmp_path / "none") == []


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PcSwitcherError, match="cannot be read: Not a directory"):
        list_logs(tmp_path / "file")
    for name in ("none.jsonl", "none.jsonl.gz"):
        with pytest.raises(PcSwitcherError, match="cannot be read: No such file"):
            list(read_log(tmp_path / name))


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_damaged_in_a_log_is_left_out_and_the_rest_is_read(tmp_path: Path, *, packed: bool) -> None:
    """L4, faults row 9: a line cut short by a crash, one that is no JSON, one that is no object."""
    lines = [json.dumps({"type": "x"}).encode(), b"[1]", b'\xff{"\0', b"[" * 100_000, b'{"type":"z"}', b'{"type":"y']
    data = b"\n".join(lines)
    path = tmp_path / ("a.jsonl.gz" if packed else "a.jsonl")
    path.write_bytes(gzip.compress(data) if packed else data)
    assert list(read_log(path)) == [{"type": "x"}, {"type": "z"}]


def test_a_compressed_log_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    """L4: cut short is no error, to be no log at all is one."""
    data = gzip.compress(b"".join(line_of(words(f"{number} {os.urandom(9).hex()}")) for number in range(5000)))
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(data[: len(data) // 2])
    assert 1000 < len(list(read_log(path))) < 4000
    path.write_bytes(b"no log")
    with pytest.raises(PcSwitcherError, match="cannot be read"):
        list(read_log(path))


def test_a_log_that_was_compressed_since_it_was_listed_is_still_read(keep_log: Callable[..., Path]) -> None:
    """L3, L4: another run may tidy up at any moment."""
    path = keep_log(1)
    keep_log(2)
    tidy_logs(path.parent, 10)
    assert not path.exists()
    assert messages(path) == ["before", "in 0001"]
    assert summarize(path).finished is not None


@pytest.mark.parametrize("packed", [False, True])
def test_a_log_tells_which_run_it_is_of_and_how_that_ended(keep_log: Callable[..., Path], *, packed: bool) -> None:
    """L4."""
    path = keep_log(7, packed=packed)
    summary = summarize(path)
    assert summary.run is not None
    assert (summary.run.run, summary.run.source, summary.run.target) == ("0007", "atlas", "vega")
    assert summary.finished is not None
    assert summary.finished.outcome is Outcome.DONE
    assert summary.started is not None
    assert (summary.size, summary.in_use) == (path.stat().st_size, False)


def test_a_log_without_beginning_or_end_tells_what_it_can(tmp_path: Path) -> None:
    """L4: of a run that found no host, of one that was killed, of one that has just begun."""
    path = tmp_path / "a.jsonl"
    path.touch()
    nothing = summarize(path)
    assert (nothing.run, nothing.started, nothing.finished) == (None, None, None)
    path.write_bytes(line_of(finished("")))
    assert summarize(path).finished is not None
    path.write_bytes(line_of(started("0003")) + b'{"cut')
    assert (summarize(path).finished, summarize(path).run is None) == (None, False)
    log = LogFile(tmp_path / "b.jsonl")
    log.take(started("0004"))
    log.flush()
    assert summarize(log.path).in_use
    log.close()
    assert not summarize(log.path).in_use


def test_logs_are_found_by_number_and_by_name(keep_log: Callable[..., Path]) -> None:
    """L4."""
    old, new = keep_log(1), keep_log(12, host="orion", packed=True)
    both = [new, old]
    assert log_of_run(both, "1") == log_of_run(both, "0001") == old
    assert log_of_run(both, "12") == new
    assert log_of_run(both, "2026") is None
    assert log_of_run(both, "²") is None
    assert log_by_name(both, "vega") == old
    assert log_by_name(both, "2026") == new
    assert log_by_name(both, "") is None


def test_an_event_of_another_version_is_none_we_know() -> None:
    for data in ({"type": "new"}, {}, {"type": "log-line", "level": "LOUD"}, {"type": "step-started", "step": 1}):
        assert parse_event(data) is None  # type: ignore[arg-type]
    line = LogLine(level=Level.FULL, message="x")
    told = parse_event(json.loads(line_of(line)))
    assert isinstance(told, LogLine)
    assert (told.level, told.message, told.machine, told.fields) == (Level.FULL, "x", "", {})


class Follower:
    """Follows a log in a thread and keeps what it hears."""

    def __init__(self, path: Path) -> None:
        self.heard: list[object] = []
        self._thread = threading.Thread(target=self._follow, args=(path,), daemon=True)
        self._thread.start()

    def _follow(self, path: Path) -> None:
        for event in follow_log(path):
            self.heard.append(event["message"])

    def until(self, count: int) -> None:
        end = time.monotonic() + 20
        while len(self.heard) < count and time.monotonic() < end:
            time.sleep(0.01)
        assert len(self.heard) >= count

    def ends(self) -> list[object]:
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.heard


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FOLLOWING", 0.01)


def test_a_run_is_followed_to_its_end(tmp_path: Path, quick: None) -> None:
    """L4: also where a line arrives in pieces."""
    path = tmp_path / "a.jsonl"
    with path.open("wb", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(line_of(words("one")))
        follower = Follower(path)
        follower.until(1)
        line = line_of(words("two"))
        file.write(line[:20])
        time.sleep(0.05)
        assert len(follower.heard) == 1
        file.write(line[20:])
        follower.until(2)
        file.write(line_of(finished("0001")))
        assert follower.ends() == ["one", "two", "done"]


def test_following_ends_with_a_run_that_was_killed(tmp_path: Path, quick: None) -> None:
    """L4, faults row 9: what it said last is shown, half a line is not."""
    path = tmp_path / "a.jsonl"
    with path.open("wb", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        follower = Follower(path)
        file.write(line_of(words("last")) + b'{"type":')
        follower.until(1)
    assert follower.ends() == ["last"]


@pytest.mark.parametrize("packed", [False, True])
def test_following_a_run_that_has_ended_shows_its_log(keep_log: Callable[..., Path], *, packed: bool) -> None:
    """L4."""
    assert [event["type"] for event in follow_log(keep_log(1, packed=packed))][-1] == "run-finished"


def test_old_logs_are_compressed_and_older_ones_deleted(tmp_path: Path, keep_log: Callable[..., Path]) -> None:
    """L3: the newest stays as it is; mode, time and every line are kept."""
    paths = [keep_log(number) for number in range(1, 6)]
    os.utime(paths[3], (1_000_000, 1_000_000))
    start_tidying(tmp_path, 3).join(20)
    assert names(tmp_path) == [f"{paths[2].name}.gz", f"{paths[3].name}.gz", paths[4].name]
    packed = tmp_path / f"{paths[3].name}.gz"
    assert packed.stat().st_mode & 0o777 == 0o600
    assert packed.stat().st_mtime == 1_000_000
    assert messages(packed) == ["before", "in 0004"]
    tidy_logs(tmp_path, 3)
    assert len(names(tmp_path)) == 3
    tidy_logs(tmp_path, 1)
    assert names(tmp_path) == [paths[4].name]


def test_the_log_of_another_run_under_way_is_left_alone(tmp_path: Path, keep_log: Callable[..., Path]) -> None:
    """L3: neither compressed nor deleted, however old; nor is one that has only just been made."""
    log = LogFile(tmp_path / "20250101T000000.000000Z-orion.jsonl")
    log.take(words("on"))
    log.flush()
    just_made = tmp_path / "20250102T000000.000000Z-orion.jsonl"
    just_made.touch()
    newest = [keep_log(number) for number in (1, 2)][1]
    tidy_logs(tmp_path, 1)
    assert names(tmp_path) == sorted([log.path.name, just_made.name, newest.name])
    assert is_in_use(log.path)
    log.take(words("and on"))
    log.close()
    assert messages(log.path) == ["on", "and on"]
    os.utime(just_made, (time.time() - 2 * DAY,) * 2)
    tidy_logs(tmp_path, 1)
    assert names(tmp_path) == [newest.name]


@pytest.mark.parametrize("at", ["fsync", "replace", "sync_directory", "unlink"])
def test_a_crash_while_compressing_loses_nothing(
    tmp_path: Path, keep_log: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """L3, promise 6: at each step the log can be read, and the next time finishes the work."""
    old, new = keep_log(1), keep_log(2)

    class Crash(BaseException):
        pass

    def crash(*_: object, **__: object) -> None:
        raise Crash

    place = {"sync_directory": "pcswitcher.run.logs.sync_directory", "unlink": "pathlib.Path.unlink"}
    with monkeypatch.context() as patch:
        patch.setattr(place.get(at, f"pcswitcher.run.logs.os.{at}"), crash)
        with pytest.raises(Crash):
            tidy_logs(tmp_path, 5)
    assert [messages(path) for path in list_logs(tmp_path)] == [["before", "in 0002"], ["before", "in 0001"]]
    tidy_logs(tmp_path, 5)
    assert names(tmp_path) == [f"{old.name}.gz", new.name]
    assert messages(old) == ["before", "in 0001"]


def test_a_full_disk_leaves_the_log_as_it_is(
    tmp_path: Path, keep_log: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """L3, L5: tidying up is tried again with the next run, without a word."""
    old, new = keep_log(1), keep_log(2)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pcswitcher.run.logs.os.fsync", full)
        tidy_logs(tmp_path, 5)
    assert {old.name, new.name} < set(names(tmp_path))
    tidy_logs(tmp_path, 5)
    assert names(tmp_path) == [f"{old.name}.gz", new.name]
    tidy_logs(tmp_path / "none", 5)


def test_two_runs_that_tidy_up_at_once_are_not_in_each_others_way(
    tmp_path: Path, keep_log: Callable[..., Path]
) -> None:
    """L3."""
    old, new = keep_log(1), keep_log(2)
    handle = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    tidy_logs(tmp_path, 1)
    assert names(tmp_path) == [old.name, new.name]
    os.close(handle)


def test_a_link_among_the_logs_is_not_followed(tmp_path: Path, keep_log: Callable[..., Path]) -> None:
    """Faults row 19."""
    victim = tmp_path / "victim"
    victim.write_bytes(line_of(words("mine")))
    folder = tmp_path / "logs"
    folder.mkdir()
    link = folder / "20250101T000000.000000Z-x.jsonl"
    link.symlink_to(victim)
    (folder / "20260101T000000.000000Z-y.jsonl").write_bytes(b"{}\n")
    for keep in (5, 1):
        tidy_logs(folder, keep)
        assert link.is_symlink()
        assert victim.read_bytes()
