"""The rig breaks PCs as life does, and puts them back: T1, T2."""

from __future__ import annotations

import subprocess
import time

import pytest

from pclab.machine import LabMachine
from pclab.session import LabSession

pytestmark = pytest.mark.lab_only

QUICK = ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=2")


def reaches(here: LabMachine, there: LabMachine) -> bool:
    return here.run([*QUICK, there.host, "true"], check=False).returncode == 0


def test_a_pulled_cable_cuts_one_pc_off_until_it_is_plugged_in(atlas: LabMachine, vega: LabMachine) -> None:
    assert reaches(atlas, vega)
    vega.cut()
    assert not reaches(atlas, vega)
    vega.join()
    assert reaches(atlas, vega)
    assert vega.run(["hostname"]).stdout == b"vega\n"


def test_a_frozen_pc_stands_still_and_goes_on_where_it_was(atlas: LabMachine, vega: LabMachine) -> None:
    boot = vega.read("/proc/1/stat").split()[21]
    vega.freeze()
    assert not reaches(atlas, vega)
    vega.thaw()
    assert reaches(atlas, vega)
    assert vega.read("/proc/1/stat").split()[21] == boot


def test_a_power_cut_keeps_what_was_flushed_and_loses_what_was_not(vega: LabMachine) -> None:
    vega.write("/home/sam/flushed", b"kept")
    vega.run(["sync", "/home/sam/flushed"])
    vega.write("/home/sam/unflushed", b"lost")
    vega.power_off()
    assert not vega.answers()
    vega.start()
    assert vega.read("/home/sam/flushed") == b"kept"
    lost = vega.run(["cat", "/home/sam/unflushed"], check=False)
    assert lost.stdout == b""
    assert vega.run(["systemctl", "is-system-running", "--wait"]).stdout == b"running\n"


def test_a_killed_pc_keeps_what_it_had_written(vega: LabMachine) -> None:
    """Killing processes is no power cut: the kernel writes the page cache out."""
    vega.write("/home/sam/unflushed-but-kept", b"kept")
    vega.kill()
    assert not vega.answers()
    vega.start()
    assert vega.read("/home/sam/unflushed-but-kept") == b"kept"


def test_a_reboot_from_inside_boots_the_subvolume_that_is_at_the_place_of_the_root_now(vega: LabMachine) -> None:
    """A rollback of `/`: swap `@`, reboot."""
    vega.sudo(["btrfs", "subvolume", "snapshot", "/", "/.snapshots/other"])
    vega.write("/etc/only-in-the-old-root", b"x", sudo=True)
    device = vega.run(["findmnt", "-n", "-v", "-o", "SOURCE", "/"]).stdout.decode().strip()
    vega.sudo(["mount", "-o", "subvolid=5", device, "/mnt"])
    vega.sudo(["mv", "/mnt/@", "/mnt/@old"])
    vega.sudo(["mv", "/mnt/@snapshots/other", "/mnt/@"])
    vega.reboot()
    assert vega.run(["test", "-e", "/etc/only-in-the-old-root"], check=False).returncode == 1
    assert vega.run(["findmnt", "-n", "-o", "FSROOT", "/"]).stdout == b"/@\n"
    assert vega.run(["systemctl", "is-system-running", "--wait"]).stdout == b"running\n"


def test_a_reset_puts_root_and_home_back_and_clears_the_snapshots(
    lab: LabSession, atlas: LabMachine, vega: LabMachine
) -> None:
    """T1. Times are printed: both PCs with their boot are meant to take 5 s at most."""
    machine_ids = [pc.read("/etc/machine-id") for pc in (atlas, vega)]
    for pc in (atlas, vega):
        pc.write("/home/sam/made-by-a-test", b"x")
        pc.write("/etc/made-by-a-test", b"x", sudo=True)
        pc.sudo(["rm", "/etc/fstab"])
        pc.sudo(["btrfs", "subvolume", "snapshot", "-r", "/home", "/.snapshots/one"])
        pc.write("/.snapshots/plain", b"x", sudo=True)
    vega.cut()
    start = time.monotonic()
    lab.reset()
    print(f"reset of both PCs with their boot: {time.monotonic() - start:.1f} s")  # noqa: T201 -- a measure, for whoever watches
    for pc in (atlas, vega):
        left = pc.sudo(["find", "/home", "/etc", "/.snapshots", "-name", "*made-by-a-test*"]).stdout
        assert left == b""
        assert pc.sudo(["ls", "-A", "/.snapshots"]).stdout == b""
        assert pc.read("/etc/fstab").count(b"UUID=") == 3
        assert len(pc.sudo(["btrfs", "subvolume", "list", "/"]).stdout.splitlines()) == 3
    assert [pc.read("/etc/machine-id") for pc in (atlas, vega)] == machine_ids
    assert reaches(atlas, vega)


def test_bandwidth_and_loss_are_limited_until_the_next_reset(atlas: LabMachine, vega: LabMachine) -> None:
    def seconds_for_two_megabytes() -> float:
        start = time.monotonic()
        atlas.run([*QUICK, vega.host, "cat >/dev/null"], input=bytes(2_000_000))
        return time.monotonic() - start

    free = seconds_for_two_megabytes()
    vega.limit_bandwidth(8)
    slow = seconds_for_two_megabytes()
    vega.limit_bandwidth(0)
    print(f"2 MB: {free:.2f} s, at 8 Mbit/s {slow:.2f} s")  # noqa: T201 -- a measure, for whoever watches
    assert slow > 1.5 > free
    vega.lose_packets(100)
    lost = atlas.run(["ping", "-q", "-c", "3", "-i", "0.1", "-W", "1", vega.host], check=False)
    assert b"100% packet loss" in lost.stdout
    vega.reset()
    assert b" 0% packet loss" in atlas.run(["ping", "-q", "-c", "3", "-i", "0.1", vega.host]).stdout


def test_a_connection_that_hangs_on_a_pulled_cable_ends_by_itself(atlas: LabMachine, vega: LabMachine) -> None:
    line = [*QUICK, "-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2", vega.host, "sleep 60"]
    process = atlas.popen(line)
    while not vega.processes(r"^sleep 60$"):
        time.sleep(0.05)
    vega.cut()
    try:
        assert process.wait(15) == 255
    finally:
        process.kill()
        process.communicate()
        vega.join()


@pytest.mark.lab(reset="test")
def test_a_module_may_ask_for_a_reset_before_one_test(vega: LabMachine) -> None:
    assert vega.run(["ls", "-A", "/home/sam/flushed"], check=False).returncode == 2
    vega.write("/home/sam/seen-by-the-next-test", b"x")


@pytest.mark.lab(reset="none")
def test_and_for_none_before_another(vega: LabMachine) -> None:
    assert vega.read("/home/sam/seen-by-the-next-test") == b"x"
    with pytest.raises(subprocess.CalledProcessError):
        vega.run(["false"])
