"""The remote shell rsync is given when sudo on the other PC needs a password.

rsync starts it instead of ssh. It starts ssh, writes the password's line first, which sudo there reads, and
then hands on everything rsync writes. What comes back goes straight from ssh to rsync.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from typing import IO

PASSWORD_VARIABLE = "PC_SWITCHER_SUDO_PASSWORD"  # noqa: S105 - the name of the variable, not a password
PIECE = 1024 * 1024


def main(command: list[str]) -> int:
    """Run ``command`` with the password before its input; gives its exit status."""
    password = os.environb.pop(os.fsencode(PASSWORD_VARIABLE))
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    if process.stdin is None:
        raise RuntimeError("a pipe was asked for")
    # rsync waits for our end while it still holds our input open, so ssh's end must be ours, whatever is to be read.
    threading.Thread(target=_feed, args=(process.stdin, password + b"\n"), daemon=True).start()
    return process.wait()


def _feed(sink: IO[bytes], first: bytes) -> None:
    """Give ``first`` to ``sink``, and then our whole input."""
    with contextlib.suppress(BrokenPipeError):  # ssh has ended; its status says why
        _write(sink.fileno(), first)
        while piece := os.read(0, PIECE):
            _write(sink.fileno(), piece)
    sink.close()


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
