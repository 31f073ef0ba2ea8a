"""Reading a dummy's note, on the machine that has it."""

from __future__ import annotations

import os
import stat

from pcswitcher.jobs.api import Context, FormatError, escape, exposed
from pcswitcher.jobs.dummies.state import LONGEST, Note


@exposed
def read_note(context: Context, path: bytes) -> Note:
    """The note in the file at ``path``; a file that is not there is no note.

    Raises FormatError for what is no short text: it never counts as no note.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return Note(None)
    except OSError as error:
        raise FormatError(f"{os.uname().nodename}: {escape(path)} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _no_note(path)
    with open(descriptor, "rb") as file:
        data = file.read(LONGEST + 1)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _no_note(path) from error
    if len(data) > LONGEST:
        raise _no_note(path)
    return Note(text)


def _no_note(path: bytes) -> FormatError:
    shown = escape(path)
    return FormatError(
        f"{os.uname().nodename}: {shown} is no text of at most {LONGEST} bytes", f"remove it: rm {shown}"
    )
