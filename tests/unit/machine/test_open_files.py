"""Programs that hold files open, found among the real processes of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pcswitcher.machine import open_files
from pcswitcher.machine.open_files import OpenFiles, find_open_files, holding_tree, mapped_paths, own_processes
from pcswitcher.model.errors import CancelledCallError

HOLD = """
import mmap, os, sys
for name in sys.argv[1:]:
    file = open(name, "r+b")
    kept = globals().setdefault("kept", [])
    if name.endswith("mapped"):
        kept.append(mmap.mmap(file.fileno(), 1))
        file.close()
    else:
        kept.append(file)
print("held", flush=True)
sys.stdin.read()
"""


class Context:
    def __init__(self, *, cancelled: bool = False) -> None:
        self.resources = ExitStack()
        self.cancelled = cancelled

    def progress(self, done: int, total: int, unit: str, item: bytes = b"") -> None:
        return

    def log(self, level: object, message: str, **fields: str) -> None:
        return

    def send(self, chunk: bytes) -> None:
        return

    def check_cancelled(self) -> None:
        if self.cancelled:
            raise CancelledCallError("cancelled")


@contextmanager
def holder(*names: Path, directory: Path | None = None) -> Iterator[int]:
    """A process, in a session of its own, that holds files open."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, *map(str, names)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=directory,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process.pid
    finally:
        process.communicate()


def find(*trees: Path) -> tuple[OpenFiles, ...]:
    return find_open_files(Context(), tuple(os.fsencode(tree) for tree in trees))


def make(directory: Path, *names: bytes) -> list[Path]:
    directory.mkdir(exist_ok=True)
    paths = [directory / os.fsdecode(name) for name in names]
    for path in paths:
        path.write_bytes(b"x")
    return paths


def test_open_and_mapped_files_are_found_with_program_user_and_an_example(tmp_path: Path) -> None:
    """Faults row 38: apps open, a database open."""
    names = make(tmp_path / "tree", b"a\n\xff b.sqlite", b"c mapped")
    with holder(*names) as process:
        (found,) = find(tmp_path / "tree")
    assert found.processes == (process,)
    assert found.count == 2
    assert found.program.startswith("python")
    assert found.user == "root" or os.getuid() != 0
    assert found.example == os.fsencode(names[0])
    assert "has 2 paths open" in found.words
    assert "\n" not in found.words


def test_a_working_directory_counts_and_a_file_is_the_better_example(tmp_path: Path) -> None:
    (name,) = make(tmp_path / "tree", b"z")
    with holder(directory=tmp_path / "tree"):
        (found,) = find(tmp_path / "tree")
        assert found.example == os.fsencode(tmp_path / "tree")
    with holder(name, directory=tmp_path / "tree"):
        (found,) = find(tmp_path / "tree")
        assert (found.count, found.example) == (2, os.fsencode(name))


def test_what_is_elsewhere_or_deleted_or_ours_is_not_found(tmp_path: Path) -> None:
    (inside,) = make(tmp_path / "tree", b"a")
    (beside,) = make(tmp_path / "tree beside", b"a")
    with holder(beside), inside.open("rb"):
        assert find(tmp_path / "tree") == ()
    with holder(inside):
        inside.unlink()
        assert find(tmp_path / "tree") == ()


def test_processes_of_one_program_are_told_as_one(tmp_path: Path) -> None:
    one, two = make(tmp_path / "tree", b"1", b"2")
    with holder(one) as first, holder(one, two) as second:
        (found,) = find(tmp_path / "tree")
    assert found.processes == tuple(sorted((first, second)))
    assert found.count == 2


def test_the_looking_ends_at_its_time_and_when_nobody_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CancelledCallError):
        find_open_files(Context(cancelled=True), (b"/",))
    monkeypatch.setattr(open_files, "PATIENCE", -1.0)
    (name,) = make(tmp_path / "tree", b"a")
    with holder(name):
        assert find(tmp_path / "tree") == ()


def test_ours_are_this_process_its_ancestors_and_its_session() -> None:
    child = subprocess.Popen(["sleep", "60"])
    try:
        assert {os.getpid(), os.getppid(), child.pid} <= own_processes() | {1}
        assert 1 not in own_processes()
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize(
    ("path", "held"),
    [(b"/home", True), (b"/home/sam", True), (b"/homes", False), (b"/home/x (deleted)", False), (b"pipe:[7]", False)],
)
def test_a_path_is_in_a_tree_or_not(path: bytes, held: bool) -> None:
    assert holding_tree(path, (b"/root", b"/home")) is held


def test_maps_are_read_with_names_of_any_kind() -> None:
    text = (
        b"7f00-7f01 r--p 00000000 08:01 42    /home/sam/a b\\012c\n"
        b"7f02-7f03 rw-p 00000000 00:00 0     [heap]\n"
        b"7f04-7f05 rw-p 00000000 00:00 0 \n"
    )
    assert list(mapped_paths(text)) == [b"/home/sam/a b\nc"]
