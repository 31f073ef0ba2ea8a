"""Marks of real PCs: what is machine-specific stays where it is, through any number of syncs."""

from __future__ import annotations

import json
import stat

import pytest

from pclab.driving import command, shell, sync
from pclab.machine import LabMachine

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("synced", "quiet_after"), pytest.mark.timeout(240)]

MARKS = "/var/lib/pc-switcher/marks.json"


def marks(machine: LabMachine) -> list[str]:
    """What is marked there, through the command."""
    return [json.loads(line)["pattern"] for line in command(machine, "mark", "--json").out.splitlines()]


def exists(machine: LabMachine, path: str) -> bool:
    return machine.run(["test", "-e", path], check=False).returncode == 0


def test_what_is_marked_on_the_other_pc_is_not_removed(atlas: LabMachine, vega: LabMachine) -> None:
    """P3, promise 9: a mark covers what is below, is vega's own, and ends with unmark."""
    vega.write("/home/sam/VMs/disk.img", b"only here")
    command(vega, "mark", "/home/sam/VMs", "--reason", "too big")
    for _ in range(2):
        atlas.write("/home/sam/more", b"x")
        sync(atlas, vega)
        assert vega.read("/home/sam/VMs/disk.img") == b"only here"
    assert marks(vega) == ["/home/sam/VMs"]
    assert stat.S_IMODE(int(shell(vega, f"stat -c %f {MARKS}"), 16)) == 0o600
    assert shell(vega, f"stat -c %U {MARKS}").strip() == "root"
    words = command(vega, "why", "/home/sam/VMs/disk.img").out
    assert "by the mark /home/sam/VMs" in words
    assert "too big" in words
    command(vega, "unmark", "/home/sam/VMs")
    sync(atlas, vega, "--conflicts", "source")
    assert not exists(vega, "/home/sam/VMs")


def test_what_is_marked_here_does_not_travel_and_neither_does_the_mark(atlas: LabMachine, vega: LabMachine) -> None:
    """P3: patterns; marks never travel, in either direction."""
    for name in ("a.iso", "b.iso", "c.txt"):
        atlas.write(f"/home/sam/images/{name}", b"x")
    command(atlas, "mark", "/home/*/images/*.iso")
    sync(atlas, vega)
    assert exists(vega, "/home/sam/images/c.txt")
    assert not exists(vega, "/home/sam/images/a.iso")
    assert marks(vega) == []
    atlas.write("/home/sam/images/a.iso", b"changed")
    assert "nothing" in sync(atlas, vega).out
    sync(vega, atlas)
    assert atlas.read("/home/sam/images/a.iso") == b"changed"
    assert marks(atlas) == ["/home/*/images/*.iso"]
    command(atlas, "unmark", "/home/*/images/*.iso")
    sync(atlas, vega)
    assert vega.read("/home/sam/images/a.iso") == b"changed"


def test_a_kept_item_of_a_reviewed_plan_becomes_a_mark_on_the_pc_that_has_it(
    atlas: LabMachine, vega: LabMachine
) -> None:
    """P3, U4: keep means now and later."""
    atlas.write("/home/sam/new on atlas", b"x")
    vega.write("/home/sam/only on vega", b"y")
    command(atlas, "plan", vega.host, "-o", "/tmp/plan.json", "--plain", status=4)
    plan = json.loads(atlas.read("/tmp/plan.json"))
    plan["decisions"] = {"files": {"/home/sam/new on atlas": "keep", "/home/sam/only on vega": "keep"}}
    atlas.write("/tmp/plan.json", json.dumps(plan).encode())
    command(atlas, "apply", "/tmp/plan.json", "--plain", "--yes")
    assert (marks(atlas), marks(vega)) == (["/home/sam/new on atlas"], ["/home/sam/only on vega"])
    sync(atlas, vega)
    assert vega.read("/home/sam/only on vega") == b"y"
    assert not exists(vega, "/home/sam/new on atlas")


def test_a_mark_goes_with_its_item_and_a_pattern_stays(atlas: LabMachine, vega: LabMachine) -> None:
    """Promise 8: dropped on proof that the item is gone."""
    vega.write("/home/sam/here a while", b"x")
    command(vega, "mark", "/home/sam/here a while")
    command(vega, "mark", "/home/*/some day")
    sync(atlas, vega)
    assert "/home/sam/here a while" in marks(vega)
    vega.run(["rm", "/home/sam/here a while"])
    sync(atlas, vega)
    assert "/home/sam/here a while" not in marks(vega)
    assert "/home/*/some day" in marks(vega)


def test_items_of_the_other_pc_are_marked_from_here(atlas: LabMachine, vega: LabMachine) -> None:
    """Over ssh, and without anything installed or left running there."""
    vega.write("/home/sam/from afar", b"x")
    assert "is machine-specific on vega" in command(atlas, "mark", "/home/sam/from afar", "--on", vega.host).out
    assert "/home/sam/from afar" in marks(vega)
    sync(atlas, vega)
    assert vega.read("/home/sam/from afar") == b"x"
    command(atlas, "unmark", "/home/sam/from afar", "--on", vega.host)
    assert "/home/sam/from afar" not in marks(vega)


@pytest.mark.parametrize("content", ["", "{", '{"format": 99}'], ids=["empty", "cut", "newer"])
def test_damaged_marks_stop_the_run_before_anything_is_changed(
    atlas: LabMachine, vega: LabMachine, content: str
) -> None:
    """Promise 8: exit 13, what and where and how to mend; mended, the run goes."""
    shell(vega, f"mkdir -p /var/lib/pc-switcher; [ ! -e {MARKS} ] || mv {MARKS} {MARKS}.good")
    vega.write(MARKS, content.encode(), sudo=True)
    vega.write("/home/sam/precious", b"x")
    atlas.write("/home/sam/waits", content.encode())
    ended = sync(atlas, vega, status=13)
    assert f"vega: {MARKS}" in ended.out
    assert f"sudo mv {MARKS} {MARKS}.old" in ended.out
    assert vega.read("/home/sam/precious") == b"x"
    shell(vega, f"mv {MARKS} {MARKS}.old; [ ! -e {MARKS}.good ] || mv {MARKS}.good {MARKS}")
    sync(atlas, vega, "--conflicts", "source")
    assert vega.read("/home/sam/waits") == content.encode()
