"""Becoming root, without ever reading a prompt.

Either sudo needs no password (``sudo -n``), or the person is asked once by our own face and sudo reads the
answer from its standard input (``sudo -k -S -p ''``: no cached credentials, no prompt text; sudo(8) and sudo-rs
agree on these options).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs

from pcswitcher.model.errors import ConnectError
from pcswitcher.model.secret import Secret

AskPassword = Callable[[str], Awaitable[str | None]]
"""Asks a person for the sudo password of the named machine; None: nobody is there."""


@attrs.frozen
class Sudo:
    """How commands become root on one machine. ``password`` is what sudo is told, None when it asks for none."""

    password: Secret | None = None
    needed: bool = True

    @property
    def input(self) -> bytes:
        """What sudo reads before everything else: the line with the password, or nothing."""
        return self.password.reveal().encode() + b"\n" if self.password else b""

    def command(self, *arguments: str) -> tuple[str, ...]:
        """``arguments`` as root.

        Always through env(1): sudoers may free single programs of the password, and a password line that sudo does
        not ask for would reach the program. So what sudo demands for one command it demands for all of ours.
        """
        if not self.needed:
            return arguments
        if self.password is None:
            return ("sudo", "-n", "--", "env", *arguments)
        return ("sudo", "-k", "-S", "-p", "", "--", "env", *arguments)


ALREADY_ROOT = Sudo(needed=False)
WITHOUT_PASSWORD = Sudo()


async def ask_nobody(_: str) -> str | None:
    """An AskPassword for runs without a person."""
    return None


async def with_password(hostname: str, ask: AskPassword) -> Sudo:
    """Ask for the password of ``hostname``. Raises ConnectError when nobody answers."""
    password = await ask(hostname)
    if password is None:
        raise ConnectError(
            f"{hostname}: sudo needs a password and nobody is here to type it",
            "run this in a terminal; or free this account there of sudo's password for all commands: "
            "sudo visudo -f /etc/sudoers.d/pc-switcher",
        )
    if "\n" in password or "\0" in password:
        raise ConnectError(f"{hostname}: a password cannot hold a newline", "type it again")
    return Sudo(Secret(password))


def wrong_password(hostname: str) -> ConnectError:
    """Explain that sudo did not take the password."""
    return ConnectError(
        f"{hostname}: sudo does not take this password, or does not let this account become root",
        f"check on {hostname}: sudo -v",
    )


def refused(hostname: str, words: str) -> ConnectError:
    """Explain that our program did not start as root; ``words`` is what was printed instead."""
    last = words.strip().splitlines()
    reason = f": {last[-1]}" if last else ""
    return ConnectError(
        f"{hostname}: our agent could not be started as root{reason}",
        f"check on {hostname} that `sudo -v` works for this account and that the password is right",
    )
