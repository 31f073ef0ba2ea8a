"""Starting an agent: on this PC through sudo, on the other one through ssh and sudo."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import shlex

import attrs

from pcswitcher.machine.bundle import Bundle
from pcswitcher.machine.connection import AgentMachine, Liveness
from pcswitcher.machine.deploy import Deployment, bootstrap_command, deploy
from pcswitcher.machine.installation import program_command
from pcswitcher.machine.process import close_pipes, ended
from pcswitcher.machine.relay import PASSWORD_VARIABLE
from pcswitcher.machine.ssh import Master, RemoteShell, rsync_word
from pcswitcher.machine.sudo import (
    ALREADY_ROOT,
    WITHOUT_PASSWORD,
    AskPassword,
    Sudo,
    refused,
    with_password,
    wrong_password,
)
from pcswitcher.machine.trace import Command, LogRoute, local_command
from pcswitcher.machine.wire import StreamWire
from pcswitcher.model.errors import ConnectError, ConnectionLostError
from pcswitcher.model.text import printable

LAST_WORDS = 4096
"""Bytes kept of what a session prints on its standard error, to explain its end."""
SUDO_PATIENCE = 30.0
"""Seconds sudo gets to say whether it lets us become root; it may ask a directory service."""
END_PATIENCE = 6.0
"""Seconds an agent gets to end by itself once its input is closed."""
LOST_PATIENCE = 1.0
"""The same, when the link to it is lost already: its end cannot be seen from here."""
KILL_PATIENCE = 1.0
LISTEN_PATIENCE = 0.5
"""Seconds the last words of an ended process get to arrive; what it left running may hold the pipe open."""


class Session:
    """A process whose pipes lead to an agent, and what it last said on standard error."""

    def __init__(self, process: asyncio.subprocess.Process, command: Command) -> None:
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise ValueError("a session needs all three pipes")
        self.process = process
        self._command = command
        self.writer = process.stdin
        self.reader = process.stdout
        self._errors = process.stderr
        self._words = bytearray()
        self._listening = asyncio.create_task(self._listen())

    @property
    def words(self) -> str:
        """The last words on standard error, safe for a terminal."""
        return printable(self._words.decode("utf-8", "replace")).strip()

    async def close(self, patience: float = END_PATIENCE) -> None:
        """Close the pipes and give the process so many seconds to end; kill it then. Safe to call twice."""
        with contextlib.suppress(OSError):
            self.writer.close()
        if not await self._ends_within(patience):
            # A sudo of ours belongs to root, we may not kill it: its agent ends by its own liveness.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                self.process.kill()
            await self._ends_within(KILL_PATIENCE)
        # Its last words explain why it ended.
        await asyncio.wait({self._listening}, timeout=LISTEN_PATIENCE)
        self._listening.cancel()
        close_pipes(self.process)
        if self.process.returncode is not None:
            self._command.ended(self.process.returncode)

    async def _ends_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await ended(self.process)
        except TimeoutError:
            return False
        return True

    async def _listen(self) -> None:
        while data := await self._errors.read(LAST_WORDS):
            self._command.hear(2, data)
            self._words += data
            del self._words[:-LAST_WORDS]


class SessionMachine(AgentMachine):
    """A machine whose agent is behind a session; closing it ends both."""

    def __init__(
        self, name: str, session: Session, liveness: Liveness | None = None, log: LogRoute | None = None
    ) -> None:
        super().__init__(name, StreamWire(session.reader, session.writer), liveness=liveness, log=log)
        self._session = session

    async def close(self) -> None:
        """See Machine."""
        patience = LOST_PATIENCE if self.is_lost else END_PATIENCE
        await super().close()
        await self._session.close(patience)


async def open_local(ask: AskPassword, liveness: Liveness | None = None, log: LogRoute | None = None) -> AgentMachine:
    """Start the agent on this PC as root. Raises ConnectError when sudo does not let us."""
    name = platform.node()
    sudo = ALREADY_ROOT if os.geteuid() == 0 else await _local_sudo(name, ask, log)
    session = await _start(sudo.command(*program_command("agent")), log)
    machine = SessionMachine(name, session, liveness, log)
    try:
        session.writer.write(sudo.input)
        await machine.greet()
    except ConnectionLostError as error:
        await machine.close()
        raise refused(name, session.words) from error
    except BaseException:
        await machine.close()
        raise
    return machine


@attrs.frozen(kw_only=True)
class RemoteMachine:
    """The other PC, ready to be driven: its agent, how the program came there, how rsync gets there."""

    machine: AgentMachine
    deployment: Deployment
    shell: RemoteShell


async def open_remote(
    master: Master,
    bundle: Bundle,
    ask: AskPassword,
    *,
    ephemeral: bool = False,
    liveness: Liveness | None = None,
    log: LogRoute | None = None,
) -> RemoteMachine:
    """Bring our program to the host behind ``master`` and start its agent there as root.

    ``ephemeral``: leave nothing of the program behind. Raises ConnectError, CheckError (see ``deploy``).
    """
    sudo = await _remote_sudo(master, ask, log)
    session = await _start_there(master, sudo.command(*bootstrap_command()), log)
    machine = SessionMachine(master.host, session, liveness, log)
    try:
        session.writer.write(sudo.input)
        deployment = await deploy(
            session.reader, session.writer, master.host, bundle, here=platform.node(), ephemeral=ephemeral
        )
        await machine.greet()
    except ConnectError as error:
        await machine.close()
        if session.words.startswith("sudo"):
            raise refused(master.host, session.words) from error
        raise
    except BaseException:
        await machine.close()
        raise
    return RemoteMachine(machine=machine, deployment=deployment, shell=_remote_shell(master, sudo))


def _remote_shell(master: Master, sudo: Sudo) -> RemoteShell:
    shell = master.remote_shell(shlex.join(sudo.command("rsync")))
    if sudo.password is None:
        return shell
    return attrs.evolve(
        shell,
        command=(*map(rsync_word, program_command("relay")), *shell.command),
        environment={PASSWORD_VARIABLE: sudo.password},
    )


async def _local_sudo(name: str, ask: AskPassword, log: LogRoute | None = None) -> Sudo:
    try:
        if await _succeeds(await _start(WITHOUT_PASSWORD.command("true"), log), WITHOUT_PASSWORD):
            return WITHOUT_PASSWORD
    except FileNotFoundError as error:
        raise ConnectError(f"{name}: sudo is not installed", "run pc-switcher as root, or install sudo") from error
    sudo = await with_password(name, ask)
    if not await _succeeds(await _start(sudo.command("true"), log), sudo):
        raise wrong_password(name)
    return sudo


async def _remote_sudo(master: Master, ask: AskPassword, log: LogRoute | None) -> Sudo:
    # Root's own login needs no sudo, which may not even be installed there.
    for sudo, command in ((WITHOUT_PASSWORD, ("true",)), (ALREADY_ROOT, ("test", "-w", "/"))):
        if await _succeeds(await _start_there(master, sudo.command(*command), log), sudo):
            return sudo
    if master.has_ended():
        raise ConnectionLostError(
            f"{master.host}: the connection broke", "check the network, then start the same command again"
        )
    sudo = await with_password(master.host, ask)
    if not await _succeeds(await _start_there(master, sudo.command("true"), log), sudo):
        raise wrong_password(master.host)
    return sudo


async def _succeeds(session: Session, sudo: Sudo) -> bool:
    """Whether a small command succeeds. Its input ends, so a sudo that wants another try gives up at once."""
    try:
        with contextlib.suppress(OSError):
            session.writer.write(sudo.input)
            session.writer.write_eof()
        async with asyncio.timeout(SUDO_PATIENCE):
            return await ended(session.process) == 0
    except TimeoutError:
        return False
    finally:
        await session.close()


async def _start_there(master: Master, arguments: tuple[str, ...], log: LogRoute | None) -> Session:
    command = local_command(log, master.session_arguments(arguments))
    return Session(await master.start(arguments), command)


async def _start(arguments: tuple[str, ...], log: LogRoute | None) -> Session:
    command = local_command(log, arguments)
    with command:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    return Session(process, command)
