"""The screen and its review at a real terminal between real PCs, by what a person sees and presses."""

from __future__ import annotations

import pytest

from pclab.driving import Terminal, command, manifest, shell, sync
from pclab.machine import LabMachine

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("synced", "quiet_after"), pytest.mark.timeout(240)]

ENTER, ESCAPE, BACKSPACE, INTERRUPT = "\r", "\x1b", "\x7f", "\x03"


def shown_whole(terminal: Terminal, columns: int, rows: int) -> None:
    """Nothing is drawn beyond the terminal, and the whole of it is used: the last key stands in its last line."""
    terminal.expect_shown(r"Accept\Z")
    assert len(terminal.emulator.lines) == rows
    assert terminal.emulator.width <= columns


def after_the_screen(terminal: Terminal) -> str:
    """What stands on the terminal when the screen is gone, its lines joined."""
    assert not terminal.emulator.is_drawn_on
    return " ".join(terminal.shown.split())


def test_the_review_is_gone_through_on_the_screen_and_its_summary_stays(atlas: LabMachine, vega: LabMachine) -> None:
    """U1, U4, U5, promise 2 and 7: removals and conflicts get their own answers, 80 by 24 and a resize are survived."""
    atlas.write("/home/sam/screen/edited-on-both", b"1\n")
    atlas.write("/home/sam/screen/goes", b"1\n")
    sync(atlas, vega)
    atlas.write("/home/sam/screen/edited-on-both", b"of atlas\n")
    atlas.write("/home/sam/screen/comes", b"1\n")
    shell(atlas, "rm ~/screen/goes", sudo=False)
    vega.write("/home/sam/screen/edited-on-both", b"of vega\n")
    with Terminal(atlas, "sync", vega.host, columns=80, rows=24) as terminal:
        terminal.expect_shown("Before y: 1 conflict · 1 removal")
        assert "atlas → vega" in terminal.shown
        shown_whole(terminal, 80, 24)
        terminal.resize(132, 43)
        shown_whole(terminal, 132, 43)
        assert (
            terminal.shown.index("atlas → vega") < terminal.shown.index("Conflicts") < terminal.shown.index("Removals")
        )
        terminal.type("y")
        terminal.expect_shown("First: 1 conflict")
        terminal.expect_shown("vega changed it itself")
        terminal.type("n")
        terminal.expect_shown("Before y: 1 removal")
        terminal.type("y")
        terminal.expect_shown("Remove 1 item on vega")
        assert "/home/sam/screen/goes" in terminal.shown
        assert vega.read("/home/sam/screen/goes") == b"1\n", "removed before the yes"
        terminal.type("r")
        terminal.expect_shown("1 removed")
        assert "1 skipped: vega keeps its own" in terminal.shown
        assert vega.run(["test", "-e", "/home/sam/screen/comes"], check=False).returncode == 1, "made before the yes"
        terminal.type("y")
        assert terminal.end() == 0
        said = after_the_screen(terminal)
    assert "atlas → vega" in said
    assert "done: " in said
    assert vega.read("/home/sam/screen/edited-on-both") == b"of vega\n"
    assert vega.read("/home/sam/screen/comes") == b"1\n"
    assert set(manifest(vega, "/home/sam/screen")) == {".", "comes", "edited-on-both"}
    # It was skipped, not settled: the next run asks again.
    assert "/home/sam/screen/edited-on-both" in sync(atlas, vega, status=14).out
    sync(atlas, vega, "--conflicts", "source")
    assert vega.read("/home/sam/screen/edited-on-both") == b"of atlas\n"


@pytest.mark.parametrize("key", ["q", ESCAPE, INTERRUPT], ids=["q", "Esc", "Ctrl-C"])
def test_a_review_that_is_left_changes_nothing_and_leaves_a_clean_terminal(
    atlas: LabMachine, vega: LabMachine, key: str
) -> None:
    """I1, U4, promise 2, exit 130: no change, no snapshot of that run."""
    atlas.write("/home/sam/left", b"x")
    runs = shell(vega, "ls /.snapshots/pc-switcher")
    with Terminal(atlas, "sync", vega.host) as terminal:
        terminal.expect_shown("before you press y")
        terminal.type(key)
        assert terminal.end() == 130
        assert ("interrupted" if key == INTERRUPT else "declined") in after_the_screen(terminal)
    assert vega.run(["test", "-e", "/home/sam/left"], check=False).returncode == 1
    assert shell(vega, "ls /.snapshots/pc-switcher") == runs


def test_a_gate_is_opened_on_the_screen_by_its_word_alone(atlas: LabMachine, vega: LabMachine) -> None:
    """K3, F6, promise 2: a plan that deletes unusually much wants its word typed, a habitual y is not enough."""
    shell(atlas, "mkdir -p ~/gate; cd ~/gate; seq 1 400 | xargs touch", sudo=False)
    sync(atlas, vega)
    shell(atlas, "rm ~/gate/*", sudo=False)
    with Terminal(atlas, "sync", vega.host) as terminal:
        terminal.expect_shown("the word mass-deletion")
        terminal.type("y")
        terminal.expect_shown("Remove 400 items on vega")
        terminal.type("r")
        terminal.expect_shown("type the word mass-deletion")
        terminal.type("y" + ENTER)
        terminal.expect_shown("Only the word mass-deletion opens this")
        terminal.type(BACKSPACE)
        terminal.expect_shown("│ +│\n.*Only the word")
        terminal.type("mass-deletion" + ENTER)
        terminal.expect_shown("400 removed")
        terminal.type("y")
        assert terminal.end() == 0
    assert shell(vega, "ls ~/gate", sudo=False) == ""


def test_what_is_kept_on_the_screen_is_left_alone_by_later_runs(atlas: LabMachine, vega: LabMachine) -> None:
    """U4: keep lasts: the next run says nothing of it, and why names the mark."""
    vega.write("/home/sam/of-vega-alone", b"mine\n")
    with Terminal(atlas, "sync", vega.host) as terminal:
        terminal.expect_shown("Before y: 1 conflict")
        terminal.type("y")
        terminal.expect_shown("First: 1 conflict")
        terminal.type("ky")  # at once, as over a slow line
        terminal.expect_shown("1 kept: vega keeps its own until pc-switcher unmark")
        terminal.type("y")
        assert terminal.end() == 0
    atlas.write("/home/sam/another", b"x")
    assert "of-vega-alone" not in sync(atlas, vega).out
    assert vega.read("/home/sam/of-vega-alone") == b"mine\n"
    assert "mark" in command(vega, "why", "/home/sam/of-vega-alone").out
