"""Connecting: which hosts are refused, what ssh's last words mean, what the private directory looks like."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from pcswitcher.machine.ssh import connect_error, open_master
from pcswitcher.model.errors import ConnectError, UsageError


@pytest.mark.parametrize("host", ["", "-oProxyCommand=touch /tmp/x", "a b", "a\nb", "a\x1b[1m", "\u202ehost", "-"])
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
