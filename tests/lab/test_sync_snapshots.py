"""Snapshots, records, logs and the small commands of real runs, on both machines."""

from __future__ import annotations

import json
import stat

import pytest

from pclab.driving import Terminal, command, first_sync, manifest, overrule, shell, sync
from pclab.machine import LabMachine

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("installed", "quiet_after")]

OURS = "/.snapshots/pc-switcher"


def snapshots(machine: LabMachine) -> list[dict[str, object]]:
    lines = command(machine, "snapshots", "list", "--json").out.splitlines()
    return [json.loads(line) for line in lines]


def names(machine: LabMachine, run: str) -> set[str]:
    return set(machine.sudo(["ls", f"{OURS}/{run}"]).stdout.decode().split())


def test_the_place_for_snapshots_is_made_where_missing_and_a_dry_run_removes_it_again(
    atlas: LabMachine, vega: LabMachine
) -> None:
    """S3; design §3: a dry run leaves nothing behind."""
    for machine in (atlas, vega):
        shell(machine, "umount /.snapshots; rmdir /.snapshots; sed -i '/snapshots/d' /etc/fstab")
    atlas.write("/home/sam/first", b"1")
    sync(atlas, vega, "--dry-run", status=4)
    for machine in (atlas, vega):
        assert machine.sudo(["test", "-e", "/.snapshots"], check=False).returncode == 1, f"left on {machine.name}"
    ended = first_sync(atlas, vega)
    assert "created the subvolume /.snapshots" in ended.out
    for machine in (atlas, vega):
        assert "Subvolume ID" in shell(machine, "btrfs subvolume show /.snapshots")
        assert stat.S_IMODE(int(shell(machine, "stat -c %f /.snapshots"), 16)) == 0o700


def test_a_run_leaves_read_only_snapshots_of_before_and_after_on_both(atlas: LabMachine, vega: LabMachine) -> None:
    """S1, S2: both subvolumes, both moments, both machines; what was before can be read in them."""
    atlas.write("/home/sam/kept", b"old")
    sync(atlas, vega)
    atlas.write("/home/sam/kept", b"new")
    sync(atlas, vega)
    run = str(snapshots(vega)[-1]["run"])
    for machine in (atlas, vega):
        assert names(machine, run) == {"pre-@", "pre-@home", "post-@", "post-@home"}
        for name in names(machine, run):
            assert shell(machine, f"btrfs property get {OURS}/{run}/{name} ro").strip() == "ro=true"
    assert vega.read(f"{OURS}/{run}/pre-@home/sam/kept", sudo=True) == b"old"
    assert vega.read(f"{OURS}/{run}/post-@home/sam/kept", sudo=True) == b"new"
    assert vega.run(["ls", OURS], check=False).returncode != 0, "a person can look into everybody's files"


def test_a_plain_directory_in_the_place_of_snapshots_stops_the_run(atlas: LabMachine, vega: LabMachine) -> None:
    """S3, S1: refused with the reason before anything is made on either machine."""
    before = names(atlas, "")
    shell(vega, "mv /.snapshots /.snapshots-away; mkdir /.snapshots")
    try:
        ended = sync(atlas, vega, status=13)
        assert "plain directory" in ended.out
        assert names(atlas, "") == before
    finally:
        shell(vega, "rmdir /.snapshots; mv /.snapshots-away /.snapshots")
    assert command(atlas, "doctor", vega.host).status == 0


def test_the_source_is_as_before(atlas: LabMachine, vega: LabMachine) -> None:
    """Promise 1: a run changes no file of the source's trees but its own log."""
    shell(vega, "mkdir -p ~sam/new/deep; echo x > ~sam/new/deep/x; chown -R sam: ~sam/new")
    before = manifest(atlas, "/home")
    overrule(atlas, vega, "/home/sam/new/deep/x")
    assert vega.run(["test", "-e", "/home/sam/new"], check=False).returncode == 1
    after = manifest(atlas, "/home")
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert {path for path in changed if ".local/state/pc-switcher" not in str(path)} == set()


def test_state_is_read_from_the_snapshot_and_not_from_the_live_tree(atlas: LabMachine, vega: LabMachine) -> None:
    """S7, F2, faults row 20: what happens after the snapshot waits for the next run."""
    atlas.write("/home/sam/asked", b"before")
    with Terminal(atlas, "sync", vega.host, "--plain") as terminal:
        terminal.expect_review()
        atlas.write("/home/sam/asked", b"after the plan")
        atlas.write("/home/sam/later", b"x")
        terminal.type("y\n")
        assert terminal.end() == 0
    assert vega.read("/home/sam/asked") == b"before"
    assert vega.run(["test", "-e", "/home/sam/later"], check=False).returncode == 1
    sync(atlas, vega)
    assert vega.read("/home/sam/asked") == b"after the plan"


def test_an_edit_on_the_target_during_the_review_is_kept_and_named(atlas: LabMachine, vega: LabMachine) -> None:
    """Promise 3, exit 3: a path that changed since it was shown is left alone; the next run shows a conflict."""
    atlas.write("/home/sam/both", b"1")
    sync(atlas, vega)
    atlas.write("/home/sam/both", b"from atlas")
    atlas.write("/home/sam/beside", b"x")
    with Terminal(atlas, "sync", vega.host, "--plain") as terminal:
        terminal.expect_review()
        vega.write("/home/sam/both", b"typed on vega meanwhile")
        terminal.type("y\n")
        assert terminal.end() == 3
        assert "/home/sam/both" in terminal.text
    assert vega.read("/home/sam/both") == b"typed on vega meanwhile"
    assert vega.read("/home/sam/beside") == b"x"
    overrule(atlas, vega, "/home/sam/both")
    assert vega.read("/home/sam/both") == b"from atlas"


def test_both_machines_tell_the_same_history(atlas: LabMachine, vega: LabMachine) -> None:
    """Issue: a run number and record on both machines; history and show need no root."""
    for machine, role in ((atlas, "source"), (vega, "target")):
        runs = [json.loads(line) for line in command(machine, "history", "--json").out.splitlines()]
        assert [run["label"] for run in runs] == sorted(run["label"] for run in runs)
        last = runs[-1]
        assert (last["source"], last["target"], last["role"], last["outcome"]) == ("atlas", "vega", role, "done")
        told = command(machine, "show", last["label"]).out
        assert "atlas → vega" in told
        assert f"was the {role}" in told
        assert last["label"] in command(machine, "history").out
        assert command(machine, "snapshots", "list").out.count(last["label"]) == 2


def test_the_log_is_private_complete_and_of_both_machines(atlas: LabMachine, vega: LabMachine) -> None:
    """L1, L3, L4: mode 0600, JSON lines, both machines, every file at FULL, no progress in it."""
    atlas.write("/home/sam/logged \x1b[31m", b"x")
    ended = sync(atlas, vega)
    assert "\x1b" not in ended.out
    folder = "/home/sam/.local/state/pc-switcher/logs"
    newest = max(atlas.run(["ls", folder]).stdout.decode().split())
    assert shell(atlas, f"stat -c %a {folder} {folder}/{newest}").split() == ["700", "600"]
    events = [json.loads(line) for line in atlas.read(f"{folder}/{newest}").splitlines()]
    assert {"atlas", "vega"} <= {event.get("machine") for event in events}
    assert any("logged \\x1b[31m" in str(event.get("message")) for event in events)
    assert "progress" not in {event["type"] for event in events}
    assert events[-1]["type"] == "run-finished"
    assert "logged" in command(atlas, "logs", "last").out
    assert "logged" not in command(atlas, "logs", "last", "--level", "info").out


def test_small_commands_answer_on_both_machines(atlas: LabMachine, vega: LabMachine) -> None:
    """T4, C1: help, version, init, why, completion and doctor, from the bundle and from the deployed program."""
    for machine, other in ((atlas, vega), (vega, atlas)):
        assert "sync" in command(machine, "--help").out
        assert command(machine, "--version").out.strip()
        for shell_name in ("bash", "zsh", "fish"):
            assert "pc-switcher" in command(machine, "completion", shell_name).out
        assert "never travels" in command(machine, "why", "/home/sam/.ssh/id_ed25519").out
        assert "travels" in command(machine, "why", "/home/sam/whatever").out
        command(machine, "init")
        assert command(machine, "init", status=10).err.count("--force") == 1
        command(machine, "init", "--force")
        machine.run(["rm", "-r", "/home/sam/.config/pc-switcher"])
        assert command(machine, "doctor", other.host).status == 0
