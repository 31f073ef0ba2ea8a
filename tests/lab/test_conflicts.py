"""Edits of the target are conflicts until somebody decided, run after run and in both directions (promise 7)."""

from __future__ import annotations

import pytest

from pclab.driving import command, overrule, shell, sync
from pclab.machine import LabMachine

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("synced", "quiet_after")]

BOTH, THERE, BESIDE = "/home/sam/edited-on-both", "/home/sam/edited-on-vega", "/home/sam/edited-on-atlas"


@pytest.fixture
def edited(atlas: LabMachine, vega: LabMachine) -> None:
    """Both PCs edited one file, vega alone another, atlas alone a third."""
    for path in (BOTH, THERE, BESIDE):
        atlas.write(path, b"1\n")
    sync(atlas, vega, "--conflicts", "source")
    for path in (BOTH, BESIDE):
        atlas.write(path, b"of atlas\n")
    for path in (BOTH, THERE):
        vega.write(path, b"of vega\n")


@pytest.mark.usefixtures("edited")
def test_a_yes_alone_overwrites_no_edit_of_the_target(atlas: LabMachine, vega: LabMachine) -> None:
    """Promise 7, exit 14: each is named with the ways to answer; nothing was changed, the other file neither."""
    ended = sync(atlas, vega, status=14)
    for part in (BOTH, THERE, "--conflicts source to take atlas's", "--conflicts target to leave vega's"):
        assert part in ended.out.splitlines()[-2] + ended.out.splitlines()[-1], ended
    assert [vega.read(path) for path in (BOTH, THERE, BESIDE)] == [b"of vega\n", b"of vega\n", b"1\n"]
    overrule(atlas, vega, BOTH, THERE)
    assert [vega.read(path) for path in (BOTH, THERE, BESIDE)] == [b"of atlas\n", b"1\n", b"of atlas\n"]
    assert "vega is as atlas" in command(atlas, "sync", "vega", "--dry-run", "--plain").out


@pytest.mark.usefixtures("edited")
def test_what_was_left_to_the_target_is_asked_about_again_and_again(atlas: LabMachine, vega: LabMachine) -> None:
    """Promise 7: an edit that was skipped stays an edit; what these runs brought meanwhile becomes none."""
    for turn in (b"2\n", b"3\n", b"4\n"):
        sync(atlas, vega, "--conflicts", "target")
        assert [vega.read(path) for path in (BOTH, THERE)] == [b"of vega\n", b"of vega\n"]
        assert vega.read(BESIDE) == atlas.read(BESIDE)
        ended = sync(atlas, vega, status=14)
        assert BOTH in ended.out
        assert THERE in ended.out
        atlas.write(BESIDE, turn)
        words = sync(atlas, vega, status=14).out.splitlines()[-2]
        assert BESIDE not in words, "what the last run brought is taken for an edit of vega"
    overrule(atlas, vega, BOTH, THERE)
    assert vega.read(BOTH) == b"of atlas\n"


@pytest.mark.usefixtures("edited")
def test_a_conflict_that_was_left_open_is_one_in_the_other_direction_too(atlas: LabMachine, vega: LabMachine) -> None:
    """Promise 7: atlas' edit was not taken to vega; a sync from vega must not take it away in silence."""
    sync(atlas, vega, "--conflicts", "target")
    ended = sync(vega, atlas, status=14)
    assert BOTH in ended.out.splitlines()[-2]
    assert atlas.read(BOTH) == b"of atlas\n"
    assert THERE not in ended.out.splitlines()[-2], "atlas never edited it"
    sync(vega, atlas, "--conflicts", "source")
    assert [atlas.read(path) for path in (BOTH, THERE, BESIDE)] == [b"of vega\n", b"of vega\n", b"of atlas\n"]


@pytest.mark.usefixtures("edited")
def test_a_policy_can_stop_at_the_first_conflict(atlas: LabMachine, vega: LabMachine) -> None:
    """Design §7: --conflicts stop ends with 13 and changes nothing."""
    ended = sync(atlas, vega, "--conflicts", "stop", status=13)
    assert BOTH in ended.out
    assert shell(vega, f"cat {BOTH} {THERE} {BESIDE}") == "of vega\nof vega\n1\n"
    overrule(atlas, vega, BOTH, THERE)
