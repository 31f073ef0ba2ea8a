"""Writing lines to a stream that may go away: a pipe whose reader ended, a full disk, a closed terminal."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TextIO


class Lines:
    """Writes lines, each at once. When the stream fails it falls silent: a run never ends for want of a listener."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._silent = False

    def write(self, lines: Iterable[str]) -> None:
        """Write each line with its end."""
        if self._silent:
            return
        try:
            self._stream.writelines(line + "\n" for line in lines)
            self._stream.flush()
        except OSError:
            self._silent = True
            discard(self._stream)


def discard(stream: TextIO) -> None:
    """Let what is still buffered in ``stream`` go nowhere: the interpreter writes it at its end and would fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.dup2(nowhere, stream.fileno())
    finally:
        os.close(nowhere)
