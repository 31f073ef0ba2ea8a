"""A whole home, from one PC to the other and back, held together by a compare that shares nothing with us."""

from __future__ import annotations

import json

import pytest

from pclab import compare, product
from pclab.compare import Report
from pclab.demo import EXCLUDED, EXCLUDED_OF_ROOT
from pclab.driving import command, differences, first_sync, shell, sync
from pclab.machine import LabMachine

pytestmark = [pytest.mark.usefixtures("home", "quiet_after"), pytest.mark.timeout(240)]

# Everything the compare looks at must have been met in this home, or the compare proves nothing about it.
_ALL = frozenset(compare.PROPERTIES)


@pytest.fixture(scope="module")
def home(installed: None, atlas: LabMachine, vega: LabMachine) -> None:
    """A home on atlas, synced to vega once."""
    made = work(atlas, "make", "--seed", "7", "--files", "3000", "--image", "64", "--user", "sam")
    assert not made["skipped"], made
    shell(vega, "mkdir -p ~/.cache/thumbnails; echo mine >~/.cache/thumbnails/of-vega", sudo=False)
    vega.write("/home/sam/only on vega/file", b"goes away: a first sync makes vega as atlas is\n")
    first_sync(atlas, vega)


def work(machine: LabMachine, verb: str, *arguments: str) -> dict[str, object]:
    """Make the home there, or do a day of work in it; what was done."""
    done = machine.sudo(product.tool("home", verb, "/home/sam", *arguments), timeout=120)
    told: dict[str, object] = json.loads(done.stdout)
    return told


def assert_one_home(source: LabMachine, target: LabMachine) -> Report:
    """Both trees are equal but for what stays on its machine, and a second plan is empty."""
    report = differences(source, "/home", target, "/home", EXCLUDED)
    assert report.equal, compare.text(report, source.name, target.name)
    of_root = differences(source, "/root", target, "/root", EXCLUDED_OF_ROOT)
    assert of_root.equal, compare.text(of_root, source.name, target.name)
    again = command(source, "sync", target.host, "--dry-run", "--plain")
    assert f"{target.name} is as {source.name}" in again.out
    return report


def test_a_whole_home_travels_and_only_what_is_excluded_differs(atlas: LabMachine, vega: LabMachine) -> None:
    """F1, F2, F3: every path and property equal on vega, excluded paths untouched there, the second plan empty."""
    report = assert_one_home(atlas, vega)
    assert report.paths[0] > 3_000
    assert {name for name, count in report.compared.items() if count} == _ALL
    stayed = set(report.excluded)
    assert {"sam/.ssh/id_rsa_work", "sam/.cache/thumbnails/of-vega", "sam/.config/chromium/SingletonLock"} <= stayed
    assert vega.read("/home/sam/.cache/thumbnails/of-vega") == b"mine\n"
    assert vega.run(["test", "-e", "/home/sam/only on vega"], check=False).returncode == 1
    assert vega.run(["test", "-e", "/home/sam/.cache/pip/http-v2/a/b/body"], check=False).returncode == 0


def test_a_day_of_work_travels_and_nothing_else_is_touched(atlas: LabMachine, vega: LabMachine) -> None:
    """F1: changes, deletions, renames and changes of type follow; files without a change are not rewritten."""
    untouched = "/home/sam/Awkward/names"
    before = shell(vega, f"find {untouched} -printf '%i %C@ %p\\n' | sort")
    work(atlas, "edit", "--seed", "8")
    ended = sync(atlas, vega)
    assert "removed" in ended.out
    assert_one_home(atlas, vega)
    assert shell(vega, f"find {untouched} -printf '%i %C@ %p\\n' | sort") == before


def test_work_on_the_other_machine_comes_back(atlas: LabMachine, vega: LabMachine) -> None:
    """F1, D3: after a day on vega, vega's sync makes atlas equal; both keep what is theirs."""
    work(vega, "edit", "--seed", "9")
    sync(vega, atlas)
    assert_one_home(vega, atlas)
    assert atlas.run(["test", "-e", "/home/sam/.cache/thumbnails/of-vega"], check=False).returncode == 1
    assert atlas.run(["test", "-e", "/home/sam/.ssh/id_rsa_work"], check=False).returncode == 0
