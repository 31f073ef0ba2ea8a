"""Becoming root: which command, asked once, and never a password in what is shown (faults row 25)."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pcswitcher.machine import session
from pcswitcher.machine.session import _local_sudo, _remote_shell
from pcswitcher.machine.ssh import RemoteShell
from pcswitcher.machine.sudo import (
    ALREADY_ROOT,
    WITHOUT_PASSWORD,
    Sudo,
    ask_nobody,
    refused,
    with_password,
    wrong_password,
)
from pcswitcher.model.errors import ConnectError, ExitCode
from pcswitcher.model.secret import Secret

pytestmark = pytest.mark.timeout(60)

FAKE_SUDO = """#!/bin/sh
# A sudo that takes one password: {password}
echo "$*" >>{log}
case "$*" in
  "-n -- "*) {without} ;;
  "-k -S -p  -- "*)
    IFS= read -r line || exit 1
    if [ "$line" != {password} ]; then
      echo "Sorry, try again." >&2
      IFS= read -r line && echo "tried twice" >>{log}
      exit 1
    fi
    shift 5; exec "$@" ;;
esac
exit 9
"""


class Asked:
    """A person who types ``answer``, and how often they were asked."""

    def __init__(self, answer: str | None) -> None:
        self.answer = answer
        self.names: list[str] = []

    async def __call__(self, hostname: str) -> str | None:
        self.names.append(hostname)
        return self.answer


@pytest.fixture
def sudo_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    def make(*, password: str = "sam", without: str = "exit 1") -> Path:
        log = tmp_path / "log"
        program = tmp_path / "sudo"
        program.write_text(FAKE_SUDO.format(password=password, log=log, without=without))
        program.chmod(0o700 | stat.S_IXOTH)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        return log

    return make


def test_commands_become_roots_without_a_prompt_to_parse() -> None:
    assert ALREADY_ROOT.command("id", "-u") == ("id", "-u")
    assert WITHOUT_PASSWORD.command("id") == ("sudo", "-n", "--", "env", "id")
    assert Sudo(Secret("x")).command("id") == ("sudo", "-k", "-S", "-p", "", "--", "env", "id")


def test_a_password_is_never_shown() -> None:
    assert "hunter2" not in repr(Sudo(Secret("hunter2")))


def test_without_anybody_to_ask_the_remedy_is_named() -> None:
    with pytest.raises(ConnectError, match="vega: sudo needs a password") as caught:
        asyncio.run(with_password("vega", ask_nobody))
    assert caught.value.exit_code == ExitCode.CONNECT
    assert "visudo" in caught.value.hint


@pytest.mark.parametrize("password", ["two\nlines", "nu\0ll"])
def test_a_password_that_sudo_would_read_as_another_is_refused_unseen(password: str) -> None:
    with pytest.raises(ConnectError) as caught:
        asyncio.run(with_password("vega", Asked(password)))
    assert "two" not in str(caught.value)
    assert "ll" not in str(caught.value).replace("hold", "")


def test_words_of_a_refusal_end_up_in_the_message() -> None:
    error = refused("vega", "lecture\nsam is not in the sudoers file.\n")
    assert error.message == "vega: our agent could not be started as root: sam is not in the sudoers file."
    assert refused("vega", "").message == "vega: our agent could not be started as root"


def test_nobody_is_asked_when_sudo_needs_no_password(sudo_there: Callable[..., Path]) -> None:
    sudo_there(without='shift 2; exec "$@"')
    asked = Asked("x")
    assert asyncio.run(_local_sudo("atlas", asked)) == WITHOUT_PASSWORD
    assert asked.names == []


def test_a_right_password_is_asked_for_once_and_checked(sudo_there: Callable[..., Path]) -> None:
    log = sudo_there()
    asked = Asked("sam")
    assert asyncio.run(_local_sudo("atlas", asked)) == Sudo(Secret("sam"))
    assert asked.names == ["atlas"]
    assert log.read_text().splitlines() == ["-n -- env true", "-k -S -p  -- env true"]


def test_a_wrong_password_is_tried_once_and_said(sudo_there: Callable[..., Path]) -> None:
    """More tries than the person's would lock the account (pam_faillock(8))."""
    log = sudo_there()
    asked = Asked("hunter2")
    start = time.monotonic()
    with pytest.raises(ConnectError) as caught:
        asyncio.run(_local_sudo("atlas", asked))
    assert time.monotonic() - start < 10  # a sudo that hopes for another try is told at once that there is none
    assert caught.value.message == wrong_password("atlas").message
    assert caught.value.exit_code == ExitCode.CONNECT
    assert "hunter2" not in str(caught.value)
    assert log.read_text().splitlines() == ["-n -- env true", "-k -S -p  -- env true"]
    assert asked.names == ["atlas"]


def test_a_sudo_that_hangs_is_given_up(sudo_there: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    sudo_there(without="exec sleep 600")
    monkeypatch.setattr(session, "SUDO_PATIENCE", 0.3)
    monkeypatch.setattr(session, "END_PATIENCE", 0.3)
    with pytest.raises(ConnectError):
        asyncio.run(asyncio.wait_for(_local_sudo("atlas", ask_nobody), 20))


def test_a_pc_without_sudo_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConnectError, match="sudo is not installed"):
        asyncio.run(_local_sudo("atlas", ask_nobody))


class _NoMaster:
    def remote_shell(self, rsync_path: str) -> RemoteShell:
        return RemoteShell(command=("ssh", "-S", "/tmp/x"), host="pc-switcher", rsync_path=rsync_path)


def test_rsync_gets_the_password_by_the_relay_and_never_as_an_argument() -> None:
    plain = _remote_shell(_NoMaster(), WITHOUT_PASSWORD)  # type: ignore[arg-type]
    assert plain.rsync_path == "sudo -n -- env rsync"
    assert plain.environment == {}
    shell = _remote_shell(_NoMaster(), Sudo(Secret("hunter2")))  # type: ignore[arg-type]
    assert shell.rsync_path == "sudo -k -S -p '' -- env rsync"
    assert shell.command[-3:] == ("ssh", "-S", "/tmp/x")
    assert "relay" in shell.command
    assert "hunter2" not in " ".join((*shell.command, shell.rsync_path))
    assert list(shell.environment.values()) == [Secret("hunter2")]
    assert "hunter2" not in repr(shell)
