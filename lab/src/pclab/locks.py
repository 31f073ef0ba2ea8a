"""One user of a thing at a time, on this box."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Generator
from pathlib import Path

from pclab.errors import LabError


@contextlib.contextmanager
def held(path: Path, *, holder: str, wait: float, say: Callable[[str], None]) -> Generator[None]:
    """Hold an exclusive lock on a file for the length of a with block.

    Given the file (its folder must exist), words that say who holds it, how long to wait in seconds, and where
    to say that we wait. Raises LabError, naming the holder, when it is not free in time. The kernel frees the
    lock when the process ends, however it ends (flock(2)).
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        _take(descriptor, path, wait, say)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{holder}, since {time.strftime('%Y-%m-%d %H:%M:%S')}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path, wait: float, say: Callable[[str], None]) -> None:
    deadline = time.monotonic() + wait
    said = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = path.read_text(errors="replace").strip() or "somebody who did not say"
            if time.monotonic() >= deadline:
                raise LabError(f"{path} is held by {owner}", "wait for it to end") from None
            if not said:
                say(f"waiting for {owner}")
                said = True
            time.sleep(0.1)
        else:
            return
