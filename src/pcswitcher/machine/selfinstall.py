"""``sudo ./pc-switcher self-install``: the running program becomes this machine's command, as a deployment does it."""

from __future__ import annotations

import os
import sys

from pcswitcher.machine.bundle import describe_installation
from pcswitcher.machine.deployed import Layout, Refusal, install
from pcswitcher.model.errors import CheckError, PcSwitcherError


def install_here(prefix: str = "") -> str:
    """Install the running program below ``prefix`` (tests; normally ``/``). Gives its version.

    Raises CheckError when not root, or when a place is not safe or not ours.
    """
    if os.geteuid() != 0 and not prefix:
        raise CheckError("only root can install pc-switcher for everyone", "sudo ./pc-switcher self-install")
    bundle = describe_installation()
    try:
        install(Layout(prefix), bundle.read(), bundle.version, bundle.digest)
    except Refusal as refusal:
        raise CheckError(refusal.message, refusal.hint) from refusal
    except OSError as error:
        raise CheckError(f"pc-switcher could not be installed: {error}") from error
    return bundle.version


def main() -> int:
    """Run the command. Gives the exit code."""
    if len(sys.argv) > 2:
        sys.stderr.write("usage: sudo ./pc-switcher self-install\n")
        return 2
    try:
        version = install_here()
    except PcSwitcherError as error:
        sys.stderr.write(f"pc-switcher: {error}\n")
        return error.exit_code
    sys.stdout.write(f"pc-switcher {version} is installed: {Layout().command}\n")
    return 0
