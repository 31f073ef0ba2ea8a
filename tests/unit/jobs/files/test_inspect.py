"""A closer look at one path: its text, its attributes, and whether it is gone for sure."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import attrs
import pytest
from tests.unit.files.conftest import QuietContext

from pcswitcher.files.entry import Entry, Kind
from pcswitcher.jobs.files.inspect import attributes, find_missing, missing_of, read_beginning, rows_of
from pcswitcher.machine.fake import open_fake

NOTE = Entry(b"note", Kind.FILE, 0o644, 1000, 1000, 3, 10**18)


@pytest.fixture
def root(tmp_path: Path) -> bytes:
    """A small tree."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "there").write_text("x")
    (tmp_path / "empty").mkdir()
    os.symlink("d", tmp_path / "link")
    return os.fsencode(tmp_path)


@pytest.mark.parametrize(
    ("path", "proved"),
    [
        (b"d/there", False),
        (b"d/gone", True),
        (b"gone/deep/down", True),
        (b"d/there/below", False),
        (b"empty/x", False),
        (b"empty/x/y", False),
        (b"link/gone", False),
        (b"link", False),
    ],
)
def test_an_item_is_gone_only_where_something_else_is(root: bytes, path: bytes, proved: bool) -> None:
    """Promise 8: an empty directory may be one where nothing is mounted just now; a symlink is not looked through."""
    assert missing_of(QuietContext(), root, (path,)) == ((path,) if proved else ())


def test_very_many_items_are_looked_for_in_a_few_questions(root: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """P3, promise 8: as many as a person keeps; what is in no tree, or is no path, proves nothing."""
    top = os.fsdecode(root)
    many = [f"{top}/d/{'long' * 40} {number}" for number in range(30_000)]
    nothing = ["", "/", "/elsewhere/x", f"{top}/d/", top, f"{top}/", f"{top}/d/\\", f"{top}/d/x\\x00", f"{top}/empty/x"]
    questions: list[int] = []

    async def ask() -> frozenset[str]:
        machine = await open_fake("vega")
        ask_there = machine.call_listening

        async def counted(*given: Any) -> Any:
            questions.append(len(given[-1]))
            return await ask_there(*given)

        monkeypatch.setattr(machine, "call_listening", counted)
        try:
            return await find_missing(machine, (root,), (*nothing, *many, f"{top}/d/there/", f"{top}/d/gone/"))
        finally:
            await machine.close()

    assert asyncio.run(ask()) == {*many, f"{top}/d/gone/"}
    assert 2 <= len(questions) < 100


def test_no_symlink_is_read_through_and_no_long_file_is_read(root: bytes, tmp_path: Path) -> None:
    """Faults row 19: what root reads for the review is in the tree."""
    context = QuietContext()
    assert read_beginning(context, root, b"d/there", 10) == b"x"
    assert read_beginning(context, root, b"link/there", 10) is None
    os.symlink("/etc/passwd", tmp_path / "d" / "planted")
    assert read_beginning(context, root, b"d/planted", 10**6) is None
    assert read_beginning(context, root, b"d/there", 0) is None
    os.mkfifo(tmp_path / "d" / "pipe")
    assert read_beginning(context, root, b"d/pipe", 10) is None


def test_rows_tell_what_differs_and_nothing_else() -> None:
    other = attrs.evolve(NOTE, mode=0o600, mtime_ns=10**18 + 7)
    names = [name for name, _, _ in rows_of(NOTE, other)]
    assert names == ["is", "mtime", "mode"]
    assert rows_of(None, NOTE)[0] == ("is", "", "file, 3 B, 2001-09-09 01:46:40 UTC")
    assert attributes(attrs.evolve(NOTE, xattrs=((b"user.x", b"\x1b[31m"),)))["xattr user.x"] == "\\x1b[31m"
