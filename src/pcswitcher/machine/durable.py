"""The one place that replaces files of ours: atomically, and so that a power cut leaves the old or the new one."""

from __future__ import annotations

import contextlib
import os
import tempfile


def write_file(path: str, text: str, mode: int = 0o644) -> None:
    """Replace the file at ``path`` by ``text``; its directory must exist. Raises OSError, the old file then stays."""
    directory = os.path.dirname(path)
    descriptor, temporary = tempfile.mkstemp(dir=directory, prefix=".new-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync_directory(directory)


def sync_directory(directory: str) -> None:
    """Make the names in a directory durable (fsync(2) of a file does not include its name)."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
