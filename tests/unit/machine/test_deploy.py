"""Our half of a deployment, against the real bootstrap and against machines that misbehave (D1, D2)."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pcswitcher.machine.bundle import Bundle
from pcswitcher.machine.deploy import Deployment, DeployOutcome, DeployTimes, bootstrap_command, deploy
from pcswitcher.model.errors import CheckError, ConnectError, PcSwitcherError, ProtocolError

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
QUICK = DeployTimes(greeting=0.3, chunk=0.3, install=0.3)


def bring(
    prefix: Path, program, *, ephemeral: bool = False, noise: bytes = b"", password: bytes = b""
) -> tuple[Deployment, bytes]:
    """Deploy to a directory that stands for a machine; gives also the agent's first line."""

    async def run() -> tuple[Deployment, bytes]:
        (prefix / "run").mkdir(parents=True, exist_ok=True)
        command = bootstrap_command(sys.executable, prefix=str(prefix))
        (prefix / "noise").write_bytes(noise)
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", 'cat "$0"; exec "$@"', str(prefix / "noise"), *command,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(password)
            deployment = await deploy(
                process.stdout, process.stdin, "vega", program.bundle, here="atlas", ephemeral=ephemeral
            )
            # What JSON-RPC would send at once must reach the agent whole.
            process.stdin.write(b"ping\n")
            first, echo = await process.stdout.readline(), await process.stdout.readline()
            assert echo == b"ping\n"
            return deployment, first
        finally:
            process.stdin.close()
            await process.wait()

    return asyncio.run(asyncio.wait_for(run(), 30))


def against(talk: Talk, program, times: DeployTimes = QUICK) -> PcSwitcherError:
    """Deploy to a machine that answers as ``talk`` does; gives the error."""

    async def run() -> PcSwitcherError:
        here, there = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=here)
        far_reader, far_writer = await asyncio.open_connection(sock=there)

        async def serve() -> None:
            await talk(far_reader, far_writer)
            far_writer.write_eof()

        serving = asyncio.create_task(serve())
        try:
            with pytest.raises(PcSwitcherError) as caught:
                await deploy(reader, writer, "vega", program.bundle, here="atlas", times=times)
        finally:
            serving.cancel()
            for end in (writer, far_writer):
                end.transport.abort()
            await asyncio.sleep(0)
        return caught.value

    return asyncio.run(asyncio.wait_for(run(), 20))


def greeting(**other: object) -> bytes:
    fields = {"pc-switcher": "bootstrap", "python": "3.13.5", "executable": "/usr/bin/python3", "installed": []}
    return json.dumps({**fields, "current": None, **other}).encode() + b"\n"


def test_to_a_machine_without_it_the_program_is_installed_and_started(tmp_path: Path, make_program) -> None:
    program = make_program("1.0", "x")
    deployment, agent = bring(tmp_path, program)
    assert agent == b"agent 1.0 x listens\n"
    assert (deployment.outcome, deployment.before, deployment.after) == (DeployOutcome.INSTALLED, None, "1.0")
    assert deployment.sent == len(program.data)
    assert deployment.python == sys.version.split()[0]
    assert 0 < deployment.seconds < 10


def test_the_same_program_is_not_sent_again(tmp_path: Path, make_program) -> None:
    bring(tmp_path, make_program("1.0"))
    deployment, agent = bring(tmp_path, make_program("1.0"))
    assert (deployment.outcome, deployment.before, deployment.sent) == (DeployOutcome.SAME, "1.0", 0)
    assert agent.startswith(b"agent 1.0")


def test_an_older_program_is_upgraded_and_both_versions_told(tmp_path: Path, make_program) -> None:
    bring(tmp_path, make_program("0.9.9"))
    deployment, agent = bring(tmp_path, make_program("0.10.0"))
    assert (deployment.outcome, deployment.before, deployment.after) == (DeployOutcome.UPGRADED, "0.9.9", "0.10.0")
    assert agent.startswith(b"agent 0.10.0")


def test_another_build_of_the_same_version_replaces(tmp_path: Path, make_program) -> None:
    bring(tmp_path, make_program("1.0", "a"))
    deployment, agent = bring(tmp_path, make_program("1.0", "b"))
    assert (deployment.outcome, deployment.before) == (DeployOutcome.REPLACED, "1.0")
    assert agent == b"agent 1.0 b listens\n"


@pytest.mark.parametrize("ephemeral", [False, True])
def test_a_newer_program_there_stops_the_run_and_nothing_changes(tmp_path: Path, make_program, ephemeral: bool) -> None:
    bring(tmp_path, make_program("0.10.0"))
    before = sorted((path, path.lstat().st_mtime_ns) for path in (tmp_path / "usr").rglob("*"))
    with pytest.raises(CheckError) as caught:
        bring(tmp_path, make_program("0.9.9"), ephemeral=ephemeral)
    assert caught.value.message == "vega has pc-switcher 0.10.0, newer than 0.9.9 on atlas"
    assert caught.value.hint == "upgrade atlas: sync once from vega, or install pc-switcher 0.10.0 on atlas"
    assert sorted((path, path.lstat().st_mtime_ns) for path in (tmp_path / "usr").rglob("*")) == before


def test_a_program_that_is_there_but_not_in_path_is_used_and_not_sent(tmp_path: Path, make_program) -> None:
    """A crash after the directory and before the link."""
    bring(tmp_path, make_program("1.0"))
    command = tmp_path / "usr/local/bin/pc-switcher"
    command.unlink()
    deployment, agent = bring(tmp_path, make_program("1.0"))
    assert deployment.sent == 0
    assert agent.startswith(b"agent 1.0")
    assert command.exists()


def test_a_dry_run_runs_the_program_and_changes_nothing(tmp_path: Path, make_program) -> None:
    bring(tmp_path, make_program("0.9"))
    before = sorted((path, path.lstat().st_mtime_ns) for path in (tmp_path / "usr").rglob("*"))
    deployment, agent = bring(tmp_path, make_program("1.0"), ephemeral=True)
    assert (deployment.outcome, deployment.before, deployment.after) == (DeployOutcome.CARRIED, "0.9", "1.0")
    assert agent.startswith(b"agent 1.0")
    assert sorted((path, path.lstat().st_mtime_ns) for path in (tmp_path / "usr").rglob("*")) == before
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize(
    "noise", [b"Welcome to vega\nlast login: today\n", b"prompt> ", b"\xff\xfe\n" * 100, b'{"a": 1}\n']
)
def test_what_a_login_prints_before_does_not_matter(tmp_path: Path, make_program, noise: bytes) -> None:
    deployment, _ = bring(tmp_path, make_program("1.0"), noise=noise, password=b"secret\n")
    assert deployment.outcome is DeployOutcome.INSTALLED


def test_endless_noise_is_an_error(make_program) -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _index in range(2000):
            writer.write(b"x" * 99 + b"\n")

    error = against(talk, make_program("1.0"), DeployTimes())
    assert isinstance(error, ProtocolError)
    assert "prints too much" in error.message


def test_a_machine_that_says_nothing_is_an_error_in_time(make_program) -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2)

    error = against(talk, make_program("1.0"))
    assert isinstance(error, ConnectError)
    assert "did not start our program" in error.message


@pytest.mark.parametrize("last", [b"", b"python3: command not found\n", b"half a line"])
def test_a_connection_that_ends_is_a_connection_error_with_a_hint(make_program, last: bytes) -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(last)

    error = against(talk, make_program("1.0"))
    assert isinstance(error, ConnectError)
    assert "Python 3.11" in error.hint


def test_a_refusal_of_the_other_side_keeps_its_reason_and_hint(make_program) -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        refusal = {"pc-switcher": "bootstrap", "error": "Python 3.9.2 is too old\x1b[2J", "hint": "install a newer one"}
        writer.write(json.dumps(refusal).encode() + b"\n")

    error = against(talk, make_program("1.0"))
    assert isinstance(error, CheckError)
    assert error.message == "vega: Python 3.9.2 is too old\\x1b[2J"
    assert error.hint == "install a newer one"


@pytest.mark.parametrize(
    "line",
    [
        b'{"pc-switcher": "bootstrap", "python": 3}\n',
        b'{"pc-switcher": "bootstrap", nonsense\n',
        greeting(current={"version": "1.0"}),
        greeting(current={"version": "new", "digest": "0" * 64}),
        greeting(extra=1),
    ],
)
def test_a_greeting_that_is_nonsense_is_a_protocol_error(make_program, line: bytes) -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(line)
        await asyncio.sleep(0.1)

    assert isinstance(against(talk, make_program("1.0")), ProtocolError)


def test_a_refusal_while_the_program_is_sent_is_told_with_its_reason(make_program) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting())
        await reader.readline()
        writer.write(b'{"error": "[Errno 28] No space left on device", "hint": "make room"}\n')
        await writer.drain()

    error = against(talk, make_program("1.0"))
    assert isinstance(error, CheckError)
    assert "No space left" in error.message


def test_a_machine_that_takes_no_data_is_an_error_in_time(make_program) -> None:
    big = Bundle(version="1.0", digest="0" * 64, read=lambda: b"x" * (64 << 20))

    class Program:
        bundle = big

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting())
        await asyncio.sleep(3)

    error = against(talk, Program())
    assert isinstance(error, ConnectError)
    assert "takes no more data" in error.message


def test_an_installation_that_does_not_end_is_an_error_in_time(make_program) -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting())
        await asyncio.sleep(2)

    error = against(talk, make_program("1.0"))
    assert isinstance(error, ConnectError)
    assert "did not finish the installation" in error.message
