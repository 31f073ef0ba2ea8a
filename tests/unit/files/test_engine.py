"""The file engine from capture to verify on two real trees."""

from __future__ import annotations

import os
import sqlite3
import subprocess

import pytest

from pcswitcher.files.change import Action
from pcswitcher.files.manifest import Capture
from pcswitcher.model.errors import ApplyError, ConnectionLostError, FormatError, GuardError


def test_everything_new_arrives_and_what_only_the_target_has_goes(pair):
    """F1, F2."""
    (pair.source / "sam").mkdir()
    (pair.source / "sam" / "a").write_bytes(b"hello")
    os.link(pair.source / "sam" / "a", pair.source / "sam" / "a2")
    os.symlink("nowhere", pair.source / "sam" / "link")
    (pair.target / "old").mkdir()
    (pair.target / "old" / "f").write_bytes(b"1")
    outcome = pair.sync()
    assert (outcome.report.failed, outcome.differences, outcome.again.changes) == ((), (), ())
    assert outcome.delta.count(Action.DELETE) == 2
    assert sorted(os.listdir(pair.target)) == ["sam"]
    assert (pair.target / "sam" / "a").samefile(pair.target / "sam" / "a2")


def test_a_planted_symlink_is_replaced_and_never_followed(pair, tmp_path):
    """Faults row 19."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_bytes(b"theirs")
    (pair.source / "config").mkdir()
    (pair.source / "config" / "x").write_bytes(b"ours")
    os.symlink(outside, pair.target / "config")
    outcome = pair.sync()
    assert outcome.report.failed == ()
    assert (outside / "x").read_bytes() == b"theirs"
    assert not (pair.target / "config").is_symlink()
    assert (pair.target / "config" / "x").read_bytes() == b"ours"


def test_a_directory_flipped_to_a_symlink_after_the_plan_leads_nowhere(pair, tmp_path):
    """Faults row 18: the change is reported, nothing outside the tree is touched."""
    outside = tmp_path / "outside"
    outside.mkdir()
    for tree in (pair.source, pair.target):
        (tree / "d").mkdir()
    (pair.source / "d" / "new").write_bytes(b"1")
    (pair.target / "d" / "gone").write_bytes(b"2")
    (outside / "gone").write_bytes(b"keep")

    def flip() -> None:
        os.rename(pair.target / "d", pair.target / "moved")
        os.symlink(outside, pair.target / "d")

    outcome = pair.sync(between=flip)
    assert {problem.path for problem in outcome.report.failed} >= {b"d/new", b"d/gone"}
    assert sorted(os.listdir(outside)) == ["gone"]


def test_an_edit_made_after_the_plan_stays_and_is_reported(pair):
    """Promises 3 and 7."""
    for tree, content in ((pair.source, b"new"), (pair.target, b"old")):
        (tree / "f").write_bytes(content)
    os.utime(pair.target / "f", ns=(0, 0))
    outcome = pair.sync(between=lambda: (pair.target / "f").write_bytes(b"edited meanwhile") and None)
    assert [problem.path for problem in outcome.report.failed] == [b"f"]
    assert (pair.target / "f").read_bytes() == b"edited meanwhile"


def test_an_edit_of_one_nanosecond_travels(pair):
    """What rsync's quick check would miss is not missed."""
    for tree, content, ns in ((pair.source, b"two", 1), (pair.target, b"one", 0)):
        (tree / "f").write_bytes(content)
        os.utime(tree / "f", ns=(0, 10**18 + ns))
    pair.sync()
    assert (pair.target / "f").read_bytes() == b"two"


def test_a_database_arrives_with_its_log_and_without_a_stale_one(pair):
    """F5; faults row 21."""
    connections = []
    for tree, rows in ((pair.source, 50), (pair.target, 3)):
        connection = sqlite3.connect(tree / "app.db")
        connection.execute("pragma journal_mode=wal")
        connection.execute("pragma wal_autocheckpoint=0")
        connection.execute("create table t(x)")
        connection.executemany("insert into t values(?)", [(row,) for row in range(rows)])
        connection.commit()
        connections.append(connection)
    outcome = pair.sync()
    for connection in connections:
        connection.close()
    assert outcome.report.failed == ()
    with sqlite3.connect(pair.target / "app.db") as found:
        assert found.execute("select count(*) from t").fetchone() == (50,)
        assert found.execute("pragma integrity_check").fetchone() == ("ok",)
    found.close()


@pytest.mark.parametrize(("status", "error"), [(24, ApplyError), (12, ConnectionLostError), (11, ApplyError)])
def test_a_failed_transfer_changes_nothing_on_the_target(pair, status, error):
    """Faults rows 1 and 7: nothing but the stage was there, and it is gone."""
    (pair.source / "f").write_bytes(b"new")
    (pair.target / "g").write_bytes(b"old")

    async def fail(program, sink):
        return status

    with pytest.raises(error):
        pair.sync(rsync=fail)
    assert (pair.target / "g").read_bytes() == b"old"
    outcome = pair.sync()
    assert outcome.again.empty
    assert os.listdir(pair.target) == ["f"]


def test_inode_flags_are_carried_and_do_not_stand_in_the_way(pair):
    """Faults row 16: chattr +i and +a."""
    (pair.source / "sealed").write_bytes(b"new")
    (pair.source / "log").write_bytes(b"new")
    (pair.target / "sealed").write_bytes(b"old one")
    (pair.target / "gone").write_bytes(b"1")
    sealed = [pair.source / "sealed", pair.target / "sealed", pair.target / "gone"]
    try:
        subprocess.run(["chattr", "+i", *sealed], check=True)
        subprocess.run(["chattr", "+a", pair.source / "log"], check=True)
        outcome = pair.sync()
        assert (outcome.report.failed, outcome.differences, outcome.again.changes) == ((), (), ())
        with pytest.raises(PermissionError):
            (pair.target / "sealed").write_bytes(b"x")
    finally:
        for tree in (pair.source, pair.target):
            subprocess.run(["chattr", "-R", "-ia", tree], check=False)
    assert sorted(os.listdir(pair.target)) == ["log", "sealed"]


def test_a_stream_cut_short_is_no_answer(pair, engine):
    """Promise 8; faults row 22."""
    for number in range(50):
        (pair.source / f"d{number}").mkdir()
    capture = engine.scan(pair.source)
    whole = b"".join(capture.chunks)
    for end in range(0, len(whole), 7):
        with pytest.raises(FormatError):
            list(Capture((whole[:end],), capture.summary).blocks())


def test_a_missing_root_is_refused(pair, engine):
    """F6; faults row 28."""
    with pytest.raises(GuardError):
        engine.scan(pair.source / "missing")


def test_a_path_beyond_path_max_is_scanned_and_deleted(pair):
    """Faults row 13."""
    descriptor = os.open(pair.target, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("n" * 200, dir_fd=descriptor)
        below = os.open("n" * 200, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    outcome = pair.sync()
    assert outcome.delta.count(Action.DELETE) == 30
    assert os.listdir(pair.target) == []
