"""The terminal under the screen: one that may hang, be closed, or must be given back at once."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import termios
import threading
from io import TextIOWrapper
from typing import TextIO, cast

from textual import events
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

GIVEN_BACK = (
    "\x1b[?2004l"  # no bracketed paste
    "\x1b[?7h"  # lines wrap
    "\x1b[?2048l"  # no reports of its size
    "\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l"  # no mouse
    "\x1b[<u"  # keys as before
    "\x1b[?1049l"  # the normal screen
    "\x1b[?25h"  # the cursor
    "\x1b[?1004l"  # no reports of focus
)
"""What undoes everything textual asks of a terminal (xterm's control sequences, kitty's keyboard protocol)."""
PATIENCE = 1.0
"""Seconds a terminal that hangs may hold up an end at once."""


class Unfailing:
    """A stream that takes what it is given even when nobody reads it any more: a closed terminal must not end a run."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.behind = False
        """Whether something waits to be written. Textual's writing thread flushes when it has written all."""

    def write(self, text: str, /) -> int:
        """Write, if that is possible."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what is left, if that is possible."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()
        self.behind = False

    def fileno(self) -> int:
        """The descriptor below."""
        return self._stream.fileno()


class TerminalDriver(LinuxDriver):
    """Textual's driver, drawing on standard output, with Ctrl-C as the signal it is everywhere else."""

    def __init__(
        self, app: App[object], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        assert sys.__stdout__ is not None
        self._stream = Unfailing(sys.__stdout__)
        self._file = cast("TextIOWrapper", self._stream)  # its writing thread writes and flushes, nothing more

    @property
    def is_behind(self) -> bool:
        """Whether the terminal has not taken yet what was drawn before: then there is no use in drawing more."""
        return self._stream.behind

    def write(self, data: str) -> None:
        """See Driver."""
        self._stream.behind = True
        super().write(data)

    def process_message(self, message: Message) -> None:
        """Take what the terminal sent, in the thread that reads it.

        Ctrl-C goes its way even when the event loop is busy with a long calculation.
        """
        if isinstance(message, events.Key) and message.key == "ctrl+c":
            os.kill(os.getpid(), signal.SIGINT)
            return
        super().process_message(message)

    def give_back_now(self) -> None:
        """Make the terminal as it was, before this process ends without any ceremony. Waits a second at most."""
        leaving = threading.Thread(target=self._leave, daemon=True)
        leaving.start()
        leaving.join(PATIENCE)
        # Last: from then on Ctrl-C is the kernel's, which drops what a slow terminal has not read yet (termios(3)).
        if self.attrs_before is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)

    def _leave(self) -> None:
        if self._writer_thread is not None and self._writer_thread.is_alive():
            self._writer_thread.write(GIVEN_BACK)
            self._writer_thread.stop()
        else:  # textual was leaving already, and what it wrote last may have been dropped with the Ctrl-C
            self._stream.write(GIVEN_BACK)
            self._stream.flush()


def forget_signals() -> None:
    """Undo what textual's driver does to job control and does not take back at its end."""
    for number in (signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH):
        signal.signal(number, signal.SIG_DFL)
