"""Becoming root, without ever reading a prompt.

Either sudo needs no password (``sudo -n``), or the person is asked once by our own face and sudo reads the
answer from its standard input (``sudo -k -S -p ''``: no cached credentials, no prompt text; sudo(8) and sudo-rs
agree on these options).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pcswitcher.model.errors import ConnectError

AskPassword = Callable[[str], Awaitable[str | None]]
"""Asks a person for the sudo password of the named machine; None: nobody is there."""

WITHOUT_PASSWORD = ("sudo", "-n", "--")
WITH_PASSWORD = ("sudo", "-k", "-S", "-p", "", "--")


async def ask_nobody(_: str) -> str | None:
    """An AskPassword for runs without a person."""
    return None


async def password_for(hostname: str, ask: AskPassword) -> bytes:
    """Ask for the password of ``hostname`` and give the line sudo reads. Raises ConnectError without one."""
    password = await ask(hostname)
    if password is None:
        raise ConnectError(
            f"{hostname}: sudo needs a password and nobody is here to type it",
            f'run this in a terminal, or allow it on {hostname}: echo "$USER ALL=(ALL) NOPASSWD: ALL" | '
            "sudo EDITOR='tee' visudo -f /etc/sudoers.d/pc-switcher",
        )
    return password.encode() + b"\n"


async def wrong_password(process: asyncio.subprocess.Process, hostname: str) -> ConnectError:
    """Explain a sudo that ended before our program spoke, and end the process for good."""
    if process.returncode is None:
        process.kill()
    await process.wait()
    return ConnectError(
        f"{hostname}: sudo does not let us become root",
        f"check on {hostname} that `sudo -v` works for this account and that the password is right",
    )
