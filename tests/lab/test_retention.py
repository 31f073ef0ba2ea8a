"""Snapshots of real PCs that are kept, and those that go."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from pclab.driving import assert_quiet, command, shell, sync
from pclab.machine import LabMachine

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("synced", "quiet_after"), pytest.mark.timeout(240)]

OURS = "/.snapshots/pc-switcher"
CONFIG = "/home/sam/.config/pc-switcher/config.toml"


def listed(machine: LabMachine) -> list[dict[str, object]]:
    return [json.loads(line) for line in command(machine, "snapshots", "list", "--json").out.splitlines()]


def runs(machine: LabMachine) -> list[str]:
    return shell(machine, f"ls -1v {OURS}").split()


def change_and_sync(atlas: LabMachine, vega: LabMachine, times: int = 1) -> str:
    """Runs that change something; what the last one printed."""
    out = ""
    for number in range(times):
        atlas.write("/home/sam/changing", f"{number} {time.monotonic()}".encode())
        out = sync(atlas, vega).out
    return out


def test_after_each_run_old_snapshots_go_on_both_but_never_a_base(atlas: LabMachine, vega: LabMachine) -> None:
    """S5: automatic, by count and age; the base is what both last had in common."""
    change_and_sync(atlas, vega, 3)
    before = {machine.name: runs(machine) for machine in (atlas, vega)}
    assert all(len(found) >= 3 for found in before.values()), "nothing is old enough yet"
    atlas.write(CONFIG, b"[snapshots]\nkeep_runs = 1\nkeep_days = 0\n")
    out = change_and_sync(atlas, vega, 3)
    assert "old snapshot" in out
    for machine in (atlas, vega):
        left = listed(machine)
        newest = max(str(each["run"]) for each in left)
        others = [each for each in left if each["run"] != newest]
        assert all(str(each["why"]).startswith("base:") for each in others), others
        assert {each["moment"] for each in left if each["run"] == newest} == {"pre", "post"}
        assert set(before[machine.name]) - set(runs(machine)), "no run of before has gone"
    atlas.run(["rm", CONFIG])
    change_and_sync(atlas, vega)


def test_the_command_tells_and_deletes_here_and_there(atlas: LabMachine, vega: LabMachine) -> None:
    """S5: by command, with dry run, on either PC."""
    change_and_sync(atlas, vega, 4)
    words = ("--keep-runs", "1", "--older-than", "0")
    for on, machine in (((), atlas), (("--on", vega.host), vega)):
        before = listed(machine)
        told = command(atlas, "snapshots", "clean", "--dry-run", *words, *on).out
        assert [each["uuid"] for each in listed(machine)] == [each["uuid"] for each in before]
        done = command(atlas, "snapshots", "clean", *words, *on).out
        assert (
            done.replace("deleted", "would delete", done.count("deleted /")).splitlines()[:-1]
            == (told.splitlines()[:-1])
        )
        assert f"deleted on {machine.name}" in done
        assert len(listed(machine)) < len(before)
        assert any(str(each["why"]).startswith("base:") for each in listed(machine))
        assert "0 snapshots deleted" in command(atlas, "snapshots", "clean", *words, *on).out
    change_and_sync(atlas, vega)


@contextmanager
def writing(atlas: LabMachine, vega: LabMachine) -> Generator[subprocess.Popen[bytes]]:
    """A slow sync that writes to vega; after the block the link is as fast as before and the sync has ended."""
    shell(atlas, "head -c 30000000 /dev/urandom >~sam/zz-big; chown sam: ~sam/zz-big")
    vega.limit_bandwidth(20)
    process = atlas.popen(["pc-switcher", "sync", "vega", "--plain", "--yes"])
    try:
        deadline = time.monotonic() + 60
        while not vega.processes(r"rsync .*--server"):
            assert process.poll() is None, "it ended before it wrote"
            assert time.monotonic() < deadline, "no rsync on vega"
            time.sleep(0.1)
        yield process
    finally:
        vega.limit_bandwidth(10_000)
        process.communicate(timeout=120)


@pytest.mark.lab_only
def test_cleaning_is_refused_while_a_run_goes_on(atlas: LabMachine, vega: LabMachine) -> None:
    """K1: exit 11, and the run is not disturbed."""
    with writing(atlas, vega) as process:
        for machine in (atlas, vega):
            ended = command(machine, "snapshots", "clean", "--keep-runs", "1", "--older-than", "0", status=11)
            assert "another run: atlas → vega" in ended.err
    assert process.returncode == 0


@pytest.mark.lab_only
@pytest.mark.parametrize("name", ["atlas", "vega"])
def test_a_snapshot_that_is_pruned_while_a_run_uses_it_costs_no_file(
    atlas: LabMachine, vega: LabMachine, name: str
) -> None:
    """Faults row 36: in use. The run ends well or says that it did not; nothing is lost, and the next run completes."""
    machine = {"atlas": atlas, "vega": vega}[name]
    atlas.write("/home/sam/kept", b"x")
    sync(atlas, vega)
    with writing(atlas, vega) as process:
        pruned = f"{OURS}/{runs(machine)[-1]}/pre-@home"
        shell(machine, f"btrfs -q subvolume delete {pruned}")
    assert process.returncode in {0, 1, 3, 15}, process.returncode
    assert_quiet(atlas, vega)
    assert vega.read("/home/sam/kept") == b"x"
    sync(atlas, vega)
    for folder in ("kept", "zz-big"):
        there, here = (shell(each, f"sha256sum ~sam/{folder}") for each in (vega, atlas))
        assert there == here


def test_a_base_that_another_tool_pruned_is_known_by_its_id(atlas: LabMachine, vega: LabMachine) -> None:
    """Faults row 36: between runs; another snapshot in its place is not taken for it, and the next run works."""
    change_and_sync(atlas, vega)
    for machine in (atlas, vega):
        base = next(each for each in listed(machine) if str(each["why"]).startswith("base:"))
        path, subvolume = str(base["path"]), str(base["subvolume"])
        live = "/" if subvolume == "@" else "/home"
        shell(machine, f"btrfs -q subvolume delete {path}; btrfs -q subvolume snapshot -r {live} {path}")
        told = command(machine, "snapshots", "list").out
        assert f"base lost: the snapshot of {subvolume} after run {base['run']}" in " ".join(told.split())
        replaced = next(each for each in listed(machine) if each["path"] == base["path"])
        assert replaced["uuid"] != base["uuid"]
    change_and_sync(atlas, vega)
    assert vega.read("/home/sam/changing") == atlas.read("/home/sam/changing")


def test_both_pcs_tell_the_whole_story_of_a_run(atlas: LabMachine, vega: LabMachine) -> None:
    """S5, L4, issue 8: plan, results, snapshots of both, the log; items only for root."""
    change_and_sync(atlas, vega)
    for machine, words in ((atlas, "log       pc-switcher logs "), (vega, "log       on atlas: pc-switcher logs ")):
        label = json.loads(command(machine, "history", "--json").out.splitlines()[-1])["label"]
        told = command(machine, "show", label).out
        for part in ("atlas → vega", "plan: 1 changed", "atlas: before @", "vega: before @", "after @home", words):
            assert part in told, told
        assert "/home/sam" not in told
        details = command(machine, "show", label, "--details").out
        assert "(gone)" not in details
        place = f"/var/lib/pc-switcher/runs/{label}/details.json"
        assert shell(machine, f"stat -c '%a %U' {place}").split() == ["600", "root"]
