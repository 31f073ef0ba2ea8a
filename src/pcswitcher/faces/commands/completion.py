"""`pc-switcher completion`: the shell's completion script."""

from __future__ import annotations

import sys
from typing import Literal


def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print the completion script for a shell.

    bash: pc-switcher completion bash > ~/.local/share/bash-completion/completions/pc-switcher

    Parameters
    ----------
    shell
        bash, zsh or fish.
    """
    from pcswitcher.faces.cli import app

    sys.stdout.write(app.generate_completion(shell=shell) + "\n")
