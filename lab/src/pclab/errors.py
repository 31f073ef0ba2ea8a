"""Errors of the lab.

LabError
├── WrongUsageError   the command line asks for something that cannot be
├── HostUnfitError    this box cannot carry a lab
├── ProgramError      a program of the box ended with an error
├── NotReadyError     a PC did not come up
└── RealMachineError  the two real machines are not prepared, or somebody else uses them
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence


class LabError(Exception):
    """Something the user can read and mend.

    Given a message that names what is wrong, and a hint: the command or step that mends it.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class WrongUsageError(LabError):
    """The command line asks for something that cannot be."""


class HostUnfitError(LabError):
    """This box cannot carry a lab."""


class ProgramError(LabError):
    """A program of the box ended with an error; the message can be pasted into a shell."""

    def __init__(self, argv: Sequence[str], status: int, stderr: str) -> None:
        super().__init__(f"`{shlex.join(argv)}` ended with status {status}: {stderr.strip() or 'it said nothing'}")
        self.argv = tuple(argv)
        self.status = status
        self.stderr = stderr


class NotReadyError(LabError):
    """A PC did not come up."""


class RealMachineError(LabError):
    """The two real machines are not prepared, or somebody else uses them."""
