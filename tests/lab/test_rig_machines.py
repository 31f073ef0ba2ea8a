"""The rig itself: two real PCs. T1, T2, T5, T6."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pclab.connection import RemoteError
from pclab.machine import LabMachine
from pclab.session import LabSession


def text(machine: LabMachine, *argv: str) -> str:
    return machine.run(argv).stdout.decode().strip()


@pytest.fixture(params=["atlas", "vega"])
def pc(request: pytest.FixtureRequest, atlas: LabMachine, vega: LabMachine) -> LabMachine:
    """Each PC in turn."""
    return {"atlas": atlas, "vega": vega}[request.param]


def test_a_pc_has_a_running_systemd_and_no_failed_unit(pc: LabMachine) -> None:
    assert text(pc, "systemctl", "is-system-running") == "running"
    assert text(pc, "ps", "-p", "1", "-o", "comm=") == "systemd"


def test_a_pc_has_the_flat_layout_on_its_own_btrfs(pc: LabMachine) -> None:
    mounts = json.loads(text(pc, "findmnt", "--json", "--list", "-t", "btrfs", "-o", "TARGET,FSROOT,OPTIONS"))
    found = {entry["target"]: entry["fsroot"] for entry in mounts["filesystems"]}
    assert found == {"/": "/@", "/home": "/@home", "/.snapshots": "/@snapshots"}
    assert all("noatime" in entry["options"].split(",") for entry in mounts["filesystems"])


def test_fstab_names_what_is_mounted(pc: LabMachine) -> None:
    uuid = pc.sudo(["btrfs", "filesystem", "show", "/"]).stdout.decode().split("uuid: ")[1].split()[0]
    lines = pc.read("/etc/fstab").decode().splitlines()
    assert [line.split()[0] for line in lines] == [f"UUID={uuid}"] * 3


def test_the_top_level_can_be_mounted_by_uuid_as_on_a_real_pc(pc: LabMachine) -> None:
    uuid = pc.read("/etc/fstab").decode().split()[0]
    pc.sudo(["mount", "-o", "subvolid=5", uuid, "/mnt"])
    try:
        assert set(text(pc, "ls", "-A", "/mnt").split()) == {"@", "@home", "@snapshots"}
    finally:
        pc.sudo(["umount", "/mnt"])


@pytest.mark.parametrize(
    "argv",
    [
        ["cat", "/etc/machine-id"],
        ["cat", "/etc/ssh/ssh_host_ed25519_key.pub"],
        ["cat", "/home/sam/.ssh/id_ed25519.pub"],
        ["cat", "/etc/fstab"],
        ["hostname"],
    ],
)
def test_what_identifies_a_pc_is_its_own(atlas: LabMachine, vega: LabMachine, argv: list[str]) -> None:
    assert text(atlas, *argv) != text(vega, *argv)


def test_subvolume_uuids_differ_between_pcs(atlas: LabMachine, vega: LabMachine) -> None:
    """One mkfs per PC: needed for honest send and receive."""
    uuids = [
        {line.split()[8] for line in pc.sudo(["btrfs", "subvolume", "list", "-u", "/"]).stdout.decode().splitlines()}
        for pc in (atlas, vega)
    ]
    assert len(uuids[0]) == 3
    assert uuids[0].isdisjoint(uuids[1])


def test_sam_has_sudo_without_a_password_and_kim_has_none(pc: LabMachine) -> None:
    assert text(pc, "id", "-un") == "sam"
    assert pc.sudo(["id", "-u"]).stdout == b"0\n"
    refused = pc.sudo(["runuser", "-u", "kim", "--", "sudo", "-n", "true"], check=False)
    assert refused.returncode != 0


def test_sams_password_is_sam(pc: LabMachine) -> None:
    """So that the asking for a password can be tested."""
    asked = ["runuser", "-u", "sam", "--", "su", "sam", "-c", "echo in"]
    assert pc.sudo(asked, input=b"sam\n").stdout == b"in\n"
    assert pc.sudo(asked, input=b"wrong\n", check=False).returncode != 0


def test_each_pc_reaches_the_other_by_name_with_its_host_key_known(atlas: LabMachine, vega: LabMachine) -> None:
    """T5: ssh would ask, and BatchMode would refuse, if the key were not known."""
    for here, there in ((atlas, vega), (vega, atlas)):
        said = text(here, "ssh", "-o", "BatchMode=yes", there.host, "hostname")
        assert said == there.name


@pytest.mark.lab_only
def test_a_pc_has_no_way_out(pc: LabMachine) -> None:
    assert "default" not in text(pc, "ip", "route")


def test_a_pc_carries_the_marker(pc: LabMachine) -> None:
    """T6."""
    pc.check_marker()


def test_a_failing_command_is_an_error_that_shows_itself(pc: LabMachine) -> None:
    with pytest.raises(RemoteError, match="No such file") as failed:
        pc.run(["ls", "/missing place"])
    assert failed.value.returncode == 2
    assert pc.run(["sh", "-c", "exit 7"], check=False).returncode == 7


def test_any_bytes_travel_as_argument_input_and_output(pc: LabMachine) -> None:
    name = b"/tmp/-a\n'\"$(x) \xff\xfe*"
    content = bytes(range(256)) * 5000
    pc.write(name, content, 0o640)
    assert pc.read(name) == content
    assert pc.run(["stat", "-c", "%a %U", "--", name]).stdout == b"640 sam\n"


def test_a_terminal_is_there_when_asked_for(pc: LabMachine) -> None:
    assert pc.run(["tty"], check=False, tty=False).stdout == b"not a tty\n"
    assert pc.run(["tty"], tty=True).stdout.startswith(b"/dev/pts/")


def test_a_command_that_takes_too_long_is_given_up(pc: LabMachine) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        pc.run(["sleep", "5"], timeout=0.3)


def test_background_programs_are_seen_and_ended(pc: LabMachine) -> None:
    process = pc.popen(["sleep", "4321"])
    try:
        deadline = time.monotonic() + 5
        while not pc.processes(r"^sleep 4321$"):
            assert time.monotonic() < deadline
        pc.run(["pkill", "-x", "-f", "sleep 4321"])
        process.communicate(timeout=5)
        assert process.returncode != 0
        assert pc.processes(r"^sleep 4321$") == []
    finally:
        process.kill()
        process.communicate()


def test_one_command_takes_little_time(pc: LabMachine) -> None:
    """A measure, printed; the limit is far off it and only catches a lost master connection (0.2 s each)."""
    pc.run(["true"])
    start = time.monotonic()
    for _ in range(20):
        pc.run(["true"])
    each = (time.monotonic() - start) / 20
    print(f"run: {each * 1000:.1f} ms")  # noqa: T201 -- a measure, for whoever watches
    assert each < 0.15


@pytest.fixture
def other_host_key(vega: LabMachine) -> Iterator[None]:
    """Vega with a host key nobody knows, for the time of a test."""
    place = "/etc/ssh/ssh_host_ed25519_key"
    vega.sudo(["mkdir", "-m", "700", "/root/kept"])
    vega.sudo(["mv", place, f"{place}.pub", "/root/kept"])
    vega.sudo(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place])
    vega.sudo(["systemctl", "restart", "ssh"])
    yield
    vega.sudo(["cp", "-a", "/root/kept/.", "/etc/ssh"])
    vega.sudo(["rm", "-r", "/root/kept"])
    vega.sudo(["systemctl", "restart", "ssh"])


@pytest.mark.usefixtures("other_host_key")
def test_a_changed_host_key_is_refused(atlas: LabMachine, vega: LabMachine) -> None:
    """T5. The kept connection of the tests goes on; a new one, from anywhere, is refused."""
    refused = atlas.run(["ssh", "-o", "BatchMode=yes", vega.host, "true"], check=False)
    assert refused.returncode == 255
    assert b"REMOTE HOST IDENTIFICATION HAS CHANGED" in refused.stderr
    assert not vega.answers()


def test_files_put_there_belong_to_root_and_run(atlas: LabMachine, tmp_path: Path) -> None:
    local = tmp_path / "tool"
    local.write_bytes(b"#!/bin/sh\necho it runs\n")
    atlas.put(local, "/usr/local/bin/rig-tool", 0o755)
    assert text(atlas, "rig-tool") == "it runs"
    assert text(atlas, "stat", "-c", "%a %U:%G", "/usr/local/bin/rig-tool") == "755 root:root"


def test_the_session_knows_its_machines(lab: LabSession, atlas: LabMachine, vega: LabMachine) -> None:
    assert lab.machine("atlas") is atlas
    assert lab.machine("vega") is vega
