"""The job ``files`` holds to what every job holds to (design §4, faults row 6)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from pcswitcher.files.rule import TreeKind
from pcswitcher.jobs.conformance import JobConformance, really
from pcswitcher.jobs.files.diff import Planned
from pcswitcher.jobs.files.job import FilesJob
from pcswitcher.jobs.files.settings import FilesSettings, TreeSettings
from pcswitcher.jobs.files.state import FilesState

LONG_AGO = 1_700_000_000


@pytest.mark.slow
class TestFiles(JobConformance[FilesSettings, FilesState, Planned]):
    """Two trees, with files, folders, links and holes that are changed, moved, made and removed."""

    programs = {"rsync": really}  # noqa: RUF012 - a ClassVar of its base
    holds_inodes = True

    def make_job(self, root: bytes) -> FilesJob:
        trees = tuple(
            TreeSettings(path=os.fsdecode(root) + tree, homes=kind)
            for tree, kind in (("/home", TreeKind.HOMES), ("/root", TreeKind.HOME))
        )
        return FilesJob(FilesSettings(trees=trees))

    def fill(self, root: Path) -> None:
        sam = root / "home" / "sam"
        for folder in (sam / "work" / "deep", sam / "moves", root / "root"):
            folder.mkdir(parents=True)
        for number in range(20):
            (sam / "work" / f"{number} of many").write_text(f"{number}\n" * number)
        (sam / "work" / "deep" / "linked").write_text("one content, two names\n")
        os.link(sam / "work" / "deep" / "linked", sam / "also linked")
        (sam / "link").symlink_to("work/deep")
        (sam / "moves" / "big").write_bytes(b"a large file\n" * 10_000)
        os.truncate(sam / "work" / "deep" / "linked", 1 << 20)
        (root / "root" / "script").write_text("#!/bin/sh\n")
        (sam / "kind").write_text("a file\n")
        settle(root)

    def edit(self, root: Path, word: str) -> None:
        sam = root / "home" / "sam"
        (sam / "work" / "3 of many").write_text(f"of {word}\n")
        (sam / "work" / "5 of many").unlink(missing_ok=True)
        (sam / f"new {word}").mkdir(exist_ok=True)
        (sam / f"new {word}" / "file").write_text("made\n")
        (root / "root" / "script").write_text(f"#!/bin/sh\necho {word}\n")
        (root / "root" / "script").chmod(0o755)
        if (sam / "moves").exists():
            (sam / "moves").rename(sam / "moved")
        if (sam / "kind").is_file():
            (sam / "kind").unlink()
            (sam / "kind").mkdir()
        shutil.rmtree(sam / "work" / "deep", ignore_errors=True)


def settle(root: Path) -> None:
    """Give everything a time of long ago, the same on both machines."""
    for directory, directories, files in os.walk(root, topdown=False):
        for name in (*directories, *files):
            os.utime(os.path.join(directory, name), (LONG_AGO, LONG_AGO), follow_symlinks=False)
    os.utime(root, (LONG_AGO, LONG_AGO))
