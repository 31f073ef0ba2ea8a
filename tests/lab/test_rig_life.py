"""Labs come and go: two side by side, down leaves nothing, also after a crash. T1, T2, T5.

These labs are the tests' own, with other run ids than the one the other tests use, and small.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pclab import leftovers
from pclab.cgroup import ControlGroup, cgroup2_root
from pclab.control import lab_command
from pclab.disk import loops_below
from pclab.keys import host_key, public_key
from pclab.machine import LabMachine
from pclab.names import LabNames, Pc
from pclab.session import LabSession

pytestmark = [pytest.mark.lab_only, pytest.mark.lab(reset="none"), pytest.mark.usefixtures("lab")]

Command = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def names() -> LabNames:
    """A second lab's names."""
    return LabNames("rigtwo")


@pytest.fixture
def second(names: LabNames) -> Iterator[Command]:
    """The `lab` command for the second lab, which is gone before and after the test."""

    def command(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(lab_command(names, arguments), capture_output=True, timeout=240, check=False)
        assert done.returncode == 0 or not check, done.stderr.decode()
        return done

    command("down")
    yield command
    command("down")


def supervisor_of(names: LabNames, pc: Pc) -> int:
    """Process id of the second lab's boot loader of a PC."""
    group = ControlGroup(cgroup2_root() / names.cgroup / pc.value)
    (found,) = [
        process
        for process in group.processes()
        if f"pclab.supervisor\0{names.run_id}\0{pc}\0" in Path(f"/proc/{process}/cmdline").read_text()
    ]
    return found


def test_a_second_lab_stands_beside_the_first_and_goes_without_a_trace(
    second: Command, names: LabNames, atlas: LabMachine, lab: LabSession
) -> None:
    """T1: a run id in every name; the first lab does not notice."""
    boot = atlas.read("/proc/1/stat").split()[21]
    second("up", "atlas", "--size", "2G")
    assert second("run", "atlas", "--", "cat", "/etc/pc-switcher-lab").stdout == b"rigtwo\n"
    assert lab.names is not None
    assert atlas.read("/etc/pc-switcher-lab").decode().strip() == lab.names.run_id
    assert second("run", "atlas", "--", "cat", "/etc/machine-id").stdout != atlas.read("/etc/machine-id")
    second("down")
    assert leftovers.find(names) == []
    assert atlas.read("/proc/1/stat").split()[21] == boot


def test_up_again_changes_nothing_and_another_size_is_refused(second: Command) -> None:
    second("up", "atlas", "--size", "2G")
    second("run", "atlas", "--", "touch", "/home/sam/mine")
    second("up", "atlas")
    second("run", "atlas", "--", "test", "-e", "/home/sam/mine")
    assert second("up", "atlas", "--size", "3G", check=False).returncode == 2
    assert second("run", "atlas", "--", "sh", "-c", "exit 9", check=False).returncode == 9


def test_status_tells_programs_what_every_pc_does(second: Command) -> None:
    def power() -> dict[str, str]:
        return {entry["pc"]: entry["power"] for entry in json.loads(second("status", "--json").stdout)["pcs"]}

    assert power() == {"atlas": "absent", "vega": "absent", "lyra": "absent"}
    second("up", "lyra", "--size", "2G")
    assert power() == {"atlas": "absent", "vega": "absent", "lyra": "on"}
    second("freeze", "lyra")
    assert power()["lyra"] == "frozen"
    second("kill", "lyra")
    assert power()["lyra"] == "off"
    second("up", "lyra")
    assert power()["lyra"] == "on"
    assert second("run", "vega", "--", "true", check=False).returncode == 2


def test_down_leaves_nothing_after_its_supervisor_was_killed(second: Command, names: LabNames) -> None:
    """A killed supervisor leaves systemd running as an orphan: only the control group finds it."""
    second("up", "atlas", "--size", "2G")
    os.kill(supervisor_of(names, Pc.ATLAS), signal.SIGKILL)
    time.sleep(0.5)
    assert leftovers.find(names) != []
    second("down")
    assert leftovers.find(names) == []
    second("down")
    assert leftovers.find(names) == []


def test_up_goes_on_where_a_killed_up_left_off(second: Command, names: LabNames) -> None:
    """T2: a PC without a baseline is not ready, whatever else of it exists."""
    with subprocess.Popen(lab_command(names, ["up", "atlas", "--size", "2G"]), stderr=subprocess.DEVNULL) as first:
        deadline = time.monotonic() + 30
        while not names.image(Pc.ATLAS).exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.5)
        first.kill()
    assert b"unfinished" in second("status").stdout
    second("up", "atlas", "--size", "2G")
    assert second("run", "atlas", "--", "hostname").stdout == b"atlas\n"


@pytest.mark.parametrize("power", ["on", "off"])
def test_down_removes_a_stale_pool_that_is_no_longer_mounted(second: Command, names: LabNames, power: str) -> None:
    """As after somebody tidied up by hand: the mount is gone, devices and memory are not."""
    second("up", "atlas", "--size", "2G")
    if power == "off":
        second("kill", "atlas")
    subprocess.run(["umount", "--lazy", str(names.pool)], check=True)
    assert loops_below(names.pool_image)
    second("down")
    assert leftovers.find(names) == []


def test_down_frees_a_pool_that_another_mount_namespace_holds(second: Command, names: LabNames) -> None:
    """A program that made itself a namespace while the lab was up has a copy of every mount."""
    second("up", "atlas", "--size", "2G")
    holder = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sleep", "60"])
    try:
        second("down")
        assert leftovers.find(names) == []
    finally:
        holder.kill()
        holder.wait()


def test_a_foreign_loop_device_and_namespace_are_left_alone(second: Command, tmp_path: Path) -> None:
    image = tmp_path / "foreign.img"
    with open(image, "wb") as file:
        os.truncate(file.fileno(), 1 << 20)
    device = subprocess.run(
        ["losetup", "--find", "--show", str(image)], check=True, capture_output=True, text=True
    ).stdout.strip()
    subprocess.run(["ip", "netns", "add", "pcl-foreign"], check=True)
    try:
        second("up", "atlas", "--size", "2G")
        second("down")
        assert Path(f"/sys/block/{Path(device).name}/loop/backing_file").read_text().strip() == str(image)
        assert b"pcl-foreign" in subprocess.run(["ip", "netns"], check=True, capture_output=True).stdout
    finally:
        subprocess.run(["ip", "netns", "delete", "pcl-foreign"], check=True)
        subprocess.run(["losetup", "--detach", device], check=True)


def test_a_pc_that_is_made_again_keeps_its_host_key(second: Command, names: LabNames) -> None:
    """T5: known hosts stay true."""
    second("up", "atlas", "--size", "2G")
    before = public_key(host_key(names, Pc.ATLAS))
    second("down")
    second("up", "atlas", "--size", "2G")
    there = second("run", "atlas", "--", "cat", "/etc/ssh/ssh_host_ed25519_key.pub").stdout.decode().strip()
    assert there == before


def test_bookworm_pcs_run_beside_trixie_ones(second: Command) -> None:
    """Mixed versions of systemd, rsync and btrfs-progs."""
    second("up", "atlas", "--size", "2G", "--suite", "bookworm")
    second("up", "vega", "--size", "2G")
    for pc, version in (("atlas", b"12"), ("vega", b"13")):
        assert second("run", pc, "--", "cat", "/etc/debian_version").stdout.startswith(version)
        assert second("run", pc, "--", "systemctl", "is-system-running").stdout == b"running\n"
    assert second("ssh", "atlas", "ssh vega hostname").stdout == b"vega\n"


def test_two_commands_at_once_take_turns(second: Command, names: LabNames) -> None:
    second("up", "atlas", "--size", "2G")
    with contextlib.ExitStack() as stack:
        both = [
            stack.enter_context(subprocess.Popen(lab_command(names, ["reset"]), stderr=subprocess.DEVNULL))
            for _ in range(2)
        ]
        assert [process.wait(60) for process in both] == [0, 0]
    assert second("run", "atlas", "--", "hostname").stdout == b"atlas\n"
