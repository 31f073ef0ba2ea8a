"""What a run says when it cannot, or must not, make the machines equal."""

from __future__ import annotations

import pytest

from pclab.driving import command, overrule, shell, sync
from pclab.machine import LabMachine

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("synced", "quiet_after")]


def test_what_cannot_be_made_equal_is_never_called_equal(atlas: LabMachine, vega: LabMachine) -> None:
    """Exit 3: a directory that holds excluded files there stands where a file is here; dry or not, alone or not."""
    vega.write("/home/sam/odd/GPUCache/blob", b"of this card")
    atlas.write("/home/sam/odd", b"a file here")
    for options in ((), ("--dry-run",), ()):
        ended = sync(atlas, vega, *options, status=3)
        assert "/home/sam/odd" in ended.out
    assert command(vega, "history").out.splitlines()[-1].split()[5] == "partial"
    shell(vega, "rm -r ~/odd", sudo=False)
    sync(atlas, vega)  # nothing of that name was ever agreed, so that vega has none is nobody's edit
    assert vega.read("/home/sam/odd") == b"a file here"


def test_a_dry_run_halts_where_the_run_would(atlas: LabMachine, vega: LabMachine) -> None:
    """F6: an empty home is no plan of many removals."""
    shell(atlas, "mkdir -m 700 /root/away; cp -a ~sam/.ssh /root/; printf 'Host *\\n User sam\\n' > /root/.ssh/config")
    shell(atlas, "mv /home/* /root/away; chown -R root: /root/.ssh")
    try:
        out = shell(atlas, f"pc-switcher sync {vega.host} --plain --dry-run || echo status=$?")
    finally:
        shell(atlas, "mv /root/away/* /home; rm -r /root/away /root/.ssh")
    assert "status=13" in out
    assert "/home is empty" in out


def test_a_broken_ignore_file_on_the_target_does_not_stop_the_run_that_mends_it(
    atlas: LabMachine, vega: LabMachine
) -> None:
    """F3: the source's files govern; a broken one there names file and machine."""
    atlas.write("/home/sam/repo/.pcswitcherignore", b"build/\n")
    vega.write("/home/sam/repo/.pcswitcherignore", b"build/\r\n")
    overrule(atlas, vega, "/home/sam/repo/.pcswitcherignore")
    assert vega.read("/home/sam/repo/.pcswitcherignore") == b"build/\n"
    atlas.write("/home/sam/repo/.pcswitcherignore", b"build/\r\n")
    try:
        ended = sync(atlas, vega, status=10)
        assert "atlas: " in ended.out
        assert "/repo/.pcswitcherignore, line 1" in ended.out
    finally:
        atlas.write("/home/sam/repo/.pcswitcherignore", b"build/\n")


def test_a_tree_that_others_can_write_to_is_refused(atlas: LabMachine, vega: LabMachine) -> None:
    """Faults row 18: whoever owns the tree's root could put something in the place of what we prepare in it."""
    atlas.write(
        "/home/sam/.config/pc-switcher/config.toml", b'[jobs.files]\ntrees = [{path = "/home/kim", homes = "home"}]\n'
    )
    shell(atlas, "touch ~kim/new; chown kim: ~kim/new")
    try:
        ended = sync(atlas, vega, status=13)
        assert "/home/kim belongs to" in ended.out
    finally:
        shell(atlas, "rm -r ~/.config/pc-switcher", sudo=False)
    assert vega.sudo(["test", "-e", "/home/kim/new"], check=False).returncode == 1
