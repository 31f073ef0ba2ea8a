"""A sync that loses its program, an agent or the network while it writes: said clearly, nothing runs on, vega is whole.

The target holds old or new of each entry, and the next sync simply works.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from pclab.driving import assert_equal, assert_quiet, command, manifest, shell, sync
from pclab.machine import LabMachine
from pclab.manifest import Item

pytestmark = [
    pytest.mark.usefixtures("synced", "quiet_after"),
    pytest.mark.timeout(240),
    pytest.mark.lab_only,
]

TREE = "/home/sam/tree"
BIG = "/home/sam/zz-big"
SAID_WITHIN = 45.0
"""Seconds: the product's own liveness is 20, and it may be cleaning up on the other machine for ten."""
SEEN_AT_ONCE = 12.0
"""Seconds until an agent's death is told: half of what the transfer would still take."""


@pytest.fixture(autouse=True)
def full_speed(vega: LabMachine) -> Iterator[None]:
    """The network is as it was."""
    yield
    vega.join()
    vega.limit_bandwidth(10_000)


@pytest.fixture
def before(atlas: LabMachine, vega: LabMachine) -> dict[str, Item]:
    """A small tree that both have; then atlas changes it in every way, and gets a file that takes long to carry."""
    make = (
        f"rm -rf {TREE} {BIG}; mkdir -p {TREE}/sub; cd {TREE}/sub; "
        "for n in $(seq 40); do echo old $n >f$n; done; ln -s f1 l"
    )
    shell(atlas, make, sudo=False)
    sync(atlas, vega, "--allow", "mass-deletion")
    assert_equal(atlas, TREE, vega, TREE)
    change = (
        "for n in $(seq 1 20); do echo new $n >f$n; done; rm f21 f22; mkdir f23.d; mv f23 f23.d/; chmod 600 f24; "
        f"ln -sfn f2 l; echo x >made; head -c 30000000 /dev/urandom >{BIG}"
    )
    shell(atlas, f"cd {TREE}/sub; {change}", sudo=False)
    vega.limit_bandwidth(10)
    return manifest(vega, TREE)


def start(atlas: LabMachine, vega: LabMachine) -> subprocess.Popen[bytes]:
    """Start a sync on atlas and wait until it writes to vega."""
    process = atlas.popen(["pc-switcher", "sync", "vega", "--plain", "--yes"])
    deadline = time.monotonic() + 60
    while not vega.processes(r"rsync .*--server"):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "no rsync on vega"
        time.sleep(0.1)
    time.sleep(1)
    return process


def end(process: subprocess.Popen[bytes], within: float) -> str:
    """Wait for the program's end with what a lost connection means, and give what it said."""
    try:
        out, err = process.communicate(timeout=within)
    finally:
        process.kill()
    said = (out + err).decode()
    assert process.returncode == 12, said
    assert "Traceback" not in said
    return said


def agent_of(machine: LabMachine) -> int:
    """The agent's process there: the youngest of sudo, guard and agent."""
    script = "pgrep -f 'pc-switcher.* agent$' | sort -n | tail -n 1"
    found = shell(machine, script).split()
    assert found, machine.processes("")
    return int(found[0])


def essence(items: dict[str, Item]) -> dict[str, Item]:
    """Entries as a person has them: without their place on the disk; folders without the time of the last change."""
    return {
        path: replace(item, inode="", links=0, room=0, time=0 if item.type == "folder" else item.time)
        for path, item in items.items()
    }


def check_whole(atlas: LabMachine, vega: LabMachine, before: dict[str, Item]) -> None:
    """Each entry of the tree on vega is the old or the new one; no entry is neither."""
    old, new, found = (essence(items) for items in (before, manifest(atlas, TREE), manifest(vega, TREE)))
    wrong = [path for path in old.keys() | new.keys() if found.get(path) not in (old.get(path), new.get(path))]
    assert not wrong
    assert not found.keys() - old.keys() - new.keys()
    assert vega.run(["test", "-e", BIG], check=False).returncode == 1, "a file that was not carried over wholly"


def check_next(atlas: LabMachine, vega: LabMachine) -> None:
    """The same command again does all of it, and leaves nothing of the broken run."""
    vega.limit_bandwidth(10_000)
    sync(atlas, vega)
    assert_equal(atlas, TREE, vega, TREE)
    assert vega.run(["sha256sum", BIG]).stdout == atlas.run(["sha256sum", BIG]).stdout
    left = shell(vega, "find /home /root -xdev -maxdepth 2 -name '.pc-switcher*' ! -name .pc-switcherignore")
    assert left == "", "a stage was left"
    assert "nothing to do" in sync(atlas, vega).out


def test_the_program_is_killed_while_it_writes(atlas: LabMachine, vega: LabMachine, before: dict[str, Item]) -> None:
    """Faults row 3, I3, K2: kill -9 on the source: both agents end by themselves, locks are free, vega is whole."""
    process = start(atlas, vega)
    shell(atlas, "kill -9 $(pgrep -xf '.*python.*pc-switcher sync vega --plain --yes')", sudo=False)
    process.communicate(timeout=20)
    assert_quiet(atlas, vega, within=20)
    for machine in (atlas, vega):
        shell(machine, "flock --nonblock /run/pc-switcher/lock true")
    check_whole(atlas, vega, before)
    check_next(atlas, vega)


def test_the_agent_on_the_target_is_killed_while_it_writes(
    atlas: LabMachine, vega: LabMachine, before: dict[str, Item]
) -> None:
    """Faults row 4: exit 12, vega named, what to do next said; nothing of ours, rsync neither, runs on."""
    process = start(atlas, vega)
    shell(vega, f"kill -9 {agent_of(vega)}")
    assert "vega: the agent ended or the connection broke" in end(process, SEEN_AT_ONCE)
    assert_quiet(atlas, vega, within=20)
    check_whole(atlas, vega, before)
    check_next(atlas, vega)


def test_the_agent_on_the_source_is_killed_while_it_reads(
    atlas: LabMachine, vega: LabMachine, before: dict[str, Item]
) -> None:
    """Faults row 3: the same for the agent beside the person; atlas is named."""
    process = start(atlas, vega)
    shell(atlas, f"kill -9 {agent_of(atlas)}")
    assert "atlas: the agent ended or the connection broke" in end(process, SEEN_AT_ONCE)
    assert_quiet(atlas, vega, within=20)
    check_whole(atlas, vega, before)
    check_next(atlas, vega)


@pytest.mark.parametrize(
    ("fault", "mend"),
    [(LabMachine.cut, LabMachine.join), (LabMachine.freeze, LabMachine.thaw)],
    ids=["the cable is pulled", "it stands still"],
)
def test_the_target_falls_silent_while_it_is_written_to(
    atlas: LabMachine,
    vega: LabMachine,
    before: dict[str, Item],
    fault: Callable[[LabMachine], None],
    mend: Callable[[LabMachine], None],
) -> None:
    """Faults rows 1, 2: told within the program's own liveness, with the way on; both PCs quiet, vega whole."""
    process = start(atlas, vega)
    fault(vega)
    try:
        said = end(process, SAID_WITHIN)
        assert_quiet(atlas, within=5)
    finally:
        mend(vega)
    assert "vega: " in said
    assert "start the same command again" in said
    assert "failed" in command(atlas, "history").out.splitlines()[-1]
    assert_quiet(vega, within=40)
    check_whole(atlas, vega, before)
    check_next(atlas, vega)
