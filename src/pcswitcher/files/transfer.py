"""Moving content from the source's snapshot into the target's stage, with rsync run by the source's agent."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import TypeVar

import attrs

from pcswitcher.files.rsync import Frame, OutputParser, arguments, check_end
from pcswitcher.machine.api import Completed, Context, Machine, exposed
from pcswitcher.machine.ssh import RemoteShell
from pcswitcher.model.errors import ApplyError
from pcswitcher.model.secret import Secret

T = TypeVar("T")

LISTS = b"/run/pc-switcher/lists"
_BATCH = 256 * 1024
_LABEL = re.compile(r"[A-Za-z0-9-]{1,100}")


@exposed
def write_list(context: Context, label: str, paths: tuple[bytes, ...], first: bool) -> bytes:  # noqa: FBT001 - travels as JSON
    """Write (``first``) or extend the list of paths called ``label``; gives the file's path.

    It stands where only root can write, so that nobody can slip a path in. Raises ApplyError.
    """
    path = _list_path(label)
    try:
        os.makedirs(os.path.dirname(LISTS), mode=0o755, exist_ok=True)
        os.makedirs(LISTS, mode=0o700, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | (os.O_TRUNC if first else os.O_APPEND)
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            file.write(b"".join(one + b"\0" for one in paths))
    except OSError as error:
        raise ApplyError(f"the list of files cannot be written: {error.strerror}") from error
    return path


@exposed
def remove_list(context: Context, label: str) -> None:
    """Remove the list of paths called ``label``, if it is there."""
    try:
        os.unlink(_list_path(label))
    except FileNotFoundError:
        return


@exposed
def stand_by(context: Context) -> None:
    """Do nothing until cancelled. The call fails as soon as the machine is lost: that is what it is for."""
    while True:
        context.check_cancelled()
        time.sleep(0.02)


def _list_path(label: str) -> bytes:
    if not _LABEL.fullmatch(label):
        raise ApplyError(f"{label!r} can be no name of a list")
    return LISTS + b"/" + label.encode()


@attrs.frozen
class Transfer:
    """One rsync: the machines, the directory read, the directory written to, the live tree, the list's label."""

    source: Machine
    target: Machine
    directory: bytes
    destination: bytes
    basis: bytes
    label: str
    shell: RemoteShell | None


@attrs.frozen(kw_only=True)
class TransferSink:
    """Who is told how a transfer goes, in this order."""

    written: Callable[[int], None]
    """How many paths are in the list that rsync is given."""
    listed: Callable[[int], None]
    """How many of them rsync has looked at."""
    name: Callable[[str], None]
    """A path that travels, safe to show."""
    frame: Callable[[Frame], None]
    """How many bytes have."""


async def transfer(job: Transfer, paths: Sequence[bytes], sink: TransferSink) -> tuple[str, ...]:
    """Carry exactly ``paths``; gives rsync's complaints about paths it could not carry.

    Raises ConnectionLostError, ApplyError (see ``rsync.check_end``).
    """
    try:
        listing = await _write_paths(job.source, job.label, paths, sink.written)
        parser = OutputParser(sink.frame, sink.name, sink.listed)
        words = arguments(job.directory, listing, job.destination, job.basis, job.shell)
        environment: dict[str, str | Secret] = {"LC_ALL": "C", **(job.shell.environment if job.shell else {})}
        running = job.source.run(words, environment=environment, listener=parser.feed)
        completed = await _while_there(job.target, running)
        parser.feed(2, b"\n")
        return check_end(completed.status, parser.complaints, job.source.name, job.target.name)
    finally:
        await job.source.call(remove_list, job.label)


async def _while_there(target: Machine, work: Coroutine[object, object, Completed]) -> Completed:
    """Await ``work``, but only while ``target`` is there. Raises ConnectionLostError.

    rsync has a session of its own there: without its agent it would carry on to the end, for nothing.
    """
    working = asyncio.ensure_future(work)
    standing = asyncio.ensure_future(target.call(stand_by))
    try:
        await asyncio.wait((working, standing), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            standing.result()
        return await working
    finally:
        working.cancel()
        standing.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await asyncio.gather(standing, return_exceptions=True)


async def _write_paths(machine: Machine, label: str, paths: Sequence[bytes], written: Callable[[int], None]) -> bytes:
    listing = b""
    done = 0
    for batch in batches(paths, len, _BATCH):
        listing = await machine.call(write_list, label, batch, not done)
        done += len(batch)
        written(done)
    return listing


def batches(items: Sequence[T], weight: Callable[[T], int], limit: int) -> Iterator[tuple[T, ...]]:
    """Cut ``items`` into runs whose weights (plus 100 each) add up to at most ``limit``, or single items."""
    batch: list[T] = []
    total = 0
    for item in items:
        cost = weight(item) + 100
        if batch and total + cost > limit:
            yield tuple(batch)
            batch, total = [], 0
        batch.append(item)
        total += cost
    if batch:
        yield tuple(batch)
