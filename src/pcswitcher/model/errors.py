"""The one tree of errors.

Every error says what is wrong on which machine (``message``), what mends it (``hint``) and which exit
code the program ends with. The edge (``faces``) decides what is shown; everyone else raises.

::

    PcSwitcherError                     1   anything else
    ├── UsageError                      2   the command line
    ├── SettingsError                  10   a settings or rules file
    ├── BusyError                      11   a lock is held
    ├── ConnectError                   12   cannot connect or log in
    │   └── ConnectionLostError        12   the link or the agent went away during the run
    ├── CheckError                     13   a check forbids the run
    │   └── GuardError                 13   a guard of the file engine halted before the first write
    ├── QuestionError                  14   a question needs an answer and nobody was asked
    ├── VerificationError              15   what was applied is not what was planned
    ├── UnsafeStateError               20   rollback advised
    ├── InterruptedRunError           130   Ctrl-C, SIGTERM
    ├── StoppedRunError                 1   a job told that the run must not go on
    ├── PlanningError                   1   no job could be planned
    ├── ProtocolError                   1   the other side broke the rules of the wire
    ├── FormatError                     1   a file or message is not of the expected form
    ├── ProgramError                    1   a program ended with a failure
    ├── ProgramTimeoutError             1   a program did not end in its time
    ├── CancelledCallError              1   a call was cancelled on its machine
    ├── FunctionError                   1   a function of ours failed unexpectedly on a machine
    ├── SnapshotError                   1   btrfs refused
    └── ApplyError                      1   an item could not be applied
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """Exit codes of the command line (design: unknown ones count as failure)."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    CHANGES_PENDING = 4
    SETTINGS = 10
    BUSY = 11
    CONNECT = 12
    CHECK = 13
    QUESTION = 14
    VERIFICATION = 15
    UNSAFE = 20
    INTERRUPTED = 130


class PcSwitcherError(Exception):
    """Base of everything we raise on purpose.

    ``message`` is one sentence for a person, with hostnames. ``hint`` names the command or step that
    mends it; empty when there is none.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(PcSwitcherError):
    """The command line makes no sense."""

    exit_code = ExitCode.USAGE


class SettingsError(PcSwitcherError):
    """A settings or rules file is wrong; the message names file and line."""

    exit_code = ExitCode.SETTINGS


class BusyError(PcSwitcherError):
    """A machine takes part in another run; the message says who, which and since when."""

    exit_code = ExitCode.BUSY


class ConnectError(PcSwitcherError):
    """A machine cannot be reached, logged in to, or driven as root."""

    exit_code = ExitCode.CONNECT


class ConnectionLostError(ConnectError):
    """The link to a machine, or the agent on it, went away during the run."""


class CheckError(PcSwitcherError):
    """A check forbids the run."""

    exit_code = ExitCode.CHECK


class GuardError(CheckError):
    """A guard of the file engine halted before the first write."""


class QuestionError(PcSwitcherError):
    """A question needs an answer and nobody was there to give it."""

    exit_code = ExitCode.QUESTION


class VerificationError(PcSwitcherError):
    """What was read back differs from what was planned."""

    exit_code = ExitCode.VERIFICATION


class UnsafeStateError(PcSwitcherError):
    """The target is in a state that should be rolled back."""

    exit_code = ExitCode.UNSAFE


class InterruptedRunError(PcSwitcherError):
    """A person or the system told the run to stop."""

    exit_code = ExitCode.INTERRUPTED


class StoppedRunError(PcSwitcherError):
    """A job told that the run must not go on (a CRITICAL line), or did not stop in its time."""


class PlanningError(PcSwitcherError):
    """No job could say what it would do."""


class ProtocolError(PcSwitcherError):
    """The other side of a connection broke the rules of the wire."""


class FormatError(PcSwitcherError):
    """A file or message does not have the expected form."""


class ProgramError(PcSwitcherError):
    """A program ended with a failure."""


class ProgramTimeoutError(PcSwitcherError):
    """A program did not end within its time and was ended."""


class CancelledCallError(PcSwitcherError):
    """A call was cancelled on the machine where it ran."""


class FunctionError(PcSwitcherError):
    """A function of ours failed in a way it did not foresee; the message holds the cause."""


class SnapshotError(PcSwitcherError):
    """A subvolume or snapshot could not be read, made or deleted."""


class ApplyError(PcSwitcherError):
    """An item of the plan could not be applied."""


def error_types() -> dict[str, type[PcSwitcherError]]:
    """Every class of the tree by its name, so that an error can cross a connection and stay itself."""
    found: dict[str, type[PcSwitcherError]] = {}
    waiting: list[type[PcSwitcherError]] = [PcSwitcherError]
    while waiting:
        current = waiting.pop()
        found[current.__name__] = current
        waiting.extend(current.__subclasses__())
    return found
