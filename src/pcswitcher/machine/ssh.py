"""One private ssh master connection to the other PC, by the system's OpenSSH.

The person's own configuration decides how the host is reached (aliases, ports, ProxyJump, identities, agent,
known_hosts). We own the master process: no ControlPersist, a control socket in a private 0700 directory, its
own liveness, and an end with the run. Everything else of the run goes through it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import shutil
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path

import attrs

from pcswitcher.machine.process import close_pipes, ended
from pcswitcher.machine.trace import Command, LogRoute, local_command
from pcswitcher.model.errors import ConnectError, UsageError
from pcswitcher.model.secret import Secret
from pcswitcher.model.text import printable

CONNECT_TIMEOUT = 20
"""Seconds to reach, know and log in to the host."""
WORDS_PATIENCE = 1.0
"""Seconds an ended ssh's last words get to arrive."""
UNFIT = frozenset("'`\"$\\;&<>|(){}")
"""Never part of a host name: a ProxyCommand with %h is a shell's line (OpenSSH 9.6 refuses the same)."""
# What a person may have set for the host and a run must not inherit, and our own liveness: three times five seconds.
SETTINGS = (
    "BatchMode=yes",
    "ClearAllForwardings=yes",
    "Compression=no",
    "ControlPersist=no",
    "ForwardAgent=no",
    "ForwardX11=no",
    "LogLevel=ERROR",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "RequestTTY=no",
    "ServerAliveCountMax=3",
    "ServerAliveInterval=5",
    "SessionType=default",
    "StdinNull=no",
    "ForkAfterAuthentication=no",
    "Tunnel=no",
)


@attrs.frozen(kw_only=True)
class RemoteShell:
    """How rsync, started as root on this machine, reaches rsync as root on the other one."""

    command: tuple[str, ...]
    """For rsync's ``-e``, where blanks join them; each is a ``rsync_word``."""
    host: str
    """What stands before the colon of rsync's destination."""
    rsync_path: str
    """For ``--rsync-path``."""
    environment: dict[str, Secret] = attrs.field(factory=dict[str, Secret])
    """The sudo password for the relay, where one is needed."""


def rsync_word(word: str) -> str:
    """One word for ``RemoteShell.command``: rsync(1), ``-e``, splits at blanks outside quotes, which double inside."""
    return word if re.fullmatch(r"[A-Za-z0-9_@%+=:,./-]+", word) else "'" + word.replace("'", "''") + "'"


class Master:
    """The master connection. Use ``open_master``."""

    def __init__(self, host: str, directory: Path, process: asyncio.subprocess.Process, command: Command) -> None:
        self.host = host
        self._directory = directory
        self._process = process
        self._command = command

    @property
    def socket(self) -> Path:
        """The control socket."""
        return self._directory / "master"

    def is_listening(self) -> bool:
        """Whether the master is logged in and takes sessions."""
        return self.socket.exists()

    def has_ended(self) -> bool:
        """Whether the connection is gone."""
        return self._process.returncode is not None

    @property
    def process_id(self) -> int:
        """The master's process; killing it cuts the link (tests do)."""
        return self._process.pid

    def session_arguments(self, command: Sequence[str]) -> list[str]:
        """The local command that runs ``command`` on the host through this connection."""
        # sshd gives the words to the login shell as one string: this is the one place they are quoted for it.
        return [*self._client(), "-T", "--", self.host, shlex.join(command)]

    async def start(self, command: Sequence[str]) -> asyncio.subprocess.Process:
        """Start ``command`` on the host with pipes for its standard streams."""
        return await asyncio.create_subprocess_exec(
            *self.session_arguments(command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )

    def remote_shell(self, rsync_path: str) -> RemoteShell:
        """What rsync needs to go through this connection; ``rsync_path`` is the command that starts the far one."""
        return RemoteShell(command=self._client(), host="pc-switcher", rsync_path=rsync_path)

    async def wait(self) -> None:
        """Return when the connection is gone."""
        await ended(self._process)

    async def close(self) -> None:
        """End the connection and remove its socket. Safe to call twice."""
        # The whole group: a ProxyJump or ProxyCommand that still waits for an answer would outlive its ssh.
        _signal_group(self._process.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(3):
                await ended(self._process)
        except TimeoutError:
            pass
        finally:
            _signal_group(self._process.pid, signal.SIGKILL)
            self._command.ended(await ended(self._process))
        close_pipes(self._process)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _client(self) -> tuple[str, ...]:
        # No configuration, and no way to connect but the socket: with the master gone this fails at once
        # instead of opening a second connection as whoever runs it.
        return ("ssh", "-F", "none", "-S", str(self.socket), "-o", "BatchMode=yes", "-o", "ProxyCommand=false")


async def open_master(host: str, log: LogRoute | None = None) -> Master:
    """Connect to ``host`` and log in. Raises ConnectError with ssh's reason and what mends it."""
    if not _is_host(host):
        raise UsageError(
            f"{printable(host)!r} is not a host name", "give the name as you would to ssh: pc-switcher sync vega"
        )
    directory = Path(tempfile.mkdtemp(prefix="pcs-", dir=_runtime_directory()))
    options = [word for setting in SETTINGS for word in ("-o", setting)]
    socket = ["-S", str(directory / "master")]
    # A session that waits for the end of its input: when this process dies in whatever way, so does the master.
    arguments = ["ssh", "-M", "-T", *socket, *options, "-o", f"ConnectTimeout={CONNECT_TIMEOUT}", "--", host, "cat"]
    command = local_command(log, arguments)
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is ours to handle
        )
    except FileNotFoundError as error:
        command.failed(error)
        shutil.rmtree(directory, ignore_errors=True)
        raise ConnectError("ssh is not installed here", "sudo apt install openssh-client") from error
    master = Master(host, directory, process, command)
    try:
        await _until_ready(master, process)
    except BaseException:
        await master.close()
        raise
    return master


def _is_host(host: str) -> bool:
    name = host.rpartition("@")[2]
    if host.startswith("-") or not name or name.startswith("-"):
        return False
    return all(letter.isprintable() and not letter.isspace() and letter not in UNFIT for letter in host)


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


async def _until_ready(master: Master, process: asyncio.subprocess.Process) -> None:
    ending = asyncio.ensure_future(ended(process))
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT + 5):
            while not master.is_listening():
                await asyncio.wait({ending}, timeout=0.01)
                if ending.done():
                    raise connect_error(master.host, await _words(process))
    except TimeoutError:
        raise connect_error(master.host, "Connection timed out") from None
    finally:
        ending.cancel()


async def _words(process: asyncio.subprocess.Process) -> str:
    if process.stderr is None:
        return ""
    words = bytearray()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(WORDS_PATIENCE):  # a proxy may hold the pipe open
            while piece := await process.stderr.read(64 * 1024):
                words += piece
                del words[: -64 * 1024]
    return printable(words.decode("utf-8", "replace").replace("\r\n", "\n")).strip()


# ssh has one exit status for everything and only words to tell causes apart. They choose the hint, nothing else.
_CAUSES = (
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "its host key is not the one known here",
        "if you re-installed {host}, remove the old key: ssh-keygen -R {host}; then connect once: ssh {host}",
    ),
    ("REVOKED HOST KEY", "its host key is marked as revoked", "ask who revoked it; see @revoked in known_hosts"),
    ("Host key verification failed", "its host key is not known here", "connect once and compare the key: ssh {host}"),
    (
        "Permission denied",
        "it does not accept our login",
        "make this work without a password: ssh {host} (ssh-copy-id {host})",
    ),
    (
        "Could not resolve hostname",
        "no host of that name is known",
        "check the name, or add it to ~/.ssh/config or /etc/hosts",
    ),
    ("Connection refused", "nothing answers at its ssh port", "start sshd there: sudo systemctl start ssh"),
    ("timed out", "it does not answer", "is it switched on and on the same network? try: ping {host}"),
    ("No route to host", "it cannot be reached", "is it switched on and on the same network? try: ping {host}"),
    ("Network is unreachable", "this PC has no network to it", "check this PC's network connection"),
)


def connect_error(host: str, words: str) -> ConnectError:
    """Explain ssh's last words ``words`` about ``host``."""
    for sign, cause, hint in _CAUSES:
        if sign in words:
            return ConnectError(f"{host}: {cause}", hint.format(host=host))
    last = words.splitlines()[-1] if words else "ssh ended without a reason"
    return ConnectError(f"{host}: cannot connect: {last}", f"make this work first: ssh {host}")


def _runtime_directory() -> str | None:
    # A socket's path must fit into 108 bytes (unix(7)), so no deep temporary directory.
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    # Neither may it hold what rsync's -e or ssh's own % would read as something else.
    fit = re.fullmatch(r"/[A-Za-z0-9_./-]{1,58}", runtime) and os.access(runtime, os.W_OK)
    return runtime if fit else "/tmp"  # noqa: S108 - mkdtemp
