"""Reading the settings file of a home."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from pcswitcher.jobs.settings.capture import read_settings_file
from pcswitcher.jobs.settings.state import ABSENT, LARGEST, Kind, SettingsFile
from pcswitcher.machine.fake import open_fake


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the file is, below a home that is ``tmp_path``."""
    found = tmp_path / ".config" / "pc-switcher" / "config.toml"
    found.parent.mkdir(parents=True)
    return found


async def _read(home: Path) -> SettingsFile:
    machine = await open_fake("atlas")
    try:
        return await machine.call(read_settings_file, os.fsencode(home))
    finally:
        await machine.close()


def read(home: Path) -> SettingsFile:
    return asyncio.run(_read(home))


def test_a_text_is_read_as_it_is(place: Path, tmp_path: Path) -> None:
    """D4."""
    place.write_bytes("# grün\r\nrun.grace = 5".encode())
    assert read(tmp_path) == SettingsFile(kind=Kind.TEXT, content="# grün\r\nrun.grace = 5")


def test_no_file_and_no_directory_are_absent(place: Path, tmp_path: Path) -> None:
    """D4: and a machine where pc-switcher was never used has neither."""
    assert read(tmp_path) == ABSENT
    place.parent.rmdir()
    assert read(tmp_path) == ABSENT
    place.parent.parent.rmdir()
    assert read(tmp_path) == ABSENT


def test_a_link_is_read_and_not_followed(place: Path, tmp_path: Path) -> None:
    """Faults row 19: what root can read behind it is none of ours."""
    secret = tmp_path / "secret"
    secret.write_text("root's own")
    place.symlink_to(secret)
    assert read(tmp_path) == SettingsFile(kind=Kind.LINK, content=str(secret))


@pytest.mark.parametrize("depth", [1, 2])
def test_behind_a_linked_directory_nothing_is_read(place: Path, tmp_path: Path, depth: int) -> None:
    """Faults row 19."""
    place.write_text("x = 1")
    directory = place.parents[depth - 1]
    directory.rename(tmp_path / "moved")
    directory.symlink_to(tmp_path / "moved")
    assert read(tmp_path) == SettingsFile(kind=Kind.ELSEWHERE)


def test_what_cannot_be_read_is_never_absent(place: Path, tmp_path: Path) -> None:
    """Promise 8: no answer is not an empty answer."""
    told: list[str] = []
    place.mkdir()
    told.append(read(tmp_path).content)
    place.rmdir()
    os.mkfifo(place)
    told.append(read(tmp_path).content)
    place.unlink()
    place.write_bytes(b"\xff\xfe")
    told.append(read(tmp_path).content)
    place.write_bytes(b"#" * (LARGEST + 1))
    told.append(read(tmp_path).content)
    place.write_bytes(b"#" * LARGEST)
    assert read(tmp_path).kind is Kind.TEXT
    place.unlink()
    place.parent.rmdir()
    place.parent.write_text("no directory")
    told.append(read(tmp_path).content)
    told.append(read(tmp_path / "no home").content)
    assert [words.partition(": ")[2] for words in told] == [
        "it is no file",
        "it is no file",
        "it is no UTF-8 text",
        f"it is larger than {LARGEST // 1024} KiB",
        "its directory cannot be opened: Not a directory",
        f"{tmp_path}/no home does not exist",
    ]
