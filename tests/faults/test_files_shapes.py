"""Special files, symlinks, changes of type and holes: each arrives as what it is."""

from __future__ import annotations

import pytest

from pclab.driving import assert_equal, command, manifest, python, shell, sync
from pclab.machine import LabMachine

pytestmark = [pytest.mark.usefixtures("synced", "quiet_after"), pytest.mark.timeout(120)]

MEBIBYTE = 1 << 20


def assert_nothing_left(source: LabMachine, target: LabMachine) -> None:
    """A second plan is empty."""
    assert "is as" in command(source, "sync", target.host, "--dry-run", "--plain").out


def test_special_files_and_symlinks_are_copied_as_what_they_are(atlas: LabMachine, vega: LabMachine) -> None:
    """F1; faults row 17: fifo, devices, dangling, looping and absolute symlinks; nothing is followed or waited for."""
    shell(
        atlas,
        """
        mkdir -p /home/sam/special; cd /home/sam/special
        mkfifo pipe; mknod null c 1 3; mknod whiteout c 0 0; mknod disk b 7 200
        ln -s no/such dangling; ln -s itself itself; ln -s two one; ln -s one two
        ln -s / root; ln -s .. parent; ln -s /etc settings; ln -s /dev/zero zero; ln -s pipe 'to pipe'
        python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
        chown -h sam: *""",
    )
    before = manifest(vega, "/etc")
    ended = sync(atlas, vega)
    report = assert_equal(atlas, "/home/sam/special", vega, "/home/sam/special", ["socket"])
    assert report.excluded == ("socket",)
    types = {item.type for item in manifest(vega, "/home/sam/special").values()}
    assert {"fifo", "character device", "block device", "symlink"} <= types
    # What lies behind the symlinks was not counted in: the folder, its 13 entries, and the home's own time.
    assert "14 new" in ended.out, ended
    shell(
        atlas,
        """
        cd /home/sam/special; rm null disk root pipe; mknod null c 1 5; mknod disk b 7 201; mknod root p; ln -s / pipe
        ln -sfn /usr settings; chmod 600 whiteout""",
    )
    sync(atlas, vega)
    assert_equal(atlas, "/home/sam/special", vega, "/home/sam/special", ["socket"])
    assert manifest(vega, "/etc") == before
    assert_nothing_left(atlas, vega)


def test_every_change_of_type_follows_and_no_symlink_is_followed(atlas: LabMachine, vega: LabMachine) -> None:
    """F1, F6; faults rows 17 and 20: file, full directory and symlink to a directory, each into each other."""
    make = {
        "file": "echo text >$1",
        "directory": "mkdir -p $1/inside/more; echo text >$1/inside/file; ln -s / $1/root",
        "symlink": "ln -s ../outside $1",
    }
    pairs = [(old, new) for old in make for new in make if old != new]
    build = ["mkdir -p ~/retype/outside/inside ~/retype/names; cd ~/retype/names", "echo keep >../outside/inside/file"]
    build += [make[old].replace("$1", f"{old}-to-{new}") for old, new in pairs]
    shell(atlas, "\n".join(build), sudo=False)
    sync(atlas, vega)
    assert_equal(atlas, "/home/sam/retype", vega, "/home/sam/retype")
    change = ["cd ~/retype/names; rm -r *", *(make[new].replace("$1", f"{old}-to-{new}") for old, new in pairs)]
    shell(atlas, "\n".join(change), sudo=False)
    sync(atlas, vega)
    assert_equal(atlas, "/home/sam/retype", vega, "/home/sam/retype")
    assert vega.read("/home/sam/retype/outside/inside/file") == b"keep\n"
    assert_nothing_left(atlas, vega)


def test_holes_stay_holes_when_a_file_comes_and_when_it_changes(atlas: LabMachine, vega: LabMachine) -> None:
    """F1; faults row 14 (small): a sparse file takes no more room on vega than on atlas, after a change neither."""
    program = """
import os, sys
os.makedirs("/home/sam/holes", exist_ok=True)
with open("/home/sam/holes/sparse", "r+b" if os.path.exists("/home/sam/holes/sparse") else "wb") as file:
    file.truncate(300 << 20)
    for place in map(int, sys.argv[1:]):
        file.seek(place << 20)
        file.write(os.urandom(70_000))
"""
    for places in (("0", "100", "299"), ("37", "100")):
        python(atlas, program, *places)
        sync(atlas, vega)
        report = assert_equal(atlas, "/home/sam/holes", vega, "/home/sam/holes")
        assert report.compared["holes"] == 1
        there = manifest(vega, "/home/sam/holes")["sparse"]
        assert there.size == 300 * MEBIBYTE
        assert there.room < 2 * MEBIBYTE
