"""Faults row 39: Ctrl-C once and twice, SIGTERM, a closed terminal, a resize; and the review at a real terminal."""

from __future__ import annotations

import json
import time

import pytest

from pclab.driving import Terminal, assert_quiet, shell, sync
from pclab.machine import LabMachine

pytestmark = [pytest.mark.lab, pytest.mark.lab_only, pytest.mark.usefixtures("synced", "quiet_after")]

BIG = "/home/sam/big"
SETTINGS = "/home/sam/.config/pc-switcher/config.toml"
FACES = pytest.mark.parametrize("face", [(), ("--plain",)], ids=["screen", "plain"])


@pytest.fixture
def slow_change(atlas: LabMachine, vega: LabMachine) -> None:
    """A change that takes some ten seconds to carry over: 30 MB that do not compress, 20 Mbit/s."""
    atlas.run(["sh", "-c", 'head -c 30000000 /dev/urandom > "$1"', "sh", BIG])
    vega.limit_bandwidth(20)


@pytest.fixture(autouse=True)
def full_speed_after(vega: LabMachine) -> object:
    yield
    vega.limit_bandwidth(10_000)


def run_count(machine: LabMachine) -> int:
    return len(machine.sudo(["ls", "/var/lib/pc-switcher/runs"]).stdout.split())


def last_outcome(machine: LabMachine) -> object:
    """How the machine's last run ended, by its own record."""
    return json.loads(shell(machine, "cat $(ls /var/lib/pc-switcher/runs/*/run.json | tail -n 1)"))["outcome"]


def free(*machines: LabMachine) -> None:
    """No lock is held: the next run starts at once (I3)."""
    for machine in machines:
        machine.sudo(["flock", "--nonblock", "/run/pc-switcher/lock", "true"])


def await_apply(vega: LabMachine) -> None:
    """Wait until the run writes to vega."""
    deadline = time.monotonic() + 60
    while not vega.processes(r"rsync .*--server"):
        assert time.monotonic() < deadline, "no rsync on vega"
        time.sleep(0.1)


@FACES
@pytest.mark.usefixtures("slow_change")
def test_ctrl_c_stops_in_order_and_the_next_sync_simply_works(
    atlas: LabMachine, vega: LabMachine, face: tuple[str, ...]
) -> None:
    """I1, I3, faults row 39: WARNING, 130, nothing left running, locks free, nothing half on vega."""
    before = vega.run(["sh", "-c", f"cat {BIG} 2>/dev/null | sha256sum"]).stdout
    with Terminal(atlas, "sync", vega.host, "--yes", *face) as terminal:
        await_apply(vega)
        terminal.type("\x03")
        terminal.expect("stopping at the next safe point")
        assert terminal.end() == 130
        assert "interrupted" in terminal.text
    assert_quiet(atlas, vega)
    free(atlas, vega)
    assert vega.run(["sh", "-c", f"cat {BIG} 2>/dev/null | sha256sum"]).stdout == before
    assert vega.sudo(["sh", "-c", "ls -d /home/.pc-switcher* 2>/dev/null || true"]).stdout == b"", "a stage was left"
    for machine in (atlas, vega):
        assert last_outcome(machine) == "interrupted"
    vega.limit_bandwidth(10_000)
    sync(atlas, vega)
    assert vega.run(["sha256sum", BIG]).stdout == atlas.run(["sha256sum", BIG]).stdout


@pytest.mark.parametrize("where", ["source", "target"])
def test_ctrl_c_asks_a_job_to_stop_long_before_its_time_is_over(
    atlas: LabMachine, vega: LabMachine, where: str
) -> None:
    """I1, I3, J8: `--only dummy_success`, on whichever PC it works; nothing of it runs on."""
    machine, other = (atlas, "target") if where == "source" else (vega, "source")
    lines = ("[jobs.dummy_success]", f"{where}_seconds = 666", f"{other}_seconds = 0", "")
    atlas.run(["mkdir", "-p", "/home/sam/.config/pc-switcher"])
    atlas.write(SETTINGS, "\n".join(lines).encode())
    sleeping = "pgrep -xf 'sleep 666' || true"
    try:
        with Terminal(
            atlas, "sync", vega.host, "--yes", "--allow", "first-sync", "--only", "dummy_success"
        ) as terminal:
            deadline = time.monotonic() + 60
            while not shell(machine, sleeping):
                assert time.monotonic() < deadline, terminal.shown
                time.sleep(0.2)
            terminal.type("\x03")
            assert terminal.end(25) == 130
        assert not shell(machine, sleeping)
        assert_quiet(atlas, vega)
        free(atlas, vega)
    finally:
        atlas.run(["rm", SETTINGS])


@FACES
@pytest.mark.usefixtures("slow_change")
def test_ctrl_c_twice_stops_now(atlas: LabMachine, vega: LabMachine, face: tuple[str, ...]) -> None:
    """I2, I3, faults row 39: the terminal is as before, and what it left behind ends by itself."""
    with Terminal(atlas, "sync", vega.host, "--yes", *face) as terminal:
        await_apply(vega)
        terminal.type("\x03")
        terminal.type("\x03")
        assert terminal.end(15) == 130
    assert_quiet(atlas, vega)
    free(atlas, vega)
    vega.limit_bandwidth(10_000)
    sync(atlas, vega)


@pytest.mark.parametrize("signal", ["TERM", "HUP"])
@pytest.mark.usefixtures("slow_change")
def test_a_signal_stops_in_order(atlas: LabMachine, vega: LabMachine, signal: str) -> None:
    """I1, faults row 39: SIGTERM and SIGHUP are a Ctrl-C."""
    with Terminal(atlas, "sync", vega.host, "--yes") as terminal:
        await_apply(vega)
        (ours,) = atlas.processes(r"^\S*python3? \S*pc-switcher sync ")
        atlas.run(["kill", f"-{signal}", str(ours.pid)])
        assert terminal.end() == 130
    assert_quiet(atlas, vega)
    free(atlas, vega)


@pytest.mark.usefixtures("slow_change")
def test_a_closed_terminal_stops_the_run(atlas: LabMachine, vega: LabMachine) -> None:
    """I3, faults row 39: the window is closed; nothing of ours stays, and the next sync works."""
    with Terminal(atlas, "sync", vega.host, "--yes") as terminal:
        await_apply(vega)
        terminal.hang_up()
    assert_quiet(atlas, vega, within=8)  # the transfer alone would take longer
    free(atlas, vega)
    assert last_outcome(vega) == "interrupted"
    vega.limit_bandwidth(10_000)
    sync(atlas, vega)


def test_a_resize_is_survived(atlas: LabMachine, vega: LabMachine) -> None:
    """U3, faults row 39."""
    atlas.write("/home/sam/resized", b"x")
    with Terminal(atlas, "sync", vega.host, "--plain") as terminal:
        terminal.expect_review()
        terminal.resize(40, 10)
        terminal.resize(200, 50)
        terminal.type("y\n")
        assert terminal.end() == 0
    assert vega.read("/home/sam/resized") == b"x"


def test_the_review_shows_removals_and_does_nothing_without_a_yes(atlas: LabMachine, vega: LabMachine) -> None:
    """U4, promise 2: hostnames, removals listed on request, no is the default, nothing changed, no snapshots kept."""
    vega.write("/home/sam/only-on-vega", b"mine")
    runs = vega.sudo(["ls", "/.snapshots/pc-switcher"]).stdout
    with Terminal(atlas, "sync", vega.host, "--plain") as terminal:
        terminal.expect_review()
        assert "on vega" in terminal.text
        terminal.forget()
        terminal.type("l\n")
        terminal.expect("removes /home/sam/only-on-vega")
        terminal.expect_review()
        terminal.type("\n")
        assert terminal.end() == 130
        assert "declined" in terminal.text
    assert vega.read("/home/sam/only-on-vega") == b"mine"
    assert vega.sudo(["ls", "/.snapshots/pc-switcher"]).stdout == runs
    vega.run(["rm", "/home/sam/only-on-vega"])


def test_ctrl_c_at_the_question_stops_without_a_change(atlas: LabMachine, vega: LabMachine) -> None:
    """I1: between steps the rest never starts."""
    atlas.write("/home/sam/asked", b"x")
    with Terminal(atlas, "sync", vega.host, "--plain") as terminal:
        terminal.expect_review()
        terminal.type("\x03")
        assert terminal.end() == 130
    assert vega.run(["test", "-e", "/home/sam/asked"], check=False).returncode == 1
    free(atlas, vega)


def test_a_dumb_terminal_gets_plain_lines_and_can_still_say_yes(atlas: LabMachine, vega: LabMachine) -> None:
    """U3, faults row 39: TERM=dumb."""
    atlas.write("/home/sam/dumb", b"x")
    with Terminal(atlas, "sync", vega.host, term="dumb") as terminal:
        terminal.expect_review()
        terminal.type("y\n")
        assert terminal.end() == 0
        assert "\x1b" not in terminal.seen
    assert vega.read("/home/sam/dumb") == b"x"
