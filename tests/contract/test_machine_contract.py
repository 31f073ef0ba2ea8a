"""What every Machine promises, held by the fake, the local and the remote one alike.

The programs the tests run exist for real on the real machines; the fake pretends exactly them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from pcswitcher.machine import probe
from pcswitcher.machine.api import AgentLog, Exposed, Listener, Machine, ProgressReport
from pcswitcher.machine.bundle import describe_installation
from pcswitcher.machine.connection import AgentMachine
from pcswitcher.machine.fake import open_fake
from pcswitcher.machine.process import Program, Sink
from pcswitcher.machine.session import open_local, open_remote
from pcswitcher.machine.ssh import open_master
from pcswitcher.machine.sudo import ask_nobody
from pcswitcher.model.errors import (
    CheckError,
    ConnectionLostError,
    FormatError,
    FunctionError,
    ProgramError,
    ProgramTimeoutError,
    ProtocolError,
)
from pcswitcher.model.events import Level

Opener = Callable[[], AbstractAsyncContextManager[AgentMachine]]


async def _printf(program: Program, sink: Sink) -> int:
    await sink(1, program.arguments[1].replace(b"\\n", b"\n"))
    return 0


async def _cat(program: Program, sink: Sink) -> int:
    await sink(1, program.stdin)
    return 0


async def _sleep(program: Program, sink: Sink) -> int:
    await asyncio.sleep(float(program.arguments[1]))
    return 0


async def _ls(program: Program, sink: Sink) -> int:
    await sink(2, b"ls: cannot access '/nowhere': No such file or directory\n")
    return 2


async def _printenv(program: Program, sink: Sink) -> int:
    names = {"PATH": "", "LC_ALL": "C.UTF-8", "HOME": "/root", **program.environment}
    name = program.arguments[1].decode()
    if name not in names:
        return 1
    await sink(1, names[name].encode() + b"\n")
    return 0


async def _head(program: Program, sink: Sink) -> int:
    left = int(program.arguments[2])
    while left:
        piece = min(left, 65536)
        await sink(1, bytes(piece))
        left -= piece
    return 0


FAKE_PROGRAMS = {
    "printf": _printf,
    "cat": _cat,
    "sleep": _sleep,
    "ls": _ls,
    "printenv": _printenv,
    "head": _head,
}


@asynccontextmanager
async def _fake() -> AsyncIterator[AgentMachine]:
    machine = await open_fake("atlas", FAKE_PROGRAMS)
    try:
        yield machine
    finally:
        await machine.close()


@asynccontextmanager
async def _local() -> AsyncIterator[AgentMachine]:
    machine = await open_local(ask_nobody)
    try:
        yield machine
    finally:
        await machine.close()


@asynccontextmanager
async def _remote() -> AsyncIterator[AgentMachine]:
    master = await open_master("vega")
    try:
        remote = await open_remote(master, describe_installation(), ask_nobody, ephemeral=True)
        try:
            yield remote.machine
        finally:
            await remote.machine.close()
    finally:
        await master.close()


class MachineContract:
    """The promises; each subclass holds one kind of machine to them."""

    def test_a_call_gives_its_typed_result_with_bytes_intact(self, opener: Opener) -> None:
        name = b"caf\xe9 \n\x1b[1m" + bytes(range(256))

        async def run() -> tuple[str, bytes]:
            async with opener() as machine:
                return await machine.call(probe.echo, "grüße", name)

        assert asyncio.run(run()) == ("grüße", name)

    def test_the_greeting_tells_the_facts_of_the_machine(self, opener: Opener) -> None:
        async def run() -> Machine:
            async with opener() as machine:
                return machine

        machine = asyncio.run(run())
        assert machine.facts.hostname == machine.name
        assert machine.facts.uid == 0
        assert machine.facts.machine_id
        assert machine.facts.boot_id

    def test_progress_and_log_lines_arrive_while_the_call_runs(self, opener: Opener) -> None:
        """J4: progress and log lines reach the caller."""
        reports: list[ProgressReport] = []
        lines: list[AgentLog] = []

        async def run() -> int:
            async with opener() as machine:
                listener = Listener(progress=reports.append, log=lines.append)
                return await machine.call_listening(listener, probe.count, 3)

        assert asyncio.run(run()) == 3
        assert reports[-1] == ProgressReport(done=3, total=3, unit="steps", item=b"step 3")
        assert lines == [AgentLog(level=Level.INFO, message="counted", fields={"total": "3"})]

    def test_a_stream_arrives_whole_and_in_order(self, opener: Opener) -> None:
        received = bytearray()

        async def run() -> int:
            async with opener() as machine:
                return await machine.call_listening(Listener(chunk=received.extend), probe.stream, 20, 500_000)

        assert asyncio.run(run()) == len(received) == 10_000_000

    def test_our_own_errors_stay_themselves_across_the_wire(self, opener: Opener) -> None:
        async def run() -> None:
            async with opener() as machine:
                await machine.call(probe.refuse, "vega: no btrfs\x1b[31m", "convert it")

        with pytest.raises(CheckError) as caught:
            asyncio.run(run())
        assert caught.value.hint == "convert it"
        assert caught.value.message == "vega: no btrfs\\x1b[31m"

    def test_an_unforeseen_error_names_the_machine_and_the_cause(self, opener: Opener) -> None:
        async def run() -> None:
            async with opener() as machine:
                with pytest.raises(FunctionError, match="ZeroDivisionError: division") as caught:
                    await machine.call(probe.crash, "division")
                assert machine.name in caught.value.message

        asyncio.run(run())

    def test_a_function_outside_our_packages_cannot_be_called(self, opener: Opener) -> None:
        """Faults row 22: only functions marked as exposed, in packages of ours or of jobs, run."""

        def innocent(context: object, command: str) -> int:
            return 0

        async def run(name: str) -> None:
            async with opener() as machine:
                forged: Exposed[[str], int] = Exposed(innocent)
                forged.name = name
                forged.parameter_types = lambda: {"command": str}  # type: ignore[method-assign]
                await machine.call(forged, "true")

        for name in ("os:system", "subprocess:getoutput", "pcswitcher.machine.agent:main", "nothing", "pcswitcher.x:y"):
            with pytest.raises(FormatError):
                asyncio.run(run(name))

    def test_cancelling_a_call_ends_it_there_and_the_machine_stays_usable(self, opener: Opener) -> None:
        async def run() -> tuple[str, bytes]:
            async with opener() as machine:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.3):
                        await machine.call(probe.wait, 60.0)
                return await machine.call(probe.echo, "still here", b"")

        started = time.monotonic()
        assert asyncio.run(run()) == ("still here", b"")
        assert time.monotonic() - started < 30

    def test_many_calls_run_at_once(self, opener: Opener) -> None:
        async def run() -> list[tuple[str, bytes]]:
            async with opener() as machine:
                return await asyncio.gather(*(machine.call(probe.echo, str(number), b"") for number in range(50)))

        assert asyncio.run(run()) == [(str(number), b"") for number in range(50)]

    def test_a_program_gives_its_output_and_status(self, opener: Opener) -> None:
        async def run() -> None:
            async with opener() as machine:
                done = await machine.run(["printf", "one\\ntwo\\n"])
                assert (done.status, done.stdout, done.text) == (0, b"one\ntwo\n", "one\ntwo")
                assert done.machine == machine.name
                fed = await machine.run(["cat"], stdin=b"\x00\xff" * 1000)
                assert fed.stdout == b"\x00\xff" * 1000
                failed = await machine.run(["ls", "/nowhere"])
                assert failed.status == 2
                with pytest.raises(ProgramError, match=r"ls ended with status 2: .*No such file"):
                    failed.check()

        asyncio.run(run())

    def test_a_program_starts_from_a_clean_environment(self, opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LEAK", "secret")

        async def run() -> None:
            async with opener() as machine:
                assert (await machine.run(["printenv", "LC_ALL"])).text == "C.UTF-8"
                assert (await machine.run(["printenv", "LEAK"])).status == 1
                assert (await machine.run(["printenv", "GIVEN"], environment={"GIVEN": "yes"})).text == "yes"

        asyncio.run(run())

    def test_a_program_that_does_not_exist_is_named_with_its_machine(self, opener: Opener) -> None:
        async def run() -> None:
            async with opener() as machine:
                with pytest.raises(ProgramError, match="no-such-program cannot be started") as caught:
                    await machine.run(["no-such-program"])
                assert machine.name in caught.value.hint

        asyncio.run(run())

    def test_a_program_over_its_time_is_ended(self, opener: Opener) -> None:
        async def run() -> None:
            async with opener() as machine:
                with pytest.raises(ProgramTimeoutError, match=r"sleep did not end within 0\.2 s"):
                    await machine.run(["sleep", "600"], timeout=0.2)

        asyncio.run(run())

    def test_hundred_megabytes_of_output_stream_through_without_being_kept(self, opener: Opener) -> None:
        """Issue: 100 MB of output."""
        size = 100_000_000
        seen = 0

        def listen(stream: int, data: bytes) -> None:
            nonlocal seen
            seen += len(data)

        async def run() -> None:
            async with opener() as machine:
                done = await machine.run(["head", "-c", str(size), "/dev/zero"], listener=listen)
                assert done.status == 0
                assert done.stdout == b""

        asyncio.run(run())
        assert seen == size

    def test_output_nobody_listens_to_is_bounded(self, opener: Opener) -> None:
        """Faults row 22: bounded memory."""

        async def run() -> None:
            async with opener() as machine:
                with pytest.raises(ProgramError, match="printed more than 16 MiB"):
                    await machine.run(["head", "-c", str(64 * 1024 * 1024), "/dev/zero"])
                assert await machine.call(probe.echo, "usable", b"") == ("usable", b"")

        asyncio.run(run())

    def test_a_message_over_the_limit_is_refused_and_the_machine_stays_usable(self, opener: Opener) -> None:
        async def run() -> None:
            async with opener() as machine:
                with pytest.raises(ProtocolError, match="over the limit"):
                    await machine.call(probe.echo, "x" * 5_000_000, b"")
                assert await machine.call(probe.echo, "usable", b"") == ("usable", b"")

        asyncio.run(run())

    def test_after_close_every_call_fails_at_once(self, opener: Opener) -> None:
        async def run() -> None:
            async with opener() as machine:
                await machine.close()
                with pytest.raises(ConnectionLostError):
                    await machine.call(probe.echo, "", b"")
                await machine.close()

        asyncio.run(run())


class TestFake(MachineContract):
    """The machine that ships for tests."""

    @pytest.fixture
    def opener(self) -> Opener:
        return _fake


class TestLocal(MachineContract):
    """This machine, through a real agent process."""

    @pytest.fixture
    def opener(self, root: None) -> Opener:
        return _local


@pytest.mark.lab(reset="none")
class TestRemote(MachineContract):
    """A PC of the lab, through ssh and sudo and the deployed program."""

    @pytest.fixture
    def opener(self, ssh_to_lab: None) -> Opener:
        return _remote
