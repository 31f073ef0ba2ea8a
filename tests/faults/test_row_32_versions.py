"""Faults row 32: other versions of rsync, btrfs-progs, Python and of our own state. Of ours: test_sync_run.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pclab import control, product, session
from pclab.driving import assert_equal, command, first_sync, python, shell, sync
from pclab.machine import LabMachine
from pclab.names import LabNames, Pc, Suite
from pclab.session import LabSession

pytestmark = [pytest.mark.usefixtures("synced", "quiet_after"), pytest.mark.timeout(240), pytest.mark.lab_only]

STATE = "/var/lib/pc-switcher"
WITH_ALL = "  Capabilities: 64-bit files, hardlinks, symlinks, ACLs, xattrs"


@pytest.fixture(autouse=True)
def true_programs(atlas: LabMachine, vega: LabMachine) -> Iterator[None]:
    """The programs there are the true ones again."""
    yield
    for machine in (atlas, vega):
        shell(machine, "rm -f /usr/local/bin/rsync /usr/local/bin/btrfs")


def pretend(machine: LabMachine, program: str, version: str) -> None:
    """Let a program there tell another version; everything else it does as ever."""
    script = (
        f'#!/bin/sh\nif [ "$1" = --version ]; then cat <<END\n{version}\nEND\nelse exec /usr/bin/{program} "$@"; fi\n'
    )
    machine.write(f"/usr/local/bin/{program}", script.encode(), 0o755, sudo=True)


@pytest.mark.parametrize("name", ["atlas", "vega"])
@pytest.mark.parametrize(
    ("version", "words"),
    [
        (f"rsync  version 3.1.3  protocol version 31\n{WITH_ALL}", "rsync is too old: 3.1.3"),
        (f"rsync  version 2.6.9  protocol version 29\n{WITH_ALL}", "rsync is too old: 2.6.9"),
        (f"openrsync: protocol version 29\nrsync version 2.6.9 compatible\n{WITH_ALL}", "rsync is too old: 2.6.9"),
        ("rsync  version 3.4.1  protocol version 32\n  hardlinks, no ACLs, xattrs", "was built without ACLs"),
        ("rsync  version 3.4.1  protocol version 32\n  hardlinks, ACLs, no xattrs", "without extended attributes"),
    ],
    ids=["3.1.3", "2.6.9", "openrsync", "no ACLs", "no attributes"],
)
def test_an_rsync_that_cannot_do_it_is_refused_with_the_pc_named(
    atlas: LabMachine, vega: LabMachine, name: str, version: str, words: str
) -> None:
    """Faults row 32, J3: before anything is changed, whichever of the two has it."""
    pretend(atlas if name == "atlas" else vega, "rsync", version)
    atlas.write("/home/sam/versions", words.encode())
    ended = sync(atlas, vega, status=13)
    assert f"{name}: " in ended.out
    assert words in ended.out
    assert "sudo apt upgrade" in ended.out or "install your distribution's rsync" in ended.out
    assert vega.run(["cat", "/home/sam/versions"], check=False).stdout != words.encode()


@pytest.mark.parametrize("version", ["3.2.3", "3.4.1", "3.5.0", "v4.0.0pre1"])
def test_every_rsync_that_can_do_it_is_taken(atlas: LabMachine, vega: LabMachine, version: str) -> None:
    """Faults row 32: the oldest that is supported, and one that is not out yet."""
    for machine in (atlas, vega):
        pretend(machine, "rsync", f"rsync  version {version}  protocol version 32\n{WITH_ALL}")
    atlas.write("/home/sam/versions", version.encode())
    sync(atlas, vega)
    assert vega.read("/home/sam/versions") == version.encode()


def test_old_btrfs_progs_are_told_by_the_doctor_and_work(atlas: LabMachine, vega: LabMachine) -> None:
    """Faults row 32: nobody tried it with them, and nothing we use is newer."""
    pretend(vega, "btrfs", "btrfs-progs v4.20.1")
    assert "vega: btrfs-progs 4.20.1 is older than what pc-switcher was tried with" in command(
        atlas, "doctor", "vega", status=None
    ).out.replace("\n", " ")
    atlas.write("/home/sam/versions", b"btrfs")
    sync(atlas, vega)


AS_FORMAT_1 = """
import json, sys
from pathlib import Path
old = ("label role source target source_id target_id user version started ended outcome message").split()
for path in Path("/var/lib/pc-switcher/runs").glob("*/run.json"):
    record = json.loads(path.read_text())
    jobs = [{name: job[name] for name in ("name", "outcome", "items", "size", "reason")} for job in record["jobs"]]
    path.write_text(json.dumps({"format": 1, **{name: record[name] for name in old}, "jobs": jobs}))
"""


def test_records_of_the_older_format_are_read_on_both(atlas: LabMachine, vega: LabMachine) -> None:
    """Faults row 32: state migrates; in history and in the decision whose work is newer, without a question."""
    for machine in (atlas, vega):
        python(machine, AS_FORMAT_1)
    before = command(atlas, "history").out
    atlas.write("/home/sam/versions", b"format 1")
    sync(atlas, vega)
    assert vega.read("/home/sam/versions") == b"format 1"
    assert len(command(atlas, "history").out.splitlines()) == len(before.splitlines()) + 1
    sync(vega, atlas)


def test_a_record_of_a_newer_program_stops_the_run_and_is_named(atlas: LabMachine, vega: LabMachine) -> None:
    """Faults row 32, promise 8: it might be the one that matters; nothing is guessed."""
    label = shell(vega, f"ls {STATE}/runs | tail -n 1").strip()
    path = f"{STATE}/runs/{label}/run.json"
    true = vega.read(path)
    vega.write(path, json.dumps({**json.loads(true), "format": 99}).encode(), sudo=True)
    try:
        ended = sync(atlas, vega, status=13)
    finally:
        vega.write(path, true, sudo=True)
    assert f"vega: the record of run {label} is damaged or of a newer pc-switcher" in ended.out
    sync(atlas, vega)


def test_a_base_that_only_another_program_can_read_does_not_count(atlas: LabMachine, vega: LabMachine) -> None:
    """Faults row 32: told in a line, on the side of caution; what is only new needs no word, removals do."""
    other = f'sed -i \'1s/"state_version":[0-9]*/"state_version":99/\' {STATE}/bases/*/*-files.base'
    for machine in (atlas, vega):
        shell(machine, other)
    atlas.write("/home/sam/only-new", b"x")
    vega.write("/home/sam/versions", b"of vega")
    ended = sync(atlas, vega, status=None)
    assert ended.status == 14, ended
    assert "it is of version 99, this program knows" in ended.out
    assert "first-sync" in ended.out
    sync(atlas, vega, "--allow", "first-sync")
    sync(atlas, vega)


@pytest.fixture(scope="module")
def mixed() -> Iterator[LabSession]:
    """A lab of its own beside the one of this run: atlas with Debian 13, vega with Debian 12."""
    names = LabNames(f"{LabNames.from_environment().run_id[:8]}skew")
    control.carry_out(names, ["up", Pc.VEGA, "--suite", Suite.BOOKWORM], timeout=900)
    try:
        opened = session.open_lab(names, [], 900, print)
        yield opened
        opened.close()
    finally:
        control.carry_out(names, ["down"])


@pytest.mark.timeout(1200)
def test_pcs_of_two_releases_sync_both_ways(mixed: LabSession, bundle: Path) -> None:
    """Faults row 32, D1: Python 3.13 and 3.11, rsync 3.4 and 3.2, btrfs-progs 6.14 and 6.2, there and back."""
    atlas, vega = mixed.machine(Pc.ATLAS), mixed.machine(Pc.VEGA)
    product.install(atlas, bundle)
    for machine in (atlas, vega):
        product.carry_tools(machine)
    pythons = [machine.run(["python3", "--version"]).stdout.decode().split()[1] for machine in (atlas, vega)]
    assert [version.rpartition(".")[0] for version in pythons] == ["3.13", "3.11"]
    shell(
        atlas, "mkdir ~/tree; cd ~/tree; for n in $(seq 30); do echo $n >f$n; done; ln f1 hard; ln -s f2 l", sudo=False
    )
    python(atlas, "import os; os.setxattr('/home/sam/tree/f3', 'user.x', b'y'); os.chmod('/home/sam/tree/f4', 0o600)")
    first_sync(atlas, vega)
    assert_equal(atlas, "/home/sam/tree", vega, "/home/sam/tree")
    shell(vega, "cd ~/tree; rm f5; mv f6 moved; echo new >f7; echo more >more", sudo=False)
    sync(vega, atlas)
    assert_equal(atlas, "/home/sam/tree", vega, "/home/sam/tree")
    assert "nothing to do" in sync(atlas, vega).out
