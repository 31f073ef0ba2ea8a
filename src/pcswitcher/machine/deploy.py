"""Bring the same pc-switcher to a machine, over the connection that already stands.

The other side is ``bootstrap.py``, started there as root with ``bootstrap_command``. Its protocol (JSON lines)
and this module's are two halves of one thing; after ``deploy`` returns, the same streams belong to the agent.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum

import attrs

from pcswitcher.machine.bundle import Bundle


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


def bootstrap_command(python: str = "python3", *, prefix: str = "") -> tuple[str, ...]:
    """Arguments that start the bootstrap; put ``sudo -n`` before them and join with ``shlex.join`` for ssh.

    ``prefix`` is a directory that stands for ``/`` (tests).
    """
    raise NotImplementedError


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
    raise NotImplementedError
