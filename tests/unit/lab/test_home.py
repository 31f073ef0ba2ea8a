"""The realistic home: the same for the same seed, with everything awkward in it that the faults list names."""

from __future__ import annotations

import io
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pclab import carry, home, home_applications, home_awkward
from pclab.compare import Difference, Report, diff
from pclab.errors import LabError
from pclab.home_writing import APPEND_ONLY, IMMUTABLE, change_flags, tree_below
from pclab.manifest import read_manifest, write_manifest

# What cannot be the same in two homes: SQLite's random salts, and files that hold the path of the home itself.
NOT_THE_SAME = (
    *("**/*.db-wal", "**/*.sqlite-wal", "Awkward/links/good absolute"),
    *("Projects/analysis/.venv/bin/activate*", "Projects/analysis/.venv/pyvenv.cfg"),
)
FILES = 300


@dataclass(frozen=True)
class Homes:
    """Two homes of one seed, one of another, and what was said about the first."""

    first: Path
    second: Path
    other: Path
    made: home.Made


def remove(root: Path) -> None:
    """Remove a home with its closed and immutable parts."""
    for path, is_folder in walk(os.fsencode(root), open_folders=True):
        if not os.path.islink(path) and (is_folder or os.path.isfile(path)) and os.geteuid() == 0:
            change_flags(path, remove=IMMUTABLE | APPEND_ONLY)
    shutil.rmtree(root)


def walk(root: bytes, *, open_folders: bool = False) -> Iterator[tuple[bytes, bool]]:
    for name in os.listdir(root):
        path = os.path.join(root, name)
        is_folder = not os.path.islink(path) and os.path.isdir(path)
        if is_folder and open_folders and os.geteuid():
            os.chmod(path, 0o700)
        yield path, is_folder
        if is_folder and os.access(path, os.R_OK | os.X_OK):
            yield from walk(path, open_folders=open_folders)


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homes]:
    base = tmp_path_factory.mktemp("homes")
    roots = [base / name for name in ("first", "second", "other")]
    seeds = [7, 7, 8]
    try:
        for root in roots:
            root.mkdir()
        made = [home.make(os.fsencode(r), home.Plan(s, FILES)) for r, s in zip(roots, seeds, strict=True)]
        yield Homes(*roots, made[0])
    finally:
        for root in roots:
            remove(root)


@pytest.fixture
def own_home(tmp_path: Path) -> Iterator[Path]:
    root = tmp_path / "home"
    root.mkdir()
    home.make(os.fsencode(root), home.Plan(7, FILES))
    yield root
    remove(root)


def compared(a: Path, b: Path, *apart: str) -> Report:
    manifests = []
    for root in (a, b):
        out = io.StringIO()
        write_manifest(os.fsencode(root), out)
        manifests.append(read_manifest(out.getvalue().splitlines()))
    return diff(manifests[0], manifests[1], apart)


def is_refusal(difference: Difference) -> bool:
    """Whether neither side could be read: not root."""
    return os.geteuid() != 0 and difference.a == difference.b


def test_the_same_seed_gives_the_same_home(homes: Homes) -> None:
    report = compared(homes.first, homes.second, *NOT_THE_SAME)
    assert [d for d in report.differences if not is_refusal(d)] == []
    assert min(report.paths) > FILES


def test_another_seed_gives_another_home(homes: Homes) -> None:
    assert not compared(homes.first, homes.other, *NOT_THE_SAME).equal


def test_every_awkward_name_is_there_byte_for_byte(homes: Homes) -> None:
    """Faults row 12."""
    awkward = os.fsencode(homes.first) + b"/Awkward"
    assert set(os.listdir(awkward + b"/names")) == {*home_awkward.NAMES, b"link to newline"}
    assert set(os.listdir(awkward + b"/folder names")) == set(home_awkward.NAMES)
    assert max(len(name) for name in home_awkward.NAMES) == 255


@pytest.mark.parametrize("bad", [b"\n", b"\t", b"\x1b", b"*", b"?", b"[", b"\xff", b"\xe2\x80\xae", b" "])
def test_the_names_hold_every_kind_of_awkward_byte(bad: bytes) -> None:
    """Faults row 12."""
    assert any(bad in name for name in home_awkward.NAMES)


def test_a_path_is_nearly_as_long_as_paths_can_be(homes: Homes) -> None:
    longest = max(len(os.path.relpath(path, os.fsencode(homes.first))) for path, _ in walk(os.fsencode(homes.first)))
    assert 3_390 <= longest <= 3_500


def test_special_files_links_and_modes_are_there(homes: Homes) -> None:
    """Faults rows 15 to 17."""
    awkward = homes.first / "Awkward"
    assert stat.S_ISFIFO((awkward / "special/pipe").stat().st_mode)
    assert stat.S_ISSOCK((awkward / "special/listener").stat().st_mode)
    assert (awkward / "links/file").stat().st_nlink == 4
    assert os.readlink(awkward / "links/root") == "/"
    assert not (awkward / "links/dangling").exists()
    with pytest.raises(OSError, match="Too many levels"):
        (awkward / "links/itself").stat()
    assert stat.S_IMODE((awkward / "permissions/setuid").stat().st_mode) == 0o4755
    assert stat.S_IMODE((awkward / "permissions/read-only folder").stat().st_mode) == 0o555
    assert stat.S_IMODE((awkward / "permissions/mode 0000").stat().st_mode) == 0
    cache, kept = homes.first / ".cache/mesa_shader_cache/linked", awkward / "links/also in cache"
    assert cache.samefile(kept)


def test_times_reach_from_1970_to_2106_with_nanoseconds(homes: Homes) -> None:
    times = {path.name: path.stat().st_mtime_ns for path in (homes.first / "Awkward/times").iterdir()}
    assert times["epoch"] == 0
    assert times["1970 and a nanosecond"] == 1
    assert times["2106"] == 4_294_967_295_999_999_999


def test_what_cannot_be_had_here_is_said(homes: Homes) -> None:
    refused = {skipped.what for skipped in homes.made.skipped}
    if os.geteuid():
        assert {"device nodes", "file of another user"} <= refused
    else:
        assert "device nodes" not in refused


def test_the_vm_image_is_sparse(homes: Homes) -> None:
    """Faults row 14."""
    status = (homes.first / os.fsdecode(home_applications.IMAGE)).stat()
    assert status.st_size == 4 << 30
    assert 1 << 20 < status.st_blocks * 512 < 32 << 20


def test_a_database_without_its_journal_would_lose_rows(homes: Homes, tmp_path: Path) -> None:
    """F5: the trap is a real one."""
    database = homes.first / os.fsdecode(home_applications.ACCOUNTS)
    assert home_applications.read_ledger(os.fsencode(database)).rows == 400
    shutil.copy(database, tmp_path / "alone.db")
    with sqlite3.connect(tmp_path / "alone.db") as connection, pytest.raises(sqlite3.OperationalError):
        connection.execute("SELECT count(*) FROM entries")
    connection.close()


def test_the_repository_has_history_and_is_clean(homes: Homes) -> None:
    place = ["git", "-c", "safe.directory=*", "-C", str(homes.first / "Projects/history")]
    log = subprocess.run([*place, "log", "--oneline"], check=True, capture_output=True, timeout=20)
    assert len(log.stdout.splitlines()) == 65
    subprocess.run([*place, "fsck", "--strict"], check=True, capture_output=True, timeout=20)


def test_a_home_is_made_in_an_empty_folder_only(homes: Homes, tmp_path: Path) -> None:
    """T6: outside the lab nobody's home is touched."""
    (tmp_path / "letter").touch()
    with pytest.raises(LabError, match="not empty"):
        home.make(os.fsencode(tmp_path), home.Plan(7))
    with pytest.raises(LabError, match="already"):
        home.make(os.fsencode(homes.first), home.Plan(7))
    assert os.listdir(tmp_path) == ["letter"]


def test_a_day_of_work_is_done_only_in_a_home_of_the_lab(tmp_path: Path) -> None:
    (tmp_path / "letter").touch()
    with pytest.raises(LabError, match="no home of the lab"):
        home.change(os.fsencode(tmp_path), seed=8)


def test_a_day_of_work_changes_every_kind_of_thing(own_home: Path, homes: Homes) -> None:
    """The change set of the performance page, scaled."""
    done = home.change(os.fsencode(own_home), seed=8).counts
    for kind in ("modified", "created", "deleted", "metadata only", "folders renamed", "files moved", "types changed"):
        assert done[kind] > 0, kind
    report = compared(homes.first, own_home, *NOT_THE_SAME)
    differing = {difference.property for difference in report.differences}
    assert {"presence", "type", "mode", "size", "time", "content", "attributes"} <= differing
    same_second = [
        path
        for path, is_folder in walk(os.fsencode(own_home))
        if not is_folder and is_other_in_the_same_second(path, homes.first, own_home)
    ]
    assert len(same_second) >= 4


def is_other_in_the_same_second(path: bytes, before: Path, after: Path) -> bool:
    """Whether a file has its old size and second, and other bytes: what rsync's own check does not see."""
    old = os.path.join(os.fsencode(before), os.path.relpath(path, os.fsencode(after)))
    if not os.path.isfile(old) or os.path.islink(old) or not os.path.isfile(path):
        return False
    a, b = os.stat(old), os.stat(path)
    near = a.st_size == b.st_size and a.st_mtime_ns != b.st_mtime_ns and int(a.st_mtime) == int(b.st_mtime)
    return near and open_bytes(old) != open_bytes(path)


def open_bytes(path: bytes) -> bytes:
    if not os.access(path, os.R_OK):
        return b""
    with open(path, "rb") as file:
        return file.read()


def test_the_same_day_gives_the_same_content(tmp_path: Path, own_home: Path) -> None:
    second = tmp_path / "second"
    second.mkdir()
    try:
        home.make(os.fsencode(second), home.Plan(7, FILES))
        for root in (own_home, second):
            for seed in (8, 9):
                home.change(os.fsencode(root), seed=seed)
        report = compared(own_home, second, *NOT_THE_SAME)
        assert {d.property for d in report.differences if not is_refusal(d)} == {"time"}
    finally:
        remove(second)


def test_the_writer_commits_until_it_is_ended(tmp_path: Path) -> None:
    """Faults row 21: what runs on the source while it is synced."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pclab.home", "writer", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"ready")
    database = os.fsencode(tmp_path / "counter.db")
    assert home_applications.read_ledger(database).rows >= 1
    process.send_signal(signal.SIGTERM)
    out, error = process.communicate(timeout=10)
    assert (process.returncode, out, error) == (0, b"ended\n", b"")
    ledger = home_applications.read_ledger(database)
    assert (ledger.integrity, ledger.rows) == ("ok", ledger.last)


def test_the_archive_runs_where_nothing_of_ours_is_installed(tmp_path: Path) -> None:
    archive = tmp_path / "tools.pyz"
    archive.write_bytes(carry.archive())
    (tmp_path / "tree").mkdir()
    start = [sys.executable, "-I", "-S", str(archive)]
    done = subprocess.run(
        [*start, "compare", "manifest", str(tmp_path / "tree")], check=False, capture_output=True, timeout=20
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(done.stdout.splitlines()) == 3
    wrong = subprocess.run([*start, "nonsense"], check=False, capture_output=True, timeout=20)
    assert wrong.returncode == 1
    assert b"usage" in wrong.stderr


def test_the_walk_is_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").touch()
    found = [os.path.relpath(path, os.fsencode(tmp_path)) for path, _ in tree_below(os.fsencode(tmp_path))]
    assert found == [b"a", b"a/x", b"b", b"b/x", b"c", b"c/x"]
