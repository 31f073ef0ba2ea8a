"""What stays on its machine, whatever happens around it (F2, F3)."""

from __future__ import annotations

import pytest

from pclab.driving import command, overrule, shell, sync
from pclab.machine import LabMachine

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("synced", "quiet_after")]

KEPT = {
    ".ssh/authorized_keys": b"the key that lets us in\n",
    ".ssh/id_ed25519": b"the key of this machine\n",
    ".cache/mesa_shader_cache/x": b"compiled for this card",
    ".config/chromium/SingletonLock": b"of this host",
}


def test_keys_caches_and_locks_stay_on_both_machines(atlas: LabMachine, vega: LabMachine) -> None:
    """F3, promise 9, promise 10: a sync never takes away the way in, in neither direction."""
    kept = {path: content for path, content in KEPT.items() if not path.startswith(".ssh")}
    for machine in (atlas, vega):
        for path, content in kept.items():
            machine.write(f"/home/sam/{path}", content + machine.name.encode())
    keys = {machine.name: shell(machine, "cat ~sam/.ssh/*") for machine in (atlas, vega)}
    atlas.write("/home/sam/.cache/pip/wheel", b"travels")
    sync(atlas, vega)
    for machine in (atlas, vega):
        for path, content in kept.items():
            assert machine.read(f"/home/sam/{path}") == content + machine.name.encode()
        assert shell(machine, "cat ~sam/.ssh/*") == keys[machine.name]
    assert vega.read("/home/sam/.cache/pip/wheel") == b"travels"


def test_a_directory_deleted_here_keeps_what_is_excluded_there(atlas: LabMachine, vega: LabMachine) -> None:
    """F2: the directory stays with it alone, and the second plan is empty."""
    atlas.write("/home/sam/profile/data", b"x")
    sync(atlas, vega)
    vega.write("/home/sam/profile/GPUCache/blob", b"of this card")
    shell(atlas, "rm -r ~/profile", sudo=False)
    sync(atlas, vega)
    assert shell(vega, "cd ~/profile; find . -type f", sudo=False).split() == ["./GPUCache/blob"]
    assert "nothing to do" in sync(atlas, vega).out


def test_an_ignore_file_in_a_directory_protects_on_both(atlas: LabMachine, vega: LabMachine) -> None:
    """F3: the source's .pcswitcherignore governs both machines, from its directory down; it travels itself."""
    atlas.write("/home/sam/project/.pcswitcherignore", b"build/\n*.local\n!keep.local\n")
    for machine in (atlas, vega):
        for name in ("build/out", "a.local", "deep/b.local", "keep.local", "source"):
            machine.write(f"/home/sam/project/{name}", machine.name.encode())
    vega.write("/home/sam/project/stray", b"goes")
    overrule(atlas, vega, "/home/sam/project/stray", "/home/sam/project/source")
    found = {
        name: vega.read(f"/home/sam/project/{name}").decode()
        for name in ("build/out", "a.local", "deep/b.local", "keep.local", "source")
    }
    assert found == {
        "build/out": "vega",
        "a.local": "vega",
        "deep/b.local": "vega",
        "keep.local": "atlas",
        "source": "atlas",
    }
    assert vega.run(["test", "-e", "/home/sam/project/stray"], check=False).returncode == 1
    assert "nothing to do" in sync(atlas, vega).out
    words = command(atlas, "why", "/home/sam/project/build/out").out
    assert "never travels" in words
    assert ".pcswitcherignore" in words


def test_a_rule_of_the_user_holds_back_and_a_final_one_cannot_be_undone(atlas: LabMachine, vega: LabMachine) -> None:
    """F3: shipped never-rules outweigh the user's."""
    atlas.write("/home/sam/.config/pc-switcher/rules/home.never", b"/held/\n")
    atlas.write("/home/sam/.config/pc-switcher/rules/home.sync", b".ssh/id_*\n")
    atlas.write("/home/sam/held/x", b"x")
    before = shell(vega, "cat ~sam/.ssh/id_ed25519")
    try:
        sync(atlas, vega)
        assert vega.run(["test", "-e", "/home/sam/held"], check=False).returncode == 1
        assert shell(vega, "cat ~sam/.ssh/id_ed25519") == before
        assert "never travels" in command(atlas, "why", "/home/sam/.ssh/id_ed25519").out
    finally:
        shell(atlas, "rm -r ~/.config/pc-switcher/rules ~/held", sudo=False)
        shell(vega, "rm -rf ~/.config/pc-switcher", sudo=False)


def test_whatever_stands_in_the_way_is_replaced(atlas: LabMachine, vega: LabMachine) -> None:
    """F6: a change of kind, each way; nothing is followed. Vega made all of it itself: each is named first."""
    make = {
        "file": "echo content > {0}",
        "folder": "mkdir -p {0}/sub; echo inside > {0}/sub/x",
        "symlink": "ln -s /etc {0}",
        "fifo": "mkfifo {0}",
    }
    pairs = [(here, there) for here in ("file", "folder", "symlink") for there in make]
    paths = {pair: f"/home/sam/kind-{'-'.join(pair)}" for pair in pairs}
    shell(atlas, "; ".join(make[here].format(paths[here, there]) for here, there in pairs), sudo=False)
    shell(vega, "; ".join(make[there].format(paths[here, there]) for here, there in pairs), sudo=False)
    etc = shell(vega, "ls -la /etc | sha256sum")
    overrule(atlas, vega, *(paths[here, there] for here, there in pairs if here != there))
    for path in paths.values():
        look = f"stat -c %F {path}; cat {path} {path}/sub/x 2>/dev/null || true"
        assert shell(vega, look, sudo=False) == shell(atlas, look, sudo=False)
    assert shell(vega, "ls -la /etc | sha256sum") == etc
