"""Faults rows 26, 28 and 29: the wrong machine, an empty home, two runs at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pclab import product
from pclab.driving import Terminal, command, first_sync, shell, sync
from pclab.machine import LabMachine

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("synced", "quiet_after")]


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "mirror", "atlas"])
def test_a_target_that_is_the_source_is_refused(atlas: LabMachine, vega: LabMachine, name: str) -> None:
    """Faults row 26: by whatever name this PC is called."""
    shell(
        atlas,
        "mkdir -p ~/.ssh; cat /etc/ssh/ssh_host_ed25519_key.pub | sed 's/^/localhost,127.0.0.1,mirror,atlas /'"
        ' > ~/.ssh/known_hosts; printf "Host mirror\\n HostName 127.0.0.1\\n HostKeyAlias mirror\\n" > ~/.ssh/config;'
        " cat ~/.ssh/id_ed25519.pub >> ~/.ssh/authorized_keys",
        sudo=False,
    )
    ended = command(atlas, "sync", name, "--plain", "--yes", status=13)
    assert f"{name} is this PC (atlas)" in ended.out
    assert command(atlas, "history").out.count("\n") == command(vega, "history").out.count("\n")


def test_a_copy_of_this_pc_that_kept_its_identity_is_refused(atlas: LabMachine, vega: LabMachine) -> None:
    """Faults row 26: a cloned machine id."""
    own = vega.read("/etc/machine-id")
    vega.write("/etc/machine-id", atlas.read("/etc/machine-id"), sudo=True)
    try:
        ended = sync(atlas, vega, status=13)
        assert "the same /etc/machine-id" in ended.out
        assert "systemd-machine-id-setup" in ended.out
    finally:
        vega.write("/etc/machine-id", own, sudo=True)


@pytest.fixture
def root_key(atlas: LabMachine) -> Iterator[None]:
    """Root of atlas can log in to vega as sam: without its home the account has no key."""
    shell(
        atlas,
        "mkdir -p -m 700 /root/.ssh; cp ~sam/.ssh/id_ed25519 /root/.ssh/;"
        ' printf "Host vega\n User sam\n" > /root/.ssh/config',
    )
    yield
    shell(atlas, "rm -r /root/.ssh")


def sync_as_root(atlas: LabMachine, vega: LabMachine) -> str:
    """A sync by root with everything allowed; what it printed, with its status at the end."""
    options = "--plain --yes --allow mass-deletion --allow first-sync"
    return shell(atlas, f"pc-switcher sync {vega.host} {options} || echo status=$?")


@pytest.mark.usefixtures("root_key")
def test_an_unmounted_home_halts_the_run(atlas: LabMachine, vega: LabMachine) -> None:
    """F6, faults row 28: /home of the source is not mounted; nothing is deleted on the target."""
    vega.write("/home/sam/precious", b"x")
    shell(atlas, "umount --lazy /home")
    try:
        out = sync_as_root(atlas, vega)
    finally:
        shell(atlas, "mount /home")
    assert "status=13" in out
    assert "/home is not mounted" in out
    assert "sudo mount /home" in out
    assert vega.read("/home/sam/precious") == b"x"
    vega.run(["rm", "/home/sam/precious"])


@pytest.mark.usefixtures("root_key")
def test_an_empty_home_halts_the_run_whatever_is_allowed(atlas: LabMachine, vega: LabMachine) -> None:
    """F6, faults row 28: the source's tree is empty, the target's is not."""
    vega.write("/home/sam/precious", b"x")
    shell(atlas, "mkdir /tmp/away; mv /home/* /tmp/away")
    try:
        out = sync_as_root(atlas, vega)
    finally:
        shell(atlas, "mv /tmp/away/* /home")
    assert "status=13" in out
    assert "/home is empty" in out
    assert vega.read("/home/sam/precious") == b"x"
    vega.run(["rm", "/home/sam/precious"])


def busy(ended_out: str, *parts: str) -> None:
    for part in (*parts, "started by sam", "process", "kill"):
        assert part in ended_out, ended_out
    assert "WARNING" not in ended_out, ended_out  # there was nothing to clean up


@pytest.mark.lab_only
def test_a_machine_takes_part_in_one_run_at_a_time(
    atlas: LabMachine, vega: LabMachine, lyra: LabMachine, bundle: Path
) -> None:
    """K1, faults row 29: while atlas → vega runs, every other run of the two is refused, in either role."""
    lyra.reset()  # a module begins with fresh PCs, but for the third
    for machine in (vega, lyra):
        product.install(machine, bundle)
    sync(atlas, vega)
    atlas.write("/home/sam/waiting", b"x")
    with Terminal(atlas, "sync", vega.host, "--plain") as terminal:
        terminal.expect_review()  # both locks are held from here on
        busy(sync(atlas, vega, status=11).out, "atlas is the source of another run: atlas → vega", "on atlas")
        busy(sync(atlas, lyra, status=11).out, "atlas is the source of another run: atlas → vega")
        busy(sync(vega, lyra, status=11).out, "vega is the target of another run: atlas → vega")
        busy(sync(lyra, vega, status=11).out, "vega is the target of another run: atlas → vega")
        busy(sync(vega, atlas, status=11).out, "another run: atlas → vega")
        terminal.type("y\n")
        assert terminal.end() == 0
    first_sync(atlas, lyra)


def test_a_dead_holder_never_blocks(atlas: LabMachine, vega: LabMachine) -> None:
    """K2: kill -9 of the program while it holds both locks; the next run starts."""
    atlas.write("/home/sam/held", b"x")
    with Terminal(atlas, "sync", vega.host, "--plain") as terminal:
        terminal.expect_review()
        (ours,) = atlas.processes(r"^\S*python3? \S*pc-switcher sync ")
        atlas.run(["kill", "-KILL", str(ours.pid)])
    for _ in range(20):
        ended = sync(atlas, vega, status=None)
        if ended.status != 11:
            break
    assert ended.status == 0, str(ended)
    assert vega.read("/home/sam/held") == b"x"
