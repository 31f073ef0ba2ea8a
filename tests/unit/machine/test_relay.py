"""The relay: the password's line first, then every byte as rsync writes it, and ssh's own status (row 25)."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcswitcher.machine.relay import PASSWORD_VARIABLE

pytestmark = pytest.mark.timeout(60)


def relay(*command: str, data: bytes = b"", password: str = "pässword") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "pcswitcher.machine.relay", *command],
        input=data,
        capture_output=True,
        env={**os.environ, PASSWORD_VARIABLE: password},
        timeout=30,
        check=False,
    )


@settings(max_examples=5, deadline=None)
@given(st.binary(max_size=300))
def test_the_password_goes_first_and_the_rest_as_it_is(data: bytes) -> None:
    assert relay("cat", data=data).stdout == "pässword\n".encode() + data


def test_megabytes_pass_both_ways() -> None:
    data = os.urandom(5_000_000)
    assert relay("cat", data=data, password="p").stdout == b"p\n" + data


def test_the_status_is_the_commands_own() -> None:
    assert relay("sh", "-c", "cat >/dev/null; exit 23").returncode == 23


def test_a_command_that_ends_early_is_no_failure_of_the_relay() -> None:
    done = relay("sh", "-c", "read -r line; exit 12", data=bytes(3_000_000))
    assert (done.returncode, done.stderr) == (12, b"")


def test_the_command_inherits_no_password_and_no_argument_shows_one() -> None:
    done = relay("sh", "-c", "cat >/dev/null; env; cat /proc/$PPID/cmdline /proc/$$/cmdline", password="hunter2")
    assert done.returncode == 0
    assert b"hunter2" not in done.stdout + done.stderr
    assert PASSWORD_VARIABLE.encode() not in done.stdout.partition(b"python")[0]


def test_the_commands_end_is_the_relays_while_its_input_is_still_open() -> None:
    """Faults row 25: rsync waits for the end of its remote shell before it lets go of the pipe to it."""
    read_end, write_end = os.pipe()
    try:
        command = [sys.executable, "-m", "pcswitcher.machine.relay", "sh", "-c", "read -r line; exit 7"]
        environment = {**os.environ, PASSWORD_VARIABLE: "p"}
        assert subprocess.run(command, stdin=read_end, env=environment, timeout=20, check=False).returncode == 7
    finally:
        os.close(read_end)
        os.close(write_end)
