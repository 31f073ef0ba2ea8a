"""Connecting: which hosts are refused, what ssh's last words mean, what the private directory looks like."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import time
from pathlib import Path

import pytest

from pcswitcher.machine.ssh import connect_error, open_master, rsync_word
from pcswitcher.model.errors import ConnectError, UsageError


@pytest.mark.parametrize(
    "host",
    [
        *("", "-oProxyCommand=touch /tmp/x", "a b", "a\nb", "a\x1b[1m", "\u202ehost", "-", "sam@", "sam@-oX"),
        *("$(id)", "a;id", "a|id", "`id`", "a&", "a'b", 'a"b', "a\\b", "a>b", "(a)", "{a}"),
    ],
)
def test_what_is_no_host_name_never_reaches_ssh(host: str) -> None:
    """Faults row 23."""
    with pytest.raises(UsageError, match="not a host name"):
        asyncio.run(open_master(host))


@pytest.mark.parametrize(
    ("words", "cause", "hint"),
    [
        (
            "@@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @@\nHost key verification failed.",
            "not the one known",
            "ssh-keygen -R vega",
        ),
        ("Host key verification failed.", "not known here", "ssh vega"),
        ("sam@vega: Permission denied (publickey).", "does not accept our login", "ssh-copy-id vega"),
        ("ssh: Could not resolve hostname vega: Name or service not known", "no host of that name", "~/.ssh/config"),
        ("ssh: connect to host vega port 22: Connection refused", "nothing answers", "systemctl start ssh"),
        ("ssh: connect to host vega port 22: Connection timed out", "does not answer", "ping vega"),
        ("ssh: connect to host vega port 22: No route to host", "cannot be reached", "ping vega"),
        ("something new", "something new", "ssh vega"),
        ("", "without a reason", "ssh vega"),
    ],
)
def test_every_cause_has_its_remedy(words: str, cause: str, hint: str) -> None:
    """Faults row 24."""
    error = connect_error("vega", words)
    assert cause in error.message
    assert error.message.startswith("vega: ")
    assert hint in error.hint
    assert error.exit_code == 12


def test_a_failed_connection_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shim = tmp_path / "bin" / "ssh"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\necho 'ssh: connect to host x port 22: Connection refused' >&2\nexit 255\n")
    shim.chmod(0o755)
    runtime = tmp_path / "run"
    runtime.mkdir()
    monkeypatch.setenv("PATH", f"{shim.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime) if len(str(runtime)) < 60 else "")
    with pytest.raises(ConnectError, match="nothing answers"):
        asyncio.run(open_master("vega"))
    assert list(runtime.iterdir()) == []


@pytest.mark.parametrize("manners", ["", "trap '' TERM; "], ids=["polite", "stubborn"])
def test_a_jump_that_hangs_does_not_outlive_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manners: str
) -> None:
    """What ssh starts to reach a host (ProxyJump, ProxyCommand) ends with it, answer or not."""
    script = tmp_path / "ssh"
    mark = f"6{os.getpid():07d}"
    script.write_text(f"#!/bin/sh\n{manners}sleep {mark} &\nexec sleep {mark}\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    async def run() -> None:
        async with asyncio.timeout(1):
            await open_master("vega")

    with pytest.raises(TimeoutError):
        asyncio.run(run())
    deadline = time.monotonic() + 3
    while left := subprocess.run(["pgrep", "-f", f"sleep {mark}"], capture_output=True, check=False).stdout:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def test_the_control_socket_is_in_a_private_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shim = tmp_path / "ssh"
    # It makes what a master makes, and lives until its input ends.
    shim.write_text('#!/bin/sh\nwhile [ "$1" != -S ]; do shift; done\n: > "$2"\ncat\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    async def run() -> Path:
        master = await open_master("vega")
        place = master.socket.parent
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        assert all(" " not in word for word in master.remote_shell("rsync").command)
        await master.close()
        await master.close()
        return place

    assert not asyncio.run(run()).exists()


@pytest.mark.parametrize("folder", ["plain", "two words", "o'clock", 'a "b" c', "tab\there", "''"])
def test_a_program_in_any_folder_is_found_by_rsync(tmp_path: Path, folder: str) -> None:
    """The relay lies where the person put the program; rsync itself is asked how it reads the words."""
    program = tmp_path / folder / "relay"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$0" "$1" >"{tmp_path}/seen"\nexit 3\n')
    program.chmod(0o755)
    shell = " ".join(map(rsync_word, (str(program), "it's one word")))
    subprocess.run(["rsync", f"--rsh={shell}", "host:/x", str(tmp_path)], capture_output=True, timeout=20, check=False)
    assert (tmp_path / "seen").read_text().splitlines() == [str(program), "it's one word"]
