"""Interrupts at chosen moments of a run (I1 to I4). Those at a person's terminal: faults/test_row_39_terminal.py."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

import pytest

from pclab.driving import Ended, assert_quiet, shell, sync
from pclab.machine import LabMachine
from pclab.stepping import Point, SteppedRun, carry_stepper

pytestmark = [pytest.mark.usefixtures("stepper"), pytest.mark.timeout(240), pytest.mark.lab_only]

NUMBERS = itertools.count(1)
CAPTURE = Point("capture", "vega", "scan_tree")
FIRST_CLEANING = Point("capture", "vega", "delete_snapshots")
"""What is asked first once a run that has changed nothing is to end."""


@pytest.fixture(scope="module")
def stepper(synced: None, atlas: LabMachine) -> None:
    """A run on atlas can be made to stand still."""
    carry_stepper(atlas)


@pytest.fixture(autouse=True)
def item(atlas: LabMachine, vega: LabMachine) -> Iterator[str]:
    """A new file on atlas; after the test vega is on the network, both are quiet and free, and the next sync works."""
    item = f"/home/sam/interrupted-{next(NUMBERS)}"
    atlas.write(item, b"new")
    yield item
    vega.join()
    assert_quiet(atlas, vega, within=20)
    for machine in (atlas, vega):
        shell(machine, "[ ! -e /run/pc-switcher/lock ] || flock --nonblock /run/pc-switcher/lock true")
    sync(atlas, vega)
    assert vega.read(item) == b"new"


def interrupt(atlas: LabMachine, point: Point, name: str = "INT") -> Ended:
    """Interrupt a run that stands at a point, and wait for its end."""
    with SteppedRun(atlas, "sync", "vega", "--plain", "--yes", points=[point]) as run:
        assert run.stands(), run.end()
        run.signal(name)
        run.go_on()
        return run.end()


def snapshots(machine: LabMachine) -> set[str]:
    return set(shell(machine, "ls -1 /.snapshots/pc-switcher").split())


def last_record(machine: LabMachine) -> dict[str, object]:
    record: dict[str, object] = json.loads(shell(machine, "cat $(ls /var/lib/pc-switcher/runs/*/run.json | tail -n 1)"))
    return record


@pytest.mark.parametrize(
    ("point", "name"),
    [
        (Point("lock", "vega", "write_record"), "INT"),
        (Point("check", "vega", "read_layout"), "TERM"),
        (Point("snapshot", "atlas", "create_snapshots"), "INT"),
        (CAPTURE, "HUP"),
        (Point("after review", "vega", "write_state"), "INT"),
    ],
    ids=str,
)
def test_between_and_before_the_jobs_the_rest_never_starts(
    atlas: LabMachine, vega: LabMachine, item: str, point: Point, name: str
) -> None:
    """I1, I3: WARNING, 130; no snapshot of the run stays, vega is as before, both PCs tell of it."""
    kept = snapshots(atlas), snapshots(vega)
    ended = interrupt(atlas, point, name)
    assert ended.status == 130, ended
    assert "WARNING: stopping at the next safe point" in ended.out
    assert "apply …" not in ended.out
    assert vega.run(["test", "-e", item], check=False).returncode == 1
    assert (snapshots(atlas), snapshots(vega)) == kept
    for machine in (atlas, vega):
        record = last_record(machine)
        assert record["outcome"] == "interrupted", record
        assert not record["changed"]


def test_an_error_while_cleaning_up_is_told_and_the_cleaning_goes_on(atlas: LabMachine, vega: LabMachine) -> None:
    """I4: vega goes away just when its snapshots are to be deleted; atlas is left in order, and its record true."""
    kept = snapshots(atlas)
    arguments = ("sync", "vega", "--plain", "--yes")
    with SteppedRun(atlas, *arguments, points=[CAPTURE, FIRST_CLEANING]) as run:
        assert run.stands(), run.end()
        run.signal()
        run.go_on()
        assert run.stands(), run.end()
        vega.cut()
        run.go_on()
        ended = run.end()
    assert ended.status == 130, ended
    assert "Traceback" not in ended.out + ended.err
    assert "cleaning up failed: vega" in ended.out
    assert "the end of the run could not be written down: vega" in ended.out
    assert snapshots(atlas) == kept
    assert last_record(atlas)["outcome"] == "interrupted"
    assert_quiet(atlas)


def test_a_second_one_while_cleaning_up_ends_it_now_and_the_agents_end_by_themselves(
    atlas: LabMachine, vega: LabMachine
) -> None:
    """I2, I3: what is left is settled by the next run, without a question."""
    arguments = ("sync", "vega", "--plain", "--yes")
    with SteppedRun(atlas, *arguments, points=[CAPTURE, FIRST_CLEANING]) as run:
        assert run.stands(), run.end()
        run.signal()
        run.go_on()
        assert run.stands(), run.end()
        run.signal()
        ended = run.end()
    assert ended.status == 130, ended


def test_an_interrupt_after_the_work_is_done_loses_nothing_of_it(
    atlas: LabMachine, vega: LabMachine, item: str
) -> None:
    """I1, promise 6: the changes are made; what tells of them is written to its end before the run ends."""
    point = Point("record", "vega", "write_record")
    ended = interrupt(atlas, point)
    assert ended.status == 0, ended
    assert vega.read(item) == b"new"
    for machine in (atlas, vega):
        assert last_record(machine)["outcome"] == "done", ended
