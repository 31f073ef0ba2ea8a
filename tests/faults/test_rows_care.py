"""Real syncs between real PCs that somebody works on, or whose disks have no room."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from pclab.driving import assert_quiet, command, shell, sync
from pclab.machine import LabMachine

pytestmark = [
    pytest.mark.usefixtures("synced", "own_settings", "quiet_after"),
    pytest.mark.timeout(300),
    pytest.mark.lab(reset="module"),
]

CONFIG = "/home/sam/.config/pc-switcher/config.toml"
CHECK = 13
LEFT_OUT = ("--skip", "settings")


@pytest.fixture
def own_settings(atlas: LabMachine) -> Iterator[None]:
    """Settings are a test's own."""
    yield
    atlas.run(["rm", "-f", CONFIG])


@pytest.fixture
def desktop(vega: LabMachine) -> Iterator[None]:
    """Kim at vega's desktop, as a display manager logs her in."""
    shell(
        vega,
        "systemd-run --quiet --unit=desktop --collect -p PAMName=login -p User=kim -E XDG_SESSION_TYPE=x11 sleep 600",
    )
    until(lambda: "kim" in shell(vega, "loginctl list-sessions --no-legend"))
    yield
    shell(vega, "systemctl stop desktop 2>/dev/null || true")


def until(met: Callable[[], bool], within: float = 30) -> None:
    deadline = time.monotonic() + within
    while not met():
        assert time.monotonic() < deadline, f"it did not happen within {within:g} s"
        time.sleep(0.1)


def configure(atlas: LabMachine, text: str) -> None:
    """Give atlas settings; syncs of these tests leave them out, so that they are no item of a plan."""
    atlas.write(CONFIG, text.encode(), 0o600)


def free(machine: LabMachine) -> int:
    """MiB that are free at home."""
    return int(shell(machine, "df --output=avail -B1M /home | tail -n 1"))


def test_a_sync_to_a_pc_where_somebody_works_can_be_forbidden(
    atlas: LabMachine, vega: LabMachine, desktop: None
) -> None:
    """Faults row 38: block. Nothing is changed, and kim is left alone."""
    configure(atlas, '[run]\nlogged_in = "block"\n')
    atlas.write("/home/sam/blocked", b"new")
    ended = sync(atlas, vega, *LEFT_OUT, status=CHECK)
    assert "logged in on vega: kim (graphical session" in ended.out + ended.err
    assert vega.run(["test", "-e", "/home/sam/blocked"], check=False).returncode != 0
    assert vega.processes("^/?[a-z/]*sleep 600$")


def test_a_sync_to_a_pc_where_somebody_works_warns_by_itself(
    atlas: LabMachine, vega: LabMachine, desktop: None
) -> None:
    """Faults row 38: the warning stands before the review and again at the end."""
    atlas.write("/home/sam/warned", b"new")
    ended = sync(atlas, vega, *LEFT_OUT)
    assert (ended.out + ended.err).count("logged in on vega: kim (graphical session") >= 2
    assert vega.read("/home/sam/warned") == b"new"
    assert vega.processes("^/?[a-z/]*sleep 600$")


def test_a_sync_can_log_out_who_works_there(atlas: LabMachine, vega: LabMachine, desktop: None) -> None:
    """Faults row 38: said in the plan, done after the yes and before the first change."""
    configure(atlas, '[run]\nlogged_in = "log-out"\n')
    atlas.write("/home/sam/logged-out", b"new")
    dry = command(atlas, "sync", vega.host, "--plain", "--dry-run", *LEFT_OUT, status=4)
    assert "their sessions are ended before anything is changed" in dry.out + dry.err
    assert vega.processes("^/?[a-z/]*sleep 600$")
    sync(atlas, vega, *LEFT_OUT)
    assert vega.read("/home/sam/logged-out") == b"new"
    assert not vega.processes("^/?[a-z/]*sleep 600$")
    assert "kim" not in shell(vega, "loginctl list-sessions --no-legend | grep -v manager || true")


def test_too_little_room_to_start_stops_before_the_first_snapshot(atlas: LabMachine, vega: LabMachine) -> None:
    """S8, faults rows 7 and 8: both PCs are named in one answer, each with the amounts."""
    snapshots = shell(vega, "ls /.snapshots/pc-switcher")
    configure(atlas, '[disk]\npreflight = "99%"\n')
    for machine in (atlas, vega):
        shell(machine, "fallocate -l 1G /home/filler && sync")
    try:
        ended = sync(atlas, vega, *LEFT_OUT, status=CHECK)
    finally:
        for machine in (atlas, vega):
            shell(machine, "rm -f /home/filler && sync")
    words = ended.out + ended.err
    assert "atlas: too little room to start at" in words
    assert "vega: too little room to start at" in words
    assert "and 99% is wanted" in words
    assert shell(vega, "ls /.snapshots/pc-switcher") == snapshots


def test_a_plan_that_does_not_fit_is_refused_before_it_begins(atlas: LabMachine, vega: LabMachine) -> None:
    """S8, faults row 7: an early estimate refuses; vega is as it was."""
    configure(atlas, f'[disk]\npreflight = "1 MiB"\nwarn = "1 MiB"\nstop = "{free(vega) - 300} MiB"\n')
    shell(atlas, "head -c 400M /dev/urandom >/home/sam/large", sudo=False)
    try:
        ended = sync(atlas, vega, *LEFT_OUT, status=CHECK)
        assert "vega: this sync needs up to 4" in ended.out + ended.err
        assert vega.run(["test", "-e", "/home/sam/large"], check=False).returncode != 0
    finally:
        atlas.run(["rm", "-f", "/home/sam/large"])


@pytest.mark.lab_only
def test_a_disk_that_fills_up_during_a_run_stops_it_safely_and_the_next_one_works(
    atlas: LabMachine, vega: LabMachine
) -> None:
    """S8, faults rows 7, 11 and 35: stopped with the cause; until then both are awake; then nothing is left."""
    stop = free(vega) - 1500
    configure(atlas, f'[disk]\npreflight = "1 MiB"\nwarn = "1 MiB"\nstop = "{stop} MiB"\ninterval = 1\n')
    shell(atlas, "head -c 300M /dev/urandom >/home/sam/large", sudo=False)
    vega.limit_bandwidth(100)
    process = atlas.popen(["pc-switcher", "sync", vega.host, "--plain", "--yes", *LEFT_OUT])
    try:
        until(lambda: bool(vega.processes(r"rsync --server")))
        for machine in (atlas, vega):
            assert "pc-switcher" in shell(machine, "systemd-inhibit --list --no-legend --no-pager")
        shell(vega, "fallocate -l 2G /home/filler && sync")
        out, err = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    finally:
        vega.limit_bandwidth(0)
        vega.sudo(["rm", "-f", "/home/filler"])
    words = (out + err).decode()
    assert process.returncode == CHECK, words
    assert "vega: too little room to go on at" in words
    assert_quiet(atlas, vega)
    for machine in (atlas, vega):
        assert "pc-switcher" not in shell(machine, "systemd-inhibit --list --no-legend --no-pager")
    assert vega.run(["test", "-e", "/home/sam/large"], check=False).returncode != 0
    vega.run(["sync"])
    atlas.run(["rm", "-f", CONFIG])
    sync(atlas, vega, *LEFT_OUT)
    assert vega.run(["sha256sum", "/home/sam/large"]).stdout == atlas.run(["sha256sum", "/home/sam/large"]).stdout
