"""Which home the job reads and writes, and what it says of its item."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest

from pcswitcher.jobs.api import Side, World
from pcswitcher.jobs.conformance.bench import LOCAL_SHELL
from pcswitcher.jobs.settings.job import SettingsJob
from pcswitcher.jobs.settings.state import ITEM, SettingsFile
from pcswitcher.machine.fake import fake_facts, open_fake
from pcswitcher.model.settings import JobSettings
from pcswitcher.snapshots.folder import Snapshot
from pcswitcher.snapshots.layout import Layout, PlacedTree, PlaceKind, SnapshotsPlace, Uncovered, UncoveredKind
from pcswitcher.snapshots.names import Moment


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of homes, live and in a snapshot; the person's is that of sam."""
    monkeypatch.setenv("HOME", str(tmp_path / "home" / "sam"))
    for place, words in (("home", "live"), ("snapshot", "snapshot")):
        for person in ("sam", "alex"):
            file = tmp_path / place / person / ".config" / "pc-switcher" / "config.toml"
            file.parent.mkdir(parents=True)
            file.write_text(f"{words} of {person}")
    return tmp_path


def layout(homes: Path, *uncovered: Path) -> Layout:
    return Layout(
        snapshots=SnapshotsPlace(path=b"/.snapshots", kind=PlaceKind.SUBVOLUME),
        top_level=None,
        trees=(PlacedTree(tree=os.fsencode(homes / "home"), subvolume="@home", inside=b""),),
        subvolumes=(),
        uncovered=tuple(
            Uncovered(
                path=os.fsencode(path),
                kind=UncoveredKind.NESTED_SUBVOLUME,
                subvolume="@home",
                tree=os.fsencode(homes / "home"),
                what="nested",
            )
            for path in uncovered
        ),
        problems=(),
    )


def capture(homes: Path, home: Path, *uncovered: Path) -> SettingsFile:
    snapshot = Snapshot(
        run="0001",
        moment=Moment.PRE,
        subvolume="@home",
        path=os.fsencode(homes / "snapshot"),
        uuid="u",
        source_uuid="s",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        generation=1,
        read_only=True,
    )

    async def capturing() -> SettingsFile:
        facts = attrs.evolve(fake_facts("vega"), login_home=str(home))
        machine = await open_fake("vega", facts=facts)
        try:
            side = Side(machine=machine, layout=layout(homes, *uncovered), snapshots=(snapshot,))
            world = World(run="0001", source=side, target=side, shell=LOCAL_SHELL, tell=lambda _: None)
            return await SettingsJob(JobSettings()).capture(side, world)
        finally:
            await machine.close()

    return asyncio.run(capturing())


def test_each_machines_own_account_is_read_from_the_snapshot(homes: Path) -> None:
    """S7, D4: the person may be called otherwise there."""
    assert capture(homes, homes / "home" / "sam").content == "snapshot of sam"
    assert capture(homes, homes / "home" / "alex").content == "snapshot of alex"


def test_a_home_that_no_snapshot_holds_is_read_as_it_is(homes: Path) -> None:
    """Promise 8: the empty directory that a snapshot shows instead is no answer."""
    for nested in (homes / "home" / "sam", homes / "home" / "sam" / ".config"):
        assert capture(homes, homes / "home" / "sam", nested).content == "live of sam"
    assert capture(homes, homes / "home" / "sam", homes / "home" / "sam" / "games").content == "snapshot of sam"
    assert capture(homes, homes / "home" / "sam", homes / "home" / "alex").content == "snapshot of sam"
    (homes / "elsewhere").mkdir()
    assert capture(homes, homes / "elsewhere").words == ""


@pytest.mark.parametrize(
    ("home", "tree"), [("/home/sam", b"/home"), ("/root", b"/root"), ("/srv/people/sam/", b"/srv/people")]
)
def test_the_directory_of_homes_gets_snapshots(monkeypatch: pytest.MonkeyPatch, home: str, tree: bytes) -> None:
    """S7."""
    monkeypatch.setenv("HOME", home)
    assert SettingsJob(JobSettings()).trees() == (tree,)


def test_it_explains_its_own_item_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/sam")
    job = SettingsJob(JobSettings())
    for item in (ITEM, "/home/sam/.config/pc-switcher/config.toml", "/home/sam/../sam/.config/pc-switcher/config.toml"):
        told = job.explain(item)
        assert told is not None
        assert told.travels
        assert told.item == ITEM
    for other in ("/home/alex/.config/pc-switcher/config.toml", "/home/sam/.config/pc-switcher/machine.toml", "x"):
        assert job.explain(other) is None
