"""The file engine's phases, as the files job calls them: capture, diff, guard, apply, verify.

Both machines are read from snapshots by their agents; ``diff`` is pure; ``apply`` moves everything that
must travel into a stage on the target's own filesystem first and only then, path by path, into place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import attrs

from pcswitcher.files.change import PathProblem, TreeDelta
from pcswitcher.files.manifest import Capture, DirectoryFile
from pcswitcher.files.rules import RuleTexts
from pcswitcher.machine.api import Machine
from pcswitcher.machine.ssh import RemoteShell


@attrs.frozen
class TreePlace:
    """Where a tree is on both machines: the directories read from (snapshots), and the target's live tree.

    All absolute. ``source_directory`` is what rsync reads; ``target_tree`` what is written to.
    """

    source_directory: bytes
    target_directory: bytes
    target_tree: bytes


@attrs.frozen
class ApplyProgress:
    """How far an apply is: its phase ("transfer", "install", "delete", "metadata"), bytes or paths done, and
    the rate in bytes per second (0: not known). ``item`` is the path worked on, escaped.
    """

    phase: str
    done: int
    total: int
    unit: str
    item: str = ""
    rate: float = 0.0


@attrs.frozen
class ApplyReport:
    """What an apply did: how many paths are as planned, which are not and why, words from rsync."""

    done: int
    failed: tuple[PathProblem, ...]
    moved_bytes: int
    warnings: tuple[str, ...] = ()


@attrs.frozen
class Difference:
    """A path that is not as planned after apply, in words: "mode", "missing", "still there"."""

    path: bytes
    why: tuple[str, ...]


ProgressSink = Callable[[ApplyProgress], None]


async def capture(
    machine: Machine,
    directory: bytes,
    rules: RuleTexts,
    *,
    progress: Callable[[int], None] | None = None,
    directory_files: tuple[DirectoryFile, ...] | None = None,
) -> Capture:
    """Read the state of one tree on one machine.

    ``progress`` is told the number of entries read. ``directory_files``: the ``.pcswitcherignore`` files
    that govern the tree; None means those found in it. Raises GuardError when the directory is missing or
    no directory, PcSwitcherError when any entry could not be read.
    """
    raise NotImplementedError


async def capture_both(
    source: Machine,
    target: Machine,
    place: TreePlace,
    rules: RuleTexts,
    *,
    progress: Callable[[str, int], None] | None = None,
) -> tuple[Capture, Capture]:
    """Read one tree on both machines at once, the source's ``.pcswitcherignore`` files governing both."""
    raise NotImplementedError


async def diff(source: Capture, target: Capture) -> TreeDelta:
    """Compare two captures of one tree, off the event loop. Pure: see ``delta.compare``."""
    raise NotImplementedError


async def apply(
    delta: TreeDelta,
    source: Machine,
    target: Machine,
    place: TreePlace,
    *,
    run: str,
    shell: RemoteShell | None = None,
    progress: ProgressSink | None = None,
) -> ApplyReport:
    """Make the target's live tree what the delta says.

    ``run`` is the run's label (letters, digits, dash). ``shell`` None: both trees are on one machine (tests).
    Paths that changed since the delta was made are left alone and reported. Raises ApplyError when nothing
    could be transferred (disk full, rsync unusable), ConnectionLostError when the link went away; then
    nothing is changed on the target but the stage, which the next run removes.
    """
    raise NotImplementedError


async def verify(
    delta: TreeDelta, target: Machine, place: TreePlace, failed: frozenset[bytes]
) -> tuple[Difference, ...]:
    """Read back every path of the delta but the ``failed`` ones from the target's live tree."""
    raise NotImplementedError
