"""Writing a dummy's note on the target, and taking time on a machine."""

from __future__ import annotations

import asyncio
import contextlib
import os

from pcswitcher.jobs.api import ApplyError, Context, Listener, Machine, escape, exposed, write_file
from pcswitcher.jobs.dummies.practice import Line, practise
from pcswitcher.jobs.dummies.state import Note


@exposed
def write_note(context: Context, path: bytes, note: Note) -> None:
    """Make the file at ``path`` hold the note, or be gone: its old or its new content at every moment.

    Raises ApplyError, the old note then stays.
    """
    try:
        if note.text is None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            return
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        write_file(os.fsdecode(path), note.text, 0o600)
    except OSError as error:
        raise ApplyError(
            f"{os.uname().nodename}: {escape(path)} cannot be written: {error.strerror}",
            f"look at it: sudo ls -la {escape(os.path.dirname(path))}",
        ) from error


async def take_time(
    machine: Machine, listener: Listener, seconds: float, lines: tuple[Line, ...], *, stubborn: bool
) -> None:
    """Keep a machine busy for so many seconds: a function of ours and a program, which both end with this."""
    sleeping = asyncio.ensure_future(machine.run(["sleep", f"{seconds:g}"]))
    try:
        await machine.call_listening(listener, practise, seconds, lines, stubborn)
        (await sleeping).check()
    finally:
        sleeping.cancel()
        await asyncio.gather(sleeping, return_exceptions=True)
