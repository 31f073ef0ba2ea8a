"""Faults row 29: runs that meet on a machine, in every order in which their locks can be taken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pclab import product
from pclab.driving import Ended, assert_quiet, first_sync, sync
from pclab.machine import LabMachine
from pclab.stepping import Edge, Point, SteppedRun, carry_stepper

GATES = ("--allow", "stale-source", "--allow", "diverged-target", "--conflicts", "source")
"""Work goes round between the three in these tests; whose is newer is not their matter."""
pytestmark = [pytest.mark.lab_only, pytest.mark.timeout(240), pytest.mark.usefixtures("three")]


@pytest.fixture(scope="module")
def three(synced: None, bundle: Path, atlas: LabMachine, vega: LabMachine, lyra: LabMachine) -> None:
    """Atlas → vega → lyra were synced once; each can run the program, and be stepped."""
    for machine in (vega, lyra):
        product.install(machine, bundle)
    product.carry_tools(lyra)
    first_sync(vega, lyra)
    for machine in (atlas, vega, lyra):
        carry_stepper(machine)


@pytest.fixture(autouse=True)
def quiet(atlas: LabMachine, vega: LabMachine, lyra: LabMachine) -> Iterator[None]:
    """After the test nothing of ours runs on any PC."""
    yield
    assert_quiet(atlas, vega, lyra)


def stepped(source: LabMachine, target: LabMachine, locked: LabMachine, edge: Edge) -> SteppedRun:
    """A run that stands still before or after it locks one of its machines."""
    point = Point("lock", locked.name, "acquire_lock")
    return SteppedRun(source, "sync", target.host, "--plain", "--yes", *GATES, points=[point], edge=edge)


def refused(ended: Ended, machine: LabMachine, role: str, source: LabMachine, target: LabMachine) -> None:
    """The run was refused for ``machine``, by a message that tells everything about the run that has it (K1)."""
    assert ended.status == 11, ended
    words = (
        rf"{machine.name} is the {role} of another run: {source.name} → {target.name}( \(run \d+\))?, started by sam "
        rf"on {source.name} at 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC \(process (\d+)\)"
    )
    found = re.search(words, ended.out)
    assert found, ended
    assert f"kill {found[2]}" in ended.out
    assert f"sync {target.host}" in source.run(["ps", "-o", "args=", "-p", found[2]]).stdout.decode(), "not its process"


def finish(run: SteppedRun) -> None:
    """Let the run that has its machines go on to its good end: the one that was refused took nothing from it."""
    run.go_on()
    ended = run.end()
    assert ended.status == 0, ended


def test_the_same_run_twice_at_once(atlas: LabMachine, vega: LabMachine) -> None:
    """K1, faults row 29, A→B twice: whichever has the first lock gets both."""
    with stepped(atlas, vega, vega, Edge.BEFORE) as first:
        assert first.stands()
        refused(sync(atlas, vega, *GATES, status=11), atlas, "source", atlas, vega)
        finish(first)


def test_a_target_that_is_the_source_of_another_run(atlas: LabMachine, vega: LabMachine, lyra: LabMachine) -> None:
    """K1, faults row 29, A→B while B→C: refused, and its own machine is free again."""
    with stepped(vega, lyra, lyra, Edge.AFTER) as first:
        assert first.stands()
        refused(sync(atlas, vega, *GATES, status=11), vega, "source", vega, lyra)
        finish(first)
    sync(atlas, vega, *GATES)


def test_a_source_that_is_the_target_of_another_run(atlas: LabMachine, vega: LabMachine, lyra: LabMachine) -> None:
    """K1, faults row 29, B→C while A→B."""
    with stepped(atlas, vega, vega, Edge.AFTER) as first:
        assert first.stands()
        refused(sync(vega, lyra, *GATES, status=11), vega, "target", atlas, vega)
        finish(first)


@pytest.mark.parametrize("edge", [Edge.BEFORE, Edge.AFTER])
def test_two_that_go_for_each_other(atlas: LabMachine, vega: LabMachine, edge: Edge) -> None:
    """K1, faults row 29, A→B while B→A: never a deadlock, whether the first has one lock or both."""
    with stepped(atlas, vega, vega, edge) as first:
        assert first.stands()
        ended = sync(vega, atlas, *GATES, status=11)
        if edge is Edge.BEFORE:  # vega was still free: it is the other lock that is missing
            refused(ended, atlas, "source", atlas, vega)
        else:
            refused(ended, vega, "target", atlas, vega)
        finish(first)


def test_both_may_be_refused_and_then_both_are_free(atlas: LabMachine, vega: LabMachine) -> None:
    """K1, K2, faults row 29: each has its own machine and wants the other's; nothing waits, nothing stays held."""
    with stepped(atlas, vega, vega, Edge.BEFORE) as one, stepped(vega, atlas, atlas, Edge.BEFORE) as other:
        assert one.stands()
        assert other.stands()
        one.go_on()
        refused(one.end(), vega, "source", vega, atlas)
        other.go_on()
        assert other.end().status == 0, "the other has it once the first has let go"
