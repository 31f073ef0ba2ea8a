"""`pc-switcher snapshots`: what is kept and why, and cleaning up."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pcswitcher.faces.cli import run
from pcswitcher.faces.commands import snapshots as command
from pcswitcher.faces.commands.snapshots import reason_words
from pcswitcher.machine.api import Context, Machine
from pcswitcher.machine.fake import open_fake
from pcswitcher.model.errors import BusyError, ExitCode
from pcswitcher.model.events import Level, now
from pcswitcher.model.settings import SnapshotSettings
from pcswitcher.run.retention import Kept, delete_old_snapshots, judge, judge_snapshots
from pcswitcher.snapshots.folder import Snapshot
from pcswitcher.snapshots.names import Moment

THERE = tuple(
    Snapshot(
        run=f"{number:04d}",
        moment=moment,
        subvolume="@home",
        path=f"/.snapshots/pc-switcher/{number:04d}/{moment}-@home".encode(),
        uuid=f"{number}-{moment}",
        source_uuid="s",
        created=now(),
        generation=1,
        read_only=True,
    )
    for number in range(1, 8)
    for moment in Moment
)


class Pc:
    """A pretended PC with seven runs of today; run 2 cannot be deleted."""

    def __init__(self) -> None:
        self.hosts: list[str | None] = []
        self.locked = 0
        self.busy = False
        self.deleted: list[str] = []

    @asynccontextmanager
    async def agent(self, host: str | None) -> AsyncGenerator[Machine]:
        self.hosts.append(host)
        machine = await open_fake(host or "atlas")
        try:
            yield machine
        finally:
            await machine.close()

    async def take_lock(self, machine: Machine, _: str) -> None:
        if self.busy:
            raise BusyError(f"{machine.name} is the source of another run")
        self.locked += 1

    def judge(self, _: Context, settings: SnapshotSettings) -> Kept:
        verdicts = judge(THERE, (), {"1-post"}, settings, now())
        return Kept(snapshots=THERE, verdicts=verdicts, lost=("base lost: the snapshot of @ after run 0003 is gone",))

    def delete(self, context: Context, settings: SnapshotSettings, held: tuple[str, ...]) -> tuple[Snapshot, ...]:
        going = {(each.run, each.moment) for each in self.judge(context, settings).verdicts if not each.keep}
        if any(run == "0002" for run, _ in going):
            context.log(Level.WARNING, "not deleted: 0002 is not a read-only snapshot")
        gone = tuple(each for each in THERE if (each.run, each.moment) in going and each.run != "0002")
        self.deleted += [each.uuid for each in gone]
        return gone


@pytest.fixture
def pc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pc:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    there = Pc()
    monkeypatch.setattr(command, "agent", there.agent)
    monkeypatch.setattr(command, "take_lock", there.take_lock)
    monkeypatch.setattr(judge_snapshots, "function", there.judge)
    monkeypatch.setattr(delete_old_snapshots, "function", there.delete)
    return there


def test_the_list_says_what_is_kept_and_why(pc: Pc, capsys: pytest.CaptureFixture[str]) -> None:
    """Design §7."""
    assert run(["snapshots", "list"]) == ExitCode.DONE
    text = " ".join(capsys.readouterr().out.split())
    for words in ("one of the newest 5 runs", "base lost: the snapshot of @ after run 0003 is gone", "0001", "0007"):
        assert words in text
    assert run(["snapshots", "list", "--json", "--on", "vega"]) == ExitCode.DONE
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["keep"] for each in lines] == [True] * 14
    assert lines[1]["why"].startswith("base:")
    assert pc.hosts == [None, "vega"]
    assert pc.locked == 0


def test_cleaning_goes_by_the_settings_and_by_what_is_said(pc: Pc, capsys: pytest.CaptureFixture[str]) -> None:
    """S5: by command."""
    assert run(["snapshots", "clean"]) == ExitCode.DONE
    assert capsys.readouterr().out == "0 snapshots deleted on atlas\n"
    assert run(["snapshots", "clean", "--keep-runs", "5", "--older-than", "0", "--on", "vega"]) == ExitCode.PARTIAL
    caught = capsys.readouterr()
    assert "deleted /.snapshots/pc-switcher/0001/pre-@home\n1 snapshot deleted on vega" in caught.out
    assert "not deleted: 0002 is not a read-only snapshot" in caught.err
    assert pc.deleted == ["1-pre"]
    assert pc.locked == 2


def test_a_dry_run_only_tells(pc: Pc, capsys: pytest.CaptureFixture[str]) -> None:
    """S5: with dry run."""
    words = ["snapshots", "clean", "--dry-run", "--keep-runs", "4", "--older-than", "0"]
    assert run(words) == ExitCode.DONE
    assert "would delete /.snapshots/pc-switcher/0003/post-@home" in capsys.readouterr().out
    assert run([*words, "--json"]) == ExitCode.DONE
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["uuid"] for each in lines] == ["1-pre", "2-pre", "2-post", "3-pre", "3-post"]
    assert pc.deleted == []


def test_cleaning_waits_for_no_run_and_disturbs_none(pc: Pc, capsys: pytest.CaptureFixture[str]) -> None:
    """K1."""
    pc.busy = True
    assert run(["snapshots", "clean", "--keep-runs", "1", "--older-than", "0"]) == ExitCode.BUSY
    assert "atlas is the source of another run" in capsys.readouterr().err
    assert pc.deleted == []


def test_the_same_reason_is_said_once() -> None:
    assert reason_words({Moment.PRE: "young", Moment.POST: "young"}) == "young"
    assert reason_words({Moment.PRE: "young", Moment.POST: "base"}) == "before: young; after: base"
