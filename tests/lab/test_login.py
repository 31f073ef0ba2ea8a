"""Logging in: what stops a run before anything is written, and its remedy; the ways a person may have set up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pclab.driving import Ended, assert_equal, command, shell
from pclab.machine import LabMachine

pytestmark = [pytest.mark.usefixtures("installed", "own_ssh_folder", "quiet_after"), pytest.mark.timeout(120)]

FOLDER = "/home/sam/login"
FIRST = ("--allow", "first-sync", "--allow", "mass-deletion")
CONFIG = "/home/sam/.ssh/config"


@pytest.fixture(scope="module")
def known_to_the_user(installed: None, atlas: LabMachine) -> None:
    """Atlas knows host keys as a person's PC does: in the person's own file."""
    shell(atlas, "cd /etc/ssh && install -o sam -m 600 ssh_known_hosts ~sam/.ssh/known_hosts && rm ssh_known_hosts")


@pytest.fixture
def own_ssh_folder(known_to_the_user: None, atlas: LabMachine) -> Iterator[None]:
    """The user's ssh settings on atlas, put back after the test."""
    shell(atlas, "rm -rf /tmp/ssh-kept; cp -a ~/.ssh /tmp/ssh-kept", sudo=False)
    yield
    shell(atlas, "rm -rf ~/.ssh; mv /tmp/ssh-kept ~/.ssh", sudo=False)


def refused_before_any_write(atlas: LabMachine, vega: LabMachine, host: str = "vega") -> Ended:
    """A sync that cannot log in: exit 12, and nothing in the places we may write to is new on vega."""
    shell(vega, "touch /run/before-the-login; sleep 0.05")
    ended = command(atlas, "sync", host, "--plain", "--yes", *FIRST, status=12)
    places = "/usr/local /home /root /.snapshots $(ls -d /var/lib/pc-switcher /run/pc-switcher 2>/dev/null || true)"
    assert shell(vega, f"find {places} -newercm /run/before-the-login") == ""
    assert "Traceback" not in ended.out + ended.err
    return ended


OTHER_KEY = "rm -f /tmp/other /tmp/other.pub; ssh-keygen -q -t ed25519 -N '' -f /tmp/other; cd ~/.ssh; "


@pytest.mark.parametrize(
    ("prepare", "cause", "remedy"),
    [
        pytest.param(
            OTHER_KEY + 'echo "vega $(cut -d" " -f1-2 /tmp/other.pub)" >known_hosts',
            "vega: its host key is not the one known here",
            "ssh-keygen -R vega",
            id="changed",
        ),
        pytest.param(
            "rm ~/.ssh/known_hosts",
            "vega: its host key is not known here",
            "connect once and compare the key: ssh vega",
            id="unknown",
        ),
        pytest.param(
            r"sed -i -n 's/^vega,/@revoked vega,/p' ~/.ssh/known_hosts",
            "vega: its host key is marked as revoked",
            "@revoked in known_hosts",
            id="revoked",
        ),
        pytest.param(
            OTHER_KEY + "mv /tmp/other id_ed25519; mv /tmp/other.pub id_ed25519.pub",
            "vega: it does not accept our login",
            "ssh-copy-id vega",
            id="key refused",
        ),
        pytest.param(
            "printf 'Host vega\\n  User nobody-there\\n' >~/.ssh/config",
            "vega: it does not accept our login",
            "ssh-copy-id vega",
            id="wrong user",
        ),
        pytest.param(
            "printf 'Host vega\\n  Port 9\\n  HostKeyAlias vega\\n' >~/.ssh/config",
            "vega: nothing answers at its ssh port",
            "sudo systemctl start ssh",
            id="no sshd",
        ),
        pytest.param(
            "printf 'Host vega\\n  BadlySpelled yes\\n' >~/.ssh/config",
            "vega: cannot connect: /home/sam/.ssh/config: terminating, 1 bad configuration options\n",
            "make this work first: ssh vega",
            id="broken ssh settings",
        ),
    ],
)
def test_what_ssh_refuses_stops_the_run_before_any_write(
    atlas: LabMachine, vega: LabMachine, prepare: str, cause: str, remedy: str
) -> None:
    """Faults row 24, exit 12: the cause in our words, and the command that mends it."""
    shell(atlas, prepare, sudo=False)
    ended = refused_before_any_write(atlas, vega)
    assert cause in ended.out
    assert remedy in ended.out


def test_a_user_that_does_not_exist_there_is_refused_before_any_write(atlas: LabMachine, vega: LabMachine) -> None:
    """Faults row 24: wrong user on the command line; the remedy names the same login."""
    ended = refused_before_any_write(atlas, vega, "nobody-there@vega")
    assert "nobody-there@vega: it does not accept our login" in ended.out
    assert "ssh nobody-there@vega" in ended.out


def test_the_remedy_for_a_changed_key_is_one(atlas: LabMachine, vega: LabMachine) -> None:
    """Faults row 24: doing what the message says makes the next run work."""
    shell(atlas, OTHER_KEY + 'echo "vega $(cut -d" " -f1-2 /tmp/other.pub)" >known_hosts', sudo=False)
    assert "ssh-keygen -R vega" in refused_before_any_write(atlas, vega).out
    shell(atlas, "ssh-keygen -R vega; ssh -o StrictHostKeyChecking=accept-new vega true", sudo=False)
    command(atlas, "sync", "vega", "--plain", "--dry-run", status=4)


@pytest.fixture
def other_entrance(vega: LabMachine, atlas: LabMachine) -> Iterator[None]:
    """Another way into vega: sshd at port 2222, a user of another name with a key of its own; atlas' alias for it."""
    key = shell(atlas, OTHER_KEY + "mv /tmp/other travel; cat /tmp/other.pub", sudo=False)
    script = """
        useradd --home-dir /srv/travel --create-home --shell /bin/sh travel
        echo 'travel ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/travel
        install -d -o travel -m 700 /srv/travel/.ssh
        echo "$1" >/srv/travel/.ssh/authorized_keys
        chown travel /srv/travel/.ssh/authorized_keys
        /usr/sbin/sshd -p 2222 -o PidFile=/run/sshd-2222.pid"""
    shell(vega, script, key)
    lines = ("HostName vega", "Port 2222", "User travel", "IdentityFile ~/.ssh/travel", "HostKeyAlias vega")
    config = "Host other-entrance\n" + "".join(f"  {line}\n" for line in (*lines, "IdentitiesOnly yes"))
    atlas.write(CONFIG, config.encode(), 0o600)
    yield
    shell(vega, "kill $(cat /run/sshd-2222.pid); userdel -rf travel 2>/dev/null; rm -f /etc/sudoers.d/travel")


@pytest.mark.usefixtures("other_entrance")
def test_an_alias_with_another_port_user_and_key_is_a_way_like_any_other(atlas: LabMachine, vega: LabMachine) -> None:
    """Issue §3: aliases, ports, identities of ~/.ssh/config; the whole run goes through it, rsync too."""
    shell(atlas, f"mkdir -p {FOLDER}; head -c 300000 /dev/urandom >{FOLDER}/by-alias", sudo=False)
    ended = command(atlas, "sync", "other-entrance", "--plain", "--yes", *FIRST)
    assert "vega is as atlas" in ended.out
    assert_equal(atlas, FOLDER, vega, FOLDER)


def test_a_jump_host_is_a_way_like_any_other(atlas: LabMachine, vega: LabMachine) -> None:
    """Issue §3: ProxyJump, here through atlas' own sshd."""
    shell(atlas, f"mkdir -p {FOLDER}; head -c 300000 /dev/urandom >{FOLDER}/by-jump", sudo=False)
    atlas.write(CONFIG, b"Host vega\n  ProxyJump sam@atlas:9\n", 0o600)
    refused_before_any_write(atlas, vega)
    atlas.write(CONFIG, b"Host vega\n  ProxyJump sam@atlas\n", 0o600)
    ended = command(atlas, "sync", "vega", "--plain", "--yes", *FIRST)
    assert "vega is as atlas" in ended.out
    assert_equal(atlas, FOLDER, vega, FOLDER)
