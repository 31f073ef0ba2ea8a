"""A sync in two halves: planned and kept, applied later, refused when a machine has moved on."""

from __future__ import annotations

import json

import pytest

from pclab.driving import assert_equal, command, shell, sync
from pclab.machine import LabMachine

pytestmark = [pytest.mark.usefixtures("synced", "quiet_after"), pytest.mark.timeout(240)]

PLAN = "/tmp/plan.json"


@pytest.fixture(autouse=True)
def fresh(atlas: LabMachine, vega: LabMachine) -> None:
    """Both are equal, and then atlas makes one file, changes one and removes one."""
    shell(atlas, "mkdir -p work; cd work; echo 1 >changed; echo 2 >gone; rm -f made", sudo=False)
    sync(atlas, vega, "--conflicts", "source")
    shell(atlas, "cd work; echo changed on atlas >changed; rm gone; echo new >made", sudo=False)


def plan(atlas: LabMachine, *options: str) -> dict[str, object]:
    """Make a plan and read it."""
    command(atlas, "plan", "vega", "--output", PLAN, "--plain", *options, status=4)
    found = json.loads(atlas.read(PLAN))
    assert isinstance(found, dict)
    return found


def labels(machine: LabMachine) -> list[str]:
    return shell(machine, "ls -1v /var/lib/pc-switcher/runs /.snapshots/pc-switcher").split()


def test_a_plan_changes_nothing_and_is_applied_as_it_was_kept(atlas: LabMachine, vega: LabMachine) -> None:
    """Promises 2 and 3: as data, for its owner alone."""
    before = {machine.name: labels(machine) for machine in (atlas, vega)}
    found = plan(atlas)
    assert {machine.name: labels(machine) for machine in (atlas, vega)} == before
    assert vega.read("/home/sam/work/changed") == b"1\n"
    section = next(each for each in found["sections"] if each["job"] == "files")
    actions = {change["item"]: change["action"] for change in section["changes"]}
    assert actions["/home/sam/work/changed"] == "change"
    assert actions["/home/sam/work/made"] == "add"
    assert actions["/home/sam/work/gone"] == "remove"
    assert shell(atlas, f"stat -c %a {PLAN}").strip() == "600"

    refused = command(atlas, "apply", PLAN, "--plain", status=14)
    assert "need a yes" in refused.out
    assert vega.read("/home/sam/work/changed") == b"1\n"
    ended = command(atlas, "apply", PLAN, "--plain", "--yes")
    assert "vega is as atlas" in ended.out


@pytest.mark.parametrize("moved", ["atlas", "vega"])
def test_a_plan_is_refused_once_a_machine_moved_on(atlas: LabMachine, vega: LabMachine, moved: str) -> None:
    """Promise 3: it names which machine, and nothing is changed."""
    command(atlas, "plan", "vega", "-o", "/tmp/stale.json", "--plain", status=4)
    machine = {"atlas": atlas, "vega": vega}[moved]
    shell(machine, "echo moved on >work/elsewhere", sudo=False)
    ended = command(atlas, "apply", "/tmp/stale.json", "--plain", status=13)
    assert f"Files on {moved}" in ended.out
    assert "pc-switcher plan vega" in ended.out
    assert vega.read("/home/sam/work/changed") == b"1\n"


def test_decisions_of_a_plan_hold(atlas: LabMachine, vega: LabMachine) -> None:
    """F4, promise 7: what was decided in the file is what is done; the rest is applied."""
    vega.write("/home/sam/work/gone", b"edited on vega\n")
    command(atlas, "plan", "vega", "-o", "/tmp/decided.json", "--plain", status=4)
    found = json.loads(atlas.read("/tmp/decided.json"))
    found["reviewed"] = True
    found["decisions"] = {"files": {"/home/sam/work/gone": "keep", "/home/sam/work/changed": "skip"}}
    atlas.write("/tmp/decided.json", json.dumps(found).encode())
    ended = command(atlas, "apply", "/tmp/decided.json", "--plain")
    assert "left as decided" in ended.out
    assert vega.read("/home/sam/work/gone") == b"edited on vega\n"
    assert vega.read("/home/sam/work/changed") == b"1\n"
    assert vega.read("/home/sam/work/made") == b"new\n"

    # Kept: marked on vega, and left alone from now on. Skipped: asked again, and no conflict.
    dry = command(atlas, "sync", "vega", "--dry-run", "--plain", status=4)
    assert "/home/sam/work/gone" not in dry.out
    assert "1 changed" in dry.out
    assert "conflict" not in dry.out
    assert "/home/sam/work/gone" in shell(vega, "cat /var/lib/pc-switcher/marks.json")
    shell(vega, "rm /home/sam/work/gone; rm /var/lib/pc-switcher/marks.json")
    sync(atlas, vega)
    assert_equal(atlas, "/home/sam/work", vega, "/home/sam/work")


def test_an_open_conflict_of_a_plan_wants_its_answer(atlas: LabMachine, vega: LabMachine) -> None:
    """Exit 14: nobody's silence is a yes."""
    vega.write("/home/sam/work/changed", b"edited on vega\n")
    command(atlas, "plan", "vega", "-o", "/tmp/open.json", "--plain", status=4)
    ended = command(atlas, "apply", "/tmp/open.json", "--plain", "--yes", status=14)
    assert "/home/sam/work/changed" in ended.out
    assert vega.read("/home/sam/work/changed") == b"edited on vega\n"
    command(atlas, "apply", "/tmp/open.json", "--plain", "--yes", "--conflicts", "source")
    assert vega.read("/home/sam/work/changed") == b"changed on atlas\n"


def test_a_plan_is_not_kept_where_it_would_travel_itself(atlas: LabMachine, vega: LabMachine) -> None:
    """Promise 3: writing it must not make it stale. Without a name it goes where nothing travels."""
    refused = command(atlas, "plan", "vega", "-o", "/home/sam/plan.json", "--plain", status=10)
    assert "out of date at once" in refused.err
    ended = command(atlas, "plan", "vega", "--plain", status=4)
    path = ended.err.rpartition("pc-switcher apply ")[2].strip()
    assert path.startswith("~/.local/state/pc-switcher/plans/vega-")
    command(atlas, "apply", path.replace("~", "/home/sam", 1), "--plain", "--yes")
    assert vega.read("/home/sam/work/made") == b"new\n"


def test_what_is_no_plan_is_said(atlas: LabMachine) -> None:
    """Exit 10, with the way to make one."""
    atlas.write("/tmp/none.json", b"{}")
    ended = command(atlas, "apply", "/tmp/none.json", status=10)
    assert "is no plan" in ended.err
    assert "pc-switcher plan HOST" in ended.err
