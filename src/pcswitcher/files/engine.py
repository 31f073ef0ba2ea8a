"""The file engine's phases, as the files job calls them: capture, diff, guard, apply, verify.

Both machines are read from snapshots by their agents; ``diff`` is pure; ``apply`` moves everything that
must travel into a stage on the target's own filesystem first and only then, path by path, into place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pcswitcher.files.applying import ApplyProgress, ApplyReport, apply
from pcswitcher.files.change import TreeDelta
from pcswitcher.files.delta import compare
from pcswitcher.files.manifest import Capture, DirectoryFile
from pcswitcher.files.place import TreePlace
from pcswitcher.files.rules import RuleTexts
from pcswitcher.files.scan import scan_directories, scan_tree
from pcswitcher.files.transfer import batches
from pcswitcher.files.verify import Difference, ReadBack
from pcswitcher.machine.api import Listener, Machine, ProgressReport
from pcswitcher.model.errors import SettingsError

__all__ = [
    "ApplyProgress",
    "ApplyReport",
    "Difference",
    "TreePlace",
    "apply",
    "capture",
    "capture_both",
    "diff",
    "verify",
]

_BATCH = 256 * 1024


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
    chunks: list[bytes] = []

    def report(told: ProgressReport) -> None:
        if progress is not None:
            progress(told.done)

    listener = Listener(progress=report, chunk=chunks.append)
    summary = await machine.call_listening(listener, scan_tree, directory, rules, directory_files)
    return Capture(tuple(chunks), summary)


async def capture_both(
    source: Machine,
    target: Machine,
    place: TreePlace,
    rules: RuleTexts,
    *,
    progress: Callable[[str, int], None] | None = None,
) -> tuple[Capture, Capture]:
    """Read one tree on both machines at once, the source's ``.pcswitcherignore`` files governing both.

    Where the target's own such files differ, it is read once more with the source's.
    ``progress`` is told the machine's name and its entries read.
    """

    def told(machine: Machine) -> Callable[[int], None]:
        return lambda entries: progress(machine.name, entries) if progress is not None else None

    reading = asyncio.create_task(capture(source, place.source_directory, rules, progress=told(source)))
    other = asyncio.create_task(_capture_if_readable(target, place.target_directory, rules, told(target)))
    try:
        mine, theirs = await asyncio.gather(reading, other)
    except SettingsError as error:
        raise SettingsError(f"{source.name}: {error.message}", error.hint) from error
    finally:
        reading.cancel()
        other.cancel()
        await asyncio.gather(reading, other, return_exceptions=True)
    files = await asyncio.to_thread(mine.directory_files)
    if theirs is None or files != await asyncio.to_thread(theirs.directory_files):
        again = capture(target, place.target_directory, rules, progress=told(target), directory_files=files)
        theirs = await again
    return mine, theirs


async def _capture_if_readable(
    machine: Machine, directory: bytes, rules: RuleTexts, progress: Callable[[int], None]
) -> Capture | None:
    """The target's state under its own ignore files; None when one of them is wrong: they do not govern anyway."""
    try:
        return await capture(machine, directory, rules, progress=progress)
    except SettingsError:
        return None


async def diff(source: Capture, target: Capture) -> TreeDelta:
    """Compare two captures of one tree, off the event loop. Pure: see ``delta.compare``."""
    return await asyncio.to_thread(compare, source, target)


async def verify(
    delta: TreeDelta, target: Machine, place: TreePlace, failed: frozenset[bytes] = frozenset()
) -> tuple[Difference, ...]:
    """Read back every path of the delta but the ``failed`` ones from the target's live tree.

    Compared off the event loop: there may be very many.
    """

    def begin() -> ReadBack:
        return ReadBack((change for change in delta.changes if change.path not in failed), delta.flag_mask)

    def take(capture: Capture) -> None:
        for block in capture.blocks():
            read_back.take(block)

    read_back = await asyncio.to_thread(begin)
    for batch in batches(read_back.directories(), len, _BATCH):
        chunks: list[bytes] = []
        listener = Listener(chunk=chunks.append)
        summary = await target.call_listening(listener, scan_directories, place.target_tree, batch)
        await asyncio.to_thread(take, Capture(tuple(chunks), summary))
    return await asyncio.to_thread(read_back.finish)
