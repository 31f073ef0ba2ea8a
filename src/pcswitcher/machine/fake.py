"""A machine within this process, for tests: ours and those of third-party jobs.

Its calls pass through the same agent, messages and encoding as on a real machine; only programs are pretended,
by coroutines that say what the program would print and how it would end. The contract tests hold it to the
behaviour of the real ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from pcswitcher.machine.agent import Agent, allowed_packages
from pcswitcher.machine.api import Completed, MachineFacts
from pcswitcher.machine.connection import AgentMachine, Liveness
from pcswitcher.machine.process import KeptOutput, Program, Sink
from pcswitcher.machine.trace import LogRoute
from pcswitcher.machine.wire import MemoryWire
from pcswitcher.model.errors import ProgramError, ProgramTimeoutError
from pcswitcher.model.text import escape

FakeProgram = Callable[[Program, Sink], Awaitable[int]]
"""Pretends one program: is given how it was started and where its output goes, gives its exit status."""


def fake_facts(hostname: str) -> MachineFacts:
    """Facts of a machine that does not exist; its ids follow from its name."""
    return MachineFacts(
        hostname=hostname,
        machine_id=hostname.encode().hex().ljust(32, "0")[:32],
        boot_id=f"boot-of-{hostname}",
        architecture="x86_64",
        kernel="6.12.0",
        distribution="debian 13",
        python="3.13.5",
        version="0",
        uid=0,
        login_user="sam",
        login_home="/home/sam",
    )


class FakeMachine(AgentMachine):
    """A machine with an agent in this process and pretended programs. Use ``open_fake``."""

    def __init__(
        self,
        name: str,
        wire: MemoryWire,
        serving: asyncio.Task[None],
        liveness: Liveness | None,
        log: LogRoute | None = None,
    ) -> None:
        super().__init__(name, wire, liveness=liveness, log=log)
        self._serving = serving

    async def close(self) -> None:
        """See Machine."""
        await super().close()
        await asyncio.wait({self._serving})

    async def crash(self) -> None:
        """Let the agent vanish, as after a power cut."""
        self._serving.cancel()
        await asyncio.wait({self._serving})


async def open_fake(
    name: str,
    programs: Mapping[str, FakeProgram] | None = None,
    *,
    facts: MachineFacts | None = None,
    packages: frozenset[str] = frozenset(),
    liveness: Liveness | None = None,
    log: LogRoute | None = None,
) -> FakeMachine:
    """Start a fake machine. ``packages`` may be called into besides our own and those of installed jobs."""
    here, there = MemoryWire.pair()
    agent = Agent(
        there,
        facts=facts or fake_facts(name),
        allowed=allowed_packages() | packages,
        runner=_Programs(programs or {}),
    )
    machine = FakeMachine(name, here, asyncio.create_task(agent.serve()), liveness, log)
    await machine.greet()
    return machine


class _Programs:
    """A Runner of pretended programs."""

    def __init__(self, programs: Mapping[str, FakeProgram]) -> None:
        self._programs = dict(programs)

    async def __call__(self, machine: str, program: Program, sink: Sink | None) -> Completed:
        pretended = self._programs.get(program.title)
        if pretended is None:
            raise ProgramError(
                f"{machine}: {program.title} cannot be started: No such file or directory", f"install it on {machine}"
            )
        capture = KeptOutput(f"{machine}: {program.title}")
        try:
            async with asyncio.timeout(program.timeout):
                status = await pretended(program, sink or capture)
        except TimeoutError as error:
            raise ProgramTimeoutError(f"{machine}: {program.title} did not end within {program.timeout:g} s") from error
        return Completed(
            machine=machine,
            arguments=tuple(map(escape, program.arguments)),
            status=status,
            stdout=bytes(capture.streams[1]),
            stderr=bytes(capture.streams[2]),
        )
