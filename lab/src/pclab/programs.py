"""The one place of the lab that runs programs of the box."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from pclab.errors import LabError, ProgramError


def run(
    argv: Sequence[str], *, timeout: float = 60, check: bool = True, stdin: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end and give back its output.

    Given an argument list, a limit in seconds and the bytes for its standard input.
    Raises ProgramError when it ends with an error and check is set, LabError when it is missing or too slow.
    """
    try:
        done = subprocess.run(list(argv), input=stdin or b"", capture_output=True, timeout=timeout, check=False)
    except FileNotFoundError:
        raise LabError(f"the program {argv[0]} is missing", "install the packages in lab/packages.txt") from None
    except subprocess.TimeoutExpired:
        raise LabError(f"{' '.join(argv)} had not ended after {timeout:g} s") from None
    if check and done.returncode != 0:
        raise ProgramError(argv, done.returncode, done.stderr.decode(errors="replace"))
    return done


def output(argv: Sequence[str], *, timeout: float = 60) -> str:
    """Standard output of a program as text, without the last newline. Raises as run does."""
    return run(argv, timeout=timeout).stdout.decode(errors="surrogateescape").rstrip("\n")
