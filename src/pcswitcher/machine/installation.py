"""How this very program is started again, as an agent, on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pcswitcher


def program_command(*arguments: str) -> tuple[str, ...]:
    """The command that starts this program with ``arguments``, isolated from the caller's environment.

    Three kinds of installation: the bundle (a zip file), the deployed directory (``lib`` beside the command),
    a Python environment (pip, pipx, a virtual environment).
    """
    package = Path(pcswitcher.__file__).parent
    archive = package.parent
    if archive.is_file():
        return (sys.executable, "-I", str(archive), *arguments)
    command = archive.parent / "pc-switcher"
    if archive.name == "lib" and command.is_file():
        return (sys.executable, "-I", str(command), *arguments)
    return (sys.executable, "-I", "-m", "pcswitcher", *arguments)
