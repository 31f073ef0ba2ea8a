"""Bring the same pc-switcher to a machine, over the connection that already stands.

The other side is ``bootstrap.py``, started there as root with ``bootstrap_command``. Its protocol (JSON lines)
and this module's are two halves of one thing; after ``deploy`` returns, the same streams belong to the agent.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import importlib.resources
import json
import time
import zlib
from collections.abc import AsyncGenerator
from enum import StrEnum

import attrs

from pcswitcher.machine.bundle import Bundle
from pcswitcher.machine.version import Version
from pcswitcher.model.codec import JsonValue, from_json
from pcswitcher.model.errors import CheckError, ConnectError, FormatError, ProtocolError
from pcswitcher.model.text import printable

_NOISE_LIMIT = 64 * 1024
"""Bytes a login may print before the bootstrap greets."""
_CHUNK = 256 * 1024
_GREETING = b'{"pc-switcher": "bootstrap", '


class DeployOutcome(StrEnum):
    """What was done to the program on the other machine (requirement D1)."""

    INSTALLED = "installed"
    UPGRADED = "upgraded"
    REPLACED = "replaced"
    """Same version number, other content: a development build."""
    SAME = "same"
    CARRIED = "carried"
    """Dry run: runs from memory there, nothing was installed."""


@attrs.frozen(kw_only=True)
class Deployment:
    """How a deployment went."""

    outcome: DeployOutcome
    before: str | None
    """Version that the other machine had; None when it had none."""
    after: str
    """Version the agent will be."""
    python: str
    """Version of Python there."""
    seconds: float
    sent: int
    """Bytes of program sent; 0 when nothing was."""


@attrs.frozen(kw_only=True)
class DeployTimes:
    """Longest waits of a deployment, in seconds."""

    greeting: float = 30.0
    """From start to the first line: login, sudo, Python's start."""
    chunk: float = 30.0
    """For the link to take one more piece of the program."""
    install: float = 120.0
    """From the last byte sent to the answer: unpack, compile, write to disk."""


@attrs.frozen(kw_only=True)
class InstalledProgram:
    """A pc-switcher on the other machine's disk."""

    version: str
    digest: str


@attrs.frozen(kw_only=True)
class BootstrapGreeting:
    """What the bootstrap tells of its machine."""

    python: str
    executable: str
    installed: tuple[InstalledProgram, ...]
    current: InstalledProgram | None

    def newest(self) -> InstalledProgram | None:
        """What counts as the version there: the command in PATH, else the newest one deployed. Raises FormatError."""
        return self.current or max(self.installed, key=lambda program: Version.parse(program.version), default=None)


def bootstrap_command(python: str = "python3", *, prefix: str = "") -> tuple[str, ...]:
    """Arguments that start the bootstrap; put ``sudo -n`` before them and join with ``shlex.join`` for ssh.

    ``prefix`` is a directory that stands for ``/`` (tests).
    """
    here = importlib.resources.files("pcswitcher.machine")
    deployed, bootstrap = (here.joinpath(name).read_text("utf-8") for name in ("deployed.py", "bootstrap.py"))
    text = (
        "import sys, types\n"
        "module = types.ModuleType('pcswitcher.machine.deployed')\n"
        "sys.modules[module.__name__] = module\n"
        f"exec(compile({deployed!r}, 'deployed', 'exec'), module.__dict__)\n"
        f"exec(compile({bootstrap!r}, 'bootstrap', 'exec'))\n"
    )
    # Packed into letters that mean the same to every login shell: a newline or a backslash inside single quotes
    # does not to csh and fish. A single argument may have 128 KiB (execve(2)); this one has 7.
    packed = base64.b64encode(zlib.compress(text.encode(), 9)).decode("ascii")
    loader = f'import base64,zlib;exec(zlib.decompress(base64.b64decode("{packed}")))'
    return (python, "-I", "-c", loader, *([prefix] if prefix else []))


async def deploy(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    hostname: str,
    bundle: Bundle,
    *,
    here: str,
    ephemeral: bool = False,
    times: DeployTimes | None = None,
) -> Deployment:
    """Make the machine behind the streams run this very program's agent, and start it.

    ``hostname`` and ``here`` are the names people read of that machine and of this one. ``ephemeral`` (dry run):
    nothing is written there; the program runs from an unnamed file. When it returns, the agent is being started
    and the next byte in either direction is JSON-RPC.

    Raises CheckError (newer there, Python too old, directory not safe), ConnectError (nothing answers in time or
    the process ended), ProtocolError (it answers nonsense).
    """
    began = time.monotonic()
    conversation = _Conversation(reader, writer, hostname, times or DeployTimes())
    greeting = await conversation.greeting()
    outcome = choose(greeting, bundle, hostname, here, ephemeral=ephemeral)
    sent = 0
    if outcome is not DeployOutcome.SAME:
        program = InstalledProgram(version=bundle.version, digest=bundle.digest)
        if program in greeting.installed and not ephemeral:
            await conversation.use(program)
        else:
            data = await asyncio.to_thread(bundle.read)
            await conversation.install(program, data, ephemeral=ephemeral)
            sent = len(data)
    await conversation.start()
    before = greeting.newest()
    return Deployment(
        outcome=outcome,
        before=before.version if before else None,
        after=bundle.version,
        python=greeting.python,
        seconds=time.monotonic() - began,
        sent=sent,
    )


def choose(greeting: BootstrapGreeting, bundle: Bundle, hostname: str, here: str, *, ephemeral: bool) -> DeployOutcome:
    """Decide what a deployment does (requirement D1). Raises CheckError when the program there is newer."""
    try:
        before = greeting.newest()
        there = Version.parse(before.version) if before else None
    except FormatError as error:
        raise ProtocolError(f"{hostname} tells a version that is none: {error.message}") from error
    ours = Version.parse(bundle.version)
    if there is not None and there > ours:
        raise CheckError(
            f"{hostname} has pc-switcher {there}, newer than {ours} on {here}",
            f"upgrade {here}: sync once from {hostname}, or install pc-switcher {there} on {here}",
        )
    if greeting.current is not None and greeting.current.digest == bundle.digest:
        return DeployOutcome.SAME
    if ephemeral:
        return DeployOutcome.CARRIED
    if there is None:
        return DeployOutcome.INSTALLED
    return DeployOutcome.REPLACED if there == ours else DeployOutcome.UPGRADED


class _Conversation:
    """Our half of the bootstrap's protocol."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hostname: str, times: DeployTimes
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._hostname = hostname
        self._times = times

    async def greeting(self) -> BootstrapGreeting:
        """Wait for the first line, past what a login shell may print before it."""
        noise = 0
        async with self._patience(self._times.greeting, "did not start our program"):
            while noise <= _NOISE_LIMIT:
                line = await self._line()
                start = line.find(_GREETING)
                if start >= 0:
                    fields = self._object(line[start:])
                    del fields["pc-switcher"]
                    return self._greeting_of(fields)
                noise += len(line)
        raise ProtocolError(
            f"{self._hostname}: its login shell prints too much before our program starts",
            f"make this print one word only: ssh {self._hostname} echo ready",
        )

    async def use(self, program: InstalledProgram) -> None:
        """Have a program that is there already made the command."""
        await self._order({"do": "use", "version": program.version, "digest": program.digest})
        await self._done("use")

    async def install(self, program: InstalledProgram, data: bytes, *, ephemeral: bool) -> None:
        """Send a program and wait until it is verified and in its place."""
        order: dict[str, JsonValue] = {
            "do": "install",
            "version": program.version,
            "digest": program.digest,
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "ephemeral": ephemeral,
        }
        # When the other side gives up it closes its input; its reason is in the answer, which is read next.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await self._order(order)
            for start in range(0, len(data), _CHUNK):
                async with self._patience(self._times.chunk, "takes no more data"):
                    self._writer.write(data[start : start + _CHUNK])
                    await self._writer.drain()
        await self._done("install")

    async def start(self) -> None:
        """Have the agent started in the bootstrap's place."""
        try:
            await self._order({"do": "start"})
        except (BrokenPipeError, ConnectionResetError) as error:
            raise self._ended() from error

    async def _order(self, order: dict[str, JsonValue]) -> None:
        async with self._patience(self._times.chunk, "takes no more data"):
            self._writer.write(json.dumps(order).encode() + b"\n")
            await self._writer.drain()

    async def _done(self, order: str) -> None:
        async with self._patience(self._times.install, "did not finish the installation"):
            answer = self._object(await self._line())
        self._refuse_error(answer)
        if answer != {"done": order}:
            raise ProtocolError(f"{self._hostname} gave an unexpected answer during the installation")

    def _greeting_of(self, fields: dict[str, JsonValue]) -> BootstrapGreeting:
        self._refuse_error(fields)
        try:
            return from_json(BootstrapGreeting, fields)
        except FormatError as error:
            raise ProtocolError(f"{self._hostname} greets in an unknown way: {error.message}") from error

    def _refuse_error(self, answer: dict[str, JsonValue]) -> None:
        if "error" in answer:
            raise CheckError(
                f"{self._hostname}: {printable(str(answer['error']))}", printable(str(answer.get("hint", "")))
            )

    def _object(self, line: bytes) -> dict[str, JsonValue]:
        try:
            found: JsonValue = json.loads(line)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ProtocolError(f"{self._hostname} gave an answer that is no JSON object")
        return found

    async def _line(self) -> bytes:
        try:
            line = await self._reader.readline()
        except ValueError as error:  # asyncio: longer than the reader's limit
            raise ProtocolError(f"{self._hostname} sent a line without end") from error
        except ConnectionResetError as error:
            raise self._ended() from error
        if not line.endswith(b"\n"):
            raise self._ended()
        return line

    def _ended(self) -> ConnectError:
        return ConnectError(
            f"{self._hostname}: the connection ended while our program was being started",
            f"check that Python 3.11 or newer is there and that sudo works: ssh {self._hostname} sudo python3 -V",
        )

    @contextlib.asynccontextmanager
    async def _patience(self, seconds: float, failing: str) -> AsyncGenerator[None]:
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            raise ConnectError(
                f"{self._hostname} {failing} within {seconds:.0f} s", "check the connection and try again"
            ) from None
