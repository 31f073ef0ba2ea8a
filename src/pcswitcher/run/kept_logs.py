"""A run's log for root: a bounded copy beside the run's record on both PCs.

The log itself belongs to the person who started the run, on the PC where they did. The copy tells the run's story on
the other PC, and after the person's own is gone: ``/var/lib/pc-switcher/runs/<label>/log.jsonl.gz``, of mode 0600.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from pcswitcher.machine.api import Context, Listener, Machine, exposed
from pcswitcher.machine.durable import sync_directory
from pcswitcher.machine.rpc import CHUNK_LIMIT, pack, unpack
from pcswitcher.model.errors import CheckError, FormatError, PcSwitcherError, ProtocolError
from pcswitcher.model.events import Event, Level, LogLine
from pcswitcher.run.bus import Bus
from pcswitcher.run.log_file import LogFile, line_of
from pcswitcher.run.logs import JsonObject, read_lines
from pcswitcher.run.paths import STATE_DIRECTORY
from pcswitcher.run.record import run_directory

NAME = "log.jsonl.gz"
UNFINISHED = ".log.new"
COPY_LIMIT = 8 * 1024 * 1024
"""Compressed bytes of a copy from which on only warnings and worse are taken into it."""
LAST_LIMIT = 256 * 1024
"""Compressed bytes of those."""
KEPT = 50
PATIENCE = 30.0
"""Seconds a copy may take; the run waits for it at its end."""
_COMMON = tuple(f'{{"type":"log-line","schema":1,"level":"{level.name}"'.encode() for level in Level if level < 30)
_DEBUG = _COMMON[0]


@attrs.frozen(kw_only=True)
class KeptLog:
    """A copy of the log of a run."""

    label: str
    size: int


async def keep_log_there(machine: Machine, label: str, path: Path, last: Event | None = None, keep: int = KEPT) -> None:
    """Leave a copy of the log at ``path`` on ``machine``, for root; only so many newest runs keep theirs there.

    ``last`` is an event that is not in the log yet: how the run ends. Lines at DEBUG are left out, and what is over
    COPY_LIMIT. Raises CheckError when either file cannot be read or written.
    """
    data = await asyncio.to_thread(_packed, path, last)
    for start in range(0, len(data), CHUNK_LIMIT):
        piece = data[start : start + CHUNK_LIMIT]
        is_last = start + len(piece) == len(data)
        await machine.call(write_kept_log, label, start, pack(piece), keep if is_last else 0)


async def keep_copies(machines: Sequence[Machine], label: str, log: LogFile, bus: Bus, keep: int = KEPT) -> None:
    """Leave a copy of ``log`` as it is now on each machine. What fails is a line in the log, never a failure."""
    await asyncio.to_thread(log.flush)
    await asyncio.gather(*(_keep_copy(machine, label, log.path, bus, keep) for machine in machines))


async def _keep_copy(machine: Machine, label: str, path: Path, bus: Bus, keep: int) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            await keep_log_there(machine, label, path, keep=keep)
    except (PcSwitcherError, TimeoutError) as error:
        bus.log(Level.FULL, f"no copy of the log could be kept: {error}", machine.name)


async def fetch_log(machine: Machine, label: str) -> tuple[JsonObject, ...] | None:
    """The events of the copy that ``machine`` keeps of a run's log; None when it keeps none."""
    data = bytearray()
    found = await machine.call_listening(Listener(chunk=data.extend), read_kept_log, label)
    return tuple(read_packed(bytes(data))) if found else None


def read_packed(data: bytes) -> Iterator[JsonObject]:
    """The events of a compressed log. Raises FormatError when it is none."""
    try:
        yield from read_lines(gzip.GzipFile(fileobj=io.BytesIO(data)))
    except OSError as error:
        raise FormatError(f"the log is damaged: {error}") from error


@exposed
def write_kept_log(context: Context, label: str, start: int, piece: str, keep: int) -> None:
    """Write a piece (base64) of the copy at ``start``; it counts once it is whole, with the piece that names ``keep``.

    Then the copies of all but the ``keep`` newest runs are removed. Raises CheckError.
    """
    directory = run_directory(label)
    unfinished = f"{directory}/{UNFINISHED}"
    try:
        os.makedirs(directory, 0o755, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | (0 if start else os.O_TRUNC)
        with os.fdopen(os.open(unfinished, flags, 0o600), "wb") as file:
            file.seek(start)
            file.write(_unpacked(piece))
            file.flush()
            if keep:
                os.fsync(file.fileno())
        if keep:
            os.replace(unfinished, f"{directory}/{NAME}")
            sync_directory(directory)
            _forget_old(keep)
    except OSError as error:
        raise CheckError(f"{os.uname().nodename}: the log of run {label} cannot be kept: {error.strerror}") from error


@exposed
def read_kept_log(context: Context, label: str) -> bool:
    """Stream the copy of a run's log, compressed; whether there is one. Raises CheckError."""
    path = f"{run_directory(label)}/{NAME}"
    try:
        with open(path, "rb") as file:
            while piece := file.read(CHUNK_LIMIT):
                context.send(piece)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise CheckError(f"{os.uname().nodename}: {path} cannot be read: {error.strerror}") from error
    return True


def kept_logs(state: str) -> tuple[KeptLog, ...]:
    """The copies this PC keeps, oldest first. Everybody may know which there are; only root may read them."""
    found: list[KeptLog] = []
    with contextlib.suppress(OSError), os.scandir(f"{state}/runs") as runs:
        for run in runs:
            with contextlib.suppress(OSError, FormatError):
                run_directory(run.name)
                found.append(KeptLog(label=run.name, size=os.stat(f"{run.path}/{NAME}").st_size))
    return tuple(sorted(found, key=lambda each: int(each.label)))


def _forget_old(keep: int) -> None:
    for each in kept_logs(STATE_DIRECTORY)[:-keep]:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{run_directory(each.label)}/{NAME}")
    for piece in Path(STATE_DIRECTORY, "runs").glob(f"*/{UNFINISHED}"):  # of runs whose connection broke
        piece.unlink(missing_ok=True)


def _unpacked(piece: str) -> bytes:
    try:
        return unpack(piece)
    except ProtocolError as error:
        raise FormatError("a piece of a log is not base64") from error


def _packed(path: Path, last: Event | None) -> bytes:
    """The copy of a log. Raises CheckError when it cannot be read."""
    sink = io.BytesIO()
    left_out = 0
    try:
        with path.open("rb") as lines, gzip.GzipFile("", "wb", fileobj=sink, mtime=0) as packed:
            for line in lines:
                if line.startswith(_DEBUG) or not line.endswith(b"\n"):
                    continue
                full = sink.tell() > (COPY_LIMIT if line.startswith(_COMMON) else COPY_LIMIT + LAST_LIMIT)
                left_out += full
                if not full:
                    packed.write(line)
            if left_out:
                message = f"{left_out:,} lines are not in this copy of the log: it is too large"
                packed.write(line_of(LogLine(level=Level.INFO, message=message)))
            if last is not None:
                packed.write(line_of(last))
    except OSError as error:
        raise CheckError(f"the log {path} cannot be read: {error.strerror}") from error
    return sink.getvalue()
