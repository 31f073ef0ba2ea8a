"""Putting a settings file into place."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from pcswitcher.jobs.api import ApplyError, PcSwitcherError
from pcswitcher.jobs.settings.apply import move_settings_file, remove_leftover
from pcswitcher.jobs.settings.diff import Move
from pcswitcher.jobs.settings.state import ABSENT, Kind, SettingsFile
from pcswitcher.machine.fake import open_fake


def text(content: str) -> SettingsFile:
    return SettingsFile(kind=Kind.TEXT, content=content)


def move(home: Path, before: SettingsFile, after: SettingsFile) -> None:
    async def moving() -> None:
        machine = await open_fake("vega")
        try:
            await machine.call(move_settings_file, os.fsencode(home), Move(before=before, after=after))
        finally:
            await machine.close()

    asyncio.run(moving())


def clean(home: Path) -> None:
    async def cleaning() -> None:
        machine = await open_fake("vega")
        try:
            await machine.call(remove_leftover, os.fsencode(home))
        finally:
            await machine.close()

    asyncio.run(cleaning())


def place(home: Path) -> Path:
    return home / ".config" / "pc-switcher" / "config.toml"


def names(home: Path) -> list[str]:
    return sorted(str(path.relative_to(home)) for path in home.rglob("*"))


def test_a_new_file_is_private_and_its_directories_are_made(tmp_path: Path) -> None:
    """D4."""
    move(tmp_path, ABSENT, text("grün = 1\n"))
    assert place(tmp_path).read_text("utf-8") == "grün = 1\n"
    assert place(tmp_path).stat().st_mode & 0o7777 == 0o600
    assert names(tmp_path) == [".config", ".config/pc-switcher", ".config/pc-switcher/config.toml"]


@pytest.mark.usefixtures("root")
def test_everything_made_belongs_to_the_owner_of_the_home(tmp_path: Path) -> None:
    """D4: root writes, the person owns."""
    os.chown(tmp_path, 4321, 4322)
    move(tmp_path, ABSENT, text("a"))
    found = [path.lstat() for path in (place(tmp_path), *place(tmp_path).parents[:2])]
    assert {(status.st_uid, status.st_gid) for status in found} == {(4321, 4322)}
    move(tmp_path, text("a"), SettingsFile(kind=Kind.LINK, content="../x"))
    assert place(tmp_path).lstat().st_uid == 4321


def test_a_file_is_replaced_by_any_kind_and_removed(tmp_path: Path) -> None:
    """D4; twice is harmless."""
    link = SettingsFile(kind=Kind.LINK, content="../\\xff")
    for before, after in ((ABSENT, text("a")), (text("a"), text("b")), (text("b"), link), (link, text("c"))):
        for _ in range(2):
            move(tmp_path, before, after)
        assert place(tmp_path).is_symlink() == (after == link)
    assert place(tmp_path).read_text() == "c"
    for _ in range(2):
        move(tmp_path, text("c"), ABSENT)
    assert not os.path.lexists(place(tmp_path))


def test_to_remove_what_was_never_there_makes_nothing(tmp_path: Path) -> None:
    move(tmp_path, text("a"), ABSENT)
    assert names(tmp_path) == []


def test_the_times_of_directories_stay_as_another_job_has_set_them(tmp_path: Path) -> None:
    """F1: or the verification of the files would find what we did."""
    move(tmp_path, ABSENT, text("a"))
    directories = [tmp_path, tmp_path / ".config", place(tmp_path).parent]
    for directory in directories:
        os.utime(directory, ns=(10**18, 10**18 + 1))
    for before, after in ((text("a"), text("b")), (text("b"), ABSENT), (ABSENT, text("c"))):
        move(tmp_path, before, after)
        clean(tmp_path)
        assert [directory.stat().st_mtime_ns for directory in directories] == [10**18 + 1] * 3
    place(tmp_path).unlink()
    place(tmp_path).parent.rmdir()
    os.utime(tmp_path / ".config", ns=(10**18, 10**18 + 1))
    move(tmp_path, ABSENT, text("d"))
    assert [directory.stat().st_mtime_ns for directory in directories[:2]] == [10**18 + 1] * 2


def test_an_edit_since_the_plan_is_never_overwritten(tmp_path: Path) -> None:
    """Promise 3 and 7."""
    move(tmp_path, ABSENT, text("old"))
    place(tmp_path).write_text("edited meanwhile")
    for after in (text("new"), ABSENT):
        with pytest.raises(ApplyError, match="was changed since the plan was made"):
            move(tmp_path, text("old"), after)
    assert place(tmp_path).read_text() == "edited meanwhile"


@pytest.mark.parametrize("depth", [0, 1])
def test_a_planted_link_leads_root_nowhere(tmp_path: Path, depth: int) -> None:
    """Faults row 19: a directory that became a link is not written through."""
    outside = tmp_path / "outside"
    outside.mkdir()
    home = tmp_path / "home"
    planted = [home / ".config", home / ".config" / "pc-switcher"][depth]
    planted.parent.mkdir(parents=True)
    planted.symlink_to(outside)
    with pytest.raises(ApplyError, match="cannot be written"):
        move(home, SettingsFile(kind=Kind.ELSEWHERE), text("a"))
    assert list(outside.iterdir()) == []


def test_a_link_at_the_place_of_the_new_file_is_not_written_through(tmp_path: Path) -> None:
    """Faults row 19."""
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    place(tmp_path).parent.mkdir(parents=True)
    (place(tmp_path).parent / ".new-config.toml").symlink_to(victim)
    move(tmp_path, ABSENT, text("a"))
    assert victim.read_text() == "untouched"
    assert place(tmp_path).read_text() == "a"
    assert not place(tmp_path).is_symlink()


def test_a_home_that_is_a_link_or_missing_is_refused(tmp_path: Path) -> None:
    """Faults row 19."""
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    for home in (link, tmp_path / "none"):
        with pytest.raises(PcSwitcherError):
            move(home, ABSENT, text("a"))
    assert list(real.iterdir()) == []


def test_what_a_cut_move_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    """Promise 6."""
    clean(tmp_path)
    move(tmp_path, ABSENT, text("a"))
    before = names(tmp_path)
    (tmp_path / ".new-.config").mkdir()
    (tmp_path / ".config" / ".new-pc-switcher").mkdir()
    (place(tmp_path).parent / ".new-config.toml").write_text("half")
    clean(tmp_path)
    assert names(tmp_path) == before
    clean(tmp_path / "none")
