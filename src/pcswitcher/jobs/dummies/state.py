"""The state of a dummy: a note, in a file of its own below root's home."""

from __future__ import annotations

import os

import attrs

HOME = b"/root"
"""The tree of the dummies: every machine has it, and a subvolume that holds it."""
FOLDER = b".local/state/pc-switcher/dummies"
"""Where the notes are, below HOME. The shipped rules keep it out of the job ``files``."""
LONGEST = 4096
"""Most bytes of a note."""


@attrs.frozen
class Note:
    """What one machine has noted for one dummy; None: nothing."""

    text: str | None


def note_path(directory: bytes, job: str) -> bytes:
    """Where the note of a dummy is, in a home or its snapshot."""
    return os.path.join(directory, FOLDER, job.encode())
