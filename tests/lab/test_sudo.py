"""A sudo that wants a password: asked once per machine, fed to all that needs it, and never to be seen anywhere."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from pclab.driving import Terminal, assert_equal, assert_quiet, command, shell
from pclab.machine import LabMachine

pytestmark = [pytest.mark.usefixtures("synced", "passwords_again", "quiet_after"), pytest.mark.timeout(180)]

PASSWORD = "Sesam öffne dich 7391"
SEARCHED = "'Sesam öffne dich 739'1"
"""The password for a shell, so that what searches for it is not found itself."""
FOLDER = "/home/sam/with-password"
RULE = "/etc/sudoers.d/sam"
WITH_PASSWORD = "sam ALL=(ALL:ALL) ALL"
WITHOUT_PASSWORD = "sam ALL=(ALL:ALL) NOPASSWD: ALL"

Wanting = Callable[..., None]


def as_root(machine: LabMachine, script: str) -> str:
    """Run a shell script there as root, by the password."""
    line = f"sudo -k -S -p '' -- sh -euc {shlex.quote(script)}"
    return machine.run(["sh", "-c", line], input=f"{PASSWORD}\n".encode()).stdout.decode(errors="surrogateescape")


@pytest.fixture
def passwords_again(atlas: LabMachine, vega: LabMachine) -> Iterator[None]:
    """Passwords are known; after the test sudo needs none again."""
    for machine in (atlas, vega):
        machine.sudo(["chpasswd"], input=f"sam:{PASSWORD}\n".encode())
    yield
    for machine in (atlas, vega):
        if machine.run(["sudo", "-n", "true"], check=False).returncode != 0:
            as_root(machine, f"echo '{WITHOUT_PASSWORD}' >{RULE}")


def want_passwords(*machines: LabMachine) -> None:
    """From now on sudo asks there, each time."""
    for machine in machines:
        shell(machine, f"echo '{WITH_PASSWORD}' >{RULE}")
        assert machine.run(["sudo", "-n", "true"], check=False).returncode == 1


def watch(machine: LabMachine) -> subprocess.Popen[bytes]:
    """Write down all command lines there, some thirty times a second, until /tmp/watched-enough exists."""
    script = """
        rm -f /tmp/watched-enough
        while [ ! -e /tmp/watched-enough ]; do ps -ww -ef; sleep 0.03; done >/tmp/watched"""
    return machine.popen(["sh", "-c", script])


def watched(machine: LabMachine, watching: subprocess.Popen[bytes]) -> str:
    """What was seen until now."""
    machine.run(["touch", "/tmp/watched-enough"])
    watching.communicate(timeout=10)
    return machine.read("/tmp/watched").decode(errors="replace")


def change(atlas: LabMachine, size: int) -> None:
    shell(atlas, f"mkdir -p {FOLDER}; head -c {size} /dev/urandom >{FOLDER}/new", sudo=False)


def answer(terminal: Terminal, name: str, password: str = PASSWORD) -> None:
    """Type a password when, and where, it is asked for."""
    terminal.expect_shown(f"sudo password for sam on {name}")
    terminal.type(f"{password}\r")


def shown_words(terminal: Terminal) -> str:
    """What stands on the terminal, its lines joined."""
    return " ".join(terminal.shown.split())


@pytest.mark.parametrize("face", ["screen", "--plain"])
def test_each_machine_is_asked_once_and_the_whole_run_works(atlas: LabMachine, vega: LabMachine, face: str) -> None:
    """Issue §3, faults row 25: agents and rsync's relay become root by it; no process list, log or screen shows it."""
    change(atlas, 6_000_000)
    vega.limit_bandwidth(20)
    want_passwords(atlas, vega)
    watching = [(machine, watch(machine)) for machine in (atlas, vega)]
    with Terminal(atlas, "sync", "vega", "--yes", *([face] if face == "--plain" else [])) as terminal:
        for name in ("atlas", "vega"):
            answer(terminal, name)
        assert terminal.end() == 0, terminal.text  # a third question would wait for ever
        assert PASSWORD not in terminal.text
        assert PASSWORD[:5] not in terminal.text
        if face == "--plain":
            assert terminal.text.count("sudo password for") == 2
    vega.limit_bandwidth(10_000)
    for machine, process in watching:
        seen = watched(machine, process)
        assert "rsync" in seen, "too few samples to tell anything"
        assert "agent" in seen
        assert PASSWORD not in seen
        places = "/home /root /var/log /var/lib/pc-switcher /run/pc-switcher /usr/local/lib/pc-switcher /tmp"
        assert as_root(machine, f"grep -rlF {SEARCHED} {places} 2>/dev/null || true") == ""
        assert as_root(machine, f"journalctl -q --since=-5min | grep -F {SEARCHED} || true") == ""
    assert_equal_by_user(atlas, vega)


def assert_equal_by_user(atlas: LabMachine, vega: LabMachine) -> None:
    """The folder that travelled is the same; told without root, which tests do not have here."""
    line = ["sh", "-c", f"cd {FOLDER} && find . -printf '%p %y %m %u %g %s %T@\\n' | sort && sha256sum new"]
    assert vega.run(line).stdout == atlas.run(line).stdout


@pytest.mark.parametrize("how", ["Ctrl-C", "the window is closed"])
def test_a_run_with_passwords_that_is_stopped_leaves_nothing(atlas: LabMachine, vega: LabMachine, how: str) -> None:
    """I1, I3, faults rows 25, 39: stopped while the relay carries; on neither machine anything of ours runs on."""
    change(atlas, 30_000_000)
    vega.limit_bandwidth(10)
    want_passwords(atlas, vega)
    try:
        with Terminal(atlas, "sync", "vega", "--yes") as terminal:
            for name in ("atlas", "vega"):
                answer(terminal, name)
            terminal.expect_shown("files on vega")
            if how == "Ctrl-C":
                terminal.type("\x03")
                assert terminal.end() == 130
        assert_quiet(atlas, vega, within=20)
    finally:
        vega.limit_bandwidth(10_000)


def test_only_the_machine_that_needs_a_password_is_asked(atlas: LabMachine, vega: LabMachine) -> None:
    """Faults row 25: sudo is free here and wants a password there; afterwards all is equal."""
    change(atlas, 100_000)
    want_passwords(vega)
    with Terminal(atlas, "sync", "vega", "--yes", "--plain") as terminal:
        answer(terminal, "vega")
        assert terminal.end() == 0, terminal.text
        assert terminal.text.count("sudo password for") == 1
    as_root(vega, f"echo '{WITHOUT_PASSWORD}' >{RULE}")
    assert_equal(atlas, FOLDER, vega, FOLDER)


@pytest.mark.parametrize(("wanting", "options"), [("atlas", ["--plain"]), ("vega", [])])
def test_a_wrong_password_ends_the_run_before_anything_is_written(
    atlas: LabMachine, vega: LabMachine, wanting: str, options: list[str]
) -> None:
    """Faults row 25, exit 12: said which machine does not take it; not asked again, so no account is locked."""
    change(atlas, 1000)
    before = vega.run(["ls", "-la", "--time-style=full-iso", "/home/sam"]).stdout
    want_passwords(atlas if wanting == "atlas" else vega)
    with Terminal(atlas, "sync", "vega", "--yes", *options) as terminal:
        answer(terminal, wanting, "not the one")
        assert terminal.end() == 12, terminal.text
        assert f"{wanting}: sudo does not take this password" in shown_words(terminal)
        assert "sudo -v" in terminal.shown
        assert "not the one" not in terminal.text
        if options:
            assert terminal.text.count("sudo password for") == 1
    assert vega.run(["ls", "-la", "--time-style=full-iso", "/home/sam"]).stdout == before


@pytest.mark.parametrize("wanting", ["atlas", "vega"])
@pytest.mark.parametrize("face", ["--plain", "--json"])
def test_without_a_terminal_a_password_that_is_needed_ends_the_run(
    atlas: LabMachine, vega: LabMachine, wanting: str, face: str
) -> None:
    """Faults row 25, exit 12: nobody can be asked, and the message says what to do instead."""
    want_passwords(atlas if wanting == "atlas" else vega)
    ended = command(atlas, "sync", "vega", face, "--yes", status=12)
    assert f"{wanting}: sudo needs a password and nobody is here to type it" in ended.out
    assert "visudo -f /etc/sudoers.d/pc-switcher" in ended.out


def test_an_account_that_may_not_become_root_is_told_so(atlas: LabMachine, vega: LabMachine) -> None:
    """Faults row 25, exit 12: the password is right, but sudo refuses the account."""
    script = f"(sleep 12; echo '{WITHOUT_PASSWORD}' >{RULE}) >/dev/null 2>&1 & gpasswd -d sam sudo || true; rm {RULE}"
    shell(vega, script)
    with Terminal(atlas, "sync", "vega", "--yes") as terminal:
        answer(terminal, "vega")
        assert terminal.end() == 12, terminal.text
        assert "does not let this account become root" in shown_words(terminal)
    deadline = time.monotonic() + 20
    while vega.run(["sudo", "-n", "true"], check=False).returncode != 0:
        assert time.monotonic() < deadline
        time.sleep(0.5)
