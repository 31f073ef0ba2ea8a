"""The logs that are kept: finding, reading and following them, and keeping their number and size small."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import json
import os
import shutil
import stat
import tempfile
import threading
import time
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from io import BufferedIOBase
from pathlib import Path
from typing import IO

import attrs

from pcswitcher.machine.durable import sync_directory
from pcswitcher.model.codec import JsonValue
from pcswitcher.model.errors import FormatError, PcSwitcherError
from pcswitcher.model.events import Event, RunFinished, RunStarted, event_from_json

PLAIN = ".jsonl"
PACKED = ".jsonl.gz"
FOLLOWING = 0.2
"""Seconds between two looks at a log that grows."""
LAST_LINES = 64 * 1024
"""Bytes at a log's end in which its last line is looked for."""
UNFINISHED_COPY = ".packing-"
DAY = 86_400

JsonObject = dict[str, JsonValue]


@attrs.frozen(kw_only=True)
class LogSummary:
    """What a log's first and last lines tell."""

    path: Path
    started: datetime | None
    """When its first event happened."""
    run: RunStarted | None
    """None: it ended before it had a number."""
    finished: RunFinished | None
    in_use: bool
    size: int
    """Bytes of the file as it is."""


def list_logs(directory: Path) -> list[Path]:
    """The log files, plain or compressed, newest first: their names start with the time."""
    try:
        names = {path.name for path in directory.iterdir() if not path.name.startswith(".")}
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PcSwitcherError(f"{directory} cannot be read: {error.strerror}") from error
    # A log whose compressing was cut short is there in both forms; its plain form is whole.
    packed = {name for name in names if name.endswith(PACKED) and name.removesuffix(".gz") not in names}
    plain = {name for name in names if name.endswith(PLAIN)}
    return [directory / name for name in sorted(plain | packed, reverse=True)]


def log_name(path: Path) -> str:
    """A log's name without its endings."""
    return path.name.removesuffix(".gz").removesuffix(PLAIN)


def read_log(path: Path) -> Iterator[JsonObject]:
    """The events of a log as JSON objects, without lines that a crash cut short. Raises PcSwitcherError."""
    with _reading(path), _open(path) as file:
        yield from read_lines(file)


def read_lines(lines: Iterable[bytes]) -> Iterator[JsonObject]:
    """The JSON objects of lines; what is none is left out. A stream that ends too early ends them."""
    with contextlib.suppress(EOFError, zlib.error):
        for line in lines:
            with contextlib.suppress(ValueError, RecursionError):
                event = json.loads(line)
                if isinstance(event, dict):
                    yield event


def follow_log(path: Path) -> Iterator[JsonObject]:
    """The events of a log, waiting for more until its run has ended. Raises PcSwitcherError."""
    with _reading(path), _open(path) as file:
        rest = b""
        while True:
            in_use = is_in_use(path)  # before reading: what is written until the lock is gone is still read
            while piece := file.read(LAST_LINES):
                *lines, rest = (rest + piece).split(b"\n")
                for event in read_lines(lines):
                    yield event
                    if event.get("type") == "run-finished":
                        return
            if not in_use:
                yield from read_lines([rest])
                return
            time.sleep(FOLLOWING)


def is_in_use(path: Path) -> bool:
    """Whether a run writes this log now."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def summarize(path: Path) -> LogSummary:
    """What a log's first and last lines tell. Raises PcSwitcherError."""
    first: Event | None = None
    started: RunStarted | None = None
    for event in map(parse_event, read_log(path)):
        first = first or event
        if isinstance(event, RunStarted):
            started = event
        if isinstance(event, RunStarted | RunFinished):
            break
    with _reading(path), _open(path) as file:
        last = parse_event(_last_object(file))
        size = os.fstat(file.fileno()).st_size
    return LogSummary(
        path=path,
        started=first.time if first else None,
        run=started,
        finished=last if isinstance(last, RunFinished) else None,
        in_use=is_in_use(path),
        size=size,
    )


def parse_event(data: JsonObject) -> Event | None:
    """The event a line of a log tells of; None when this version of the program does not know it."""
    try:
        return event_from_json(data)
    except FormatError:
        return None


def log_of_run(logs: Iterable[Path], label: str) -> Path | None:
    """The log of the run with this label or number."""
    return next((path for path in logs if is_label(_label(path), label)), None)


def log_by_name(logs: Iterable[Path], part: str) -> Path | None:
    """The first log whose name holds ``part``."""
    return next((path for path in logs if part and part in log_name(path)), None)


def is_label(label: str, number: str) -> bool:
    """Whether ``number``, as a person writes it, is the run with this label."""
    return label.isdecimal() and number.isdecimal() and int(label) == int(number)


def start_tidying(directory: Path, keep: int) -> threading.Thread:
    """Tidy up beside a run that begins; the end of the program does not wait for it."""
    thread = threading.Thread(target=tidy_logs, args=(directory, keep), name="tidy logs", daemon=True)
    thread.start()
    return thread


def tidy_logs(directory: Path, keep: int) -> None:
    """Delete all but the ``keep`` newest logs and compress all but the newest.

    A log that a run writes is left alone. A crash loses nothing: the compressed log replaces the plain one once it is
    whole and on the disk. What fails is tried again next time.
    """
    with contextlib.suppress(OSError, PcSwitcherError):
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if _lock(handle, fcntl.LOCK_EX):  # else another run tidies up
                _tidy(directory, keep)
        finally:
            os.close(handle)


def _tidy(directory: Path, keep: int) -> None:
    for path in directory.glob(f"{UNFINISHED_COPY}*"):
        path.unlink(missing_ok=True)
    for position, path in enumerate(list_logs(directory)):
        with contextlib.suppress(OSError), _owned(path) as file:
            if file is None:
                continue
            if position >= keep:
                path.unlink()
                path.with_name(path.name + ".gz").unlink(missing_ok=True)
            elif position > 0 and path.name.endswith(PLAIN):
                _pack(path, file)


@contextmanager
def _owned(path: Path) -> Generator[IO[bytes] | None]:
    """A log that is ours as long as this lasts; None when a run has it, or is about to: it begins with a line."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        idle = status.st_size > 0 or time.time() - status.st_mtime > DAY
        yield file if stat.S_ISREG(status.st_mode) and idle and _lock(descriptor, fcntl.LOCK_EX) else None


def _pack(path: Path, file: IO[bytes]) -> None:
    status = os.fstat(file.fileno())
    descriptor, copy = tempfile.mkstemp(prefix=UNFINISHED_COPY, dir=path.parent)  # of mode 0600
    with os.fdopen(descriptor, "wb") as target:
        with gzip.GzipFile("", "wb", fileobj=target, mtime=int(status.st_mtime)) as packed:
            shutil.copyfileobj(file, packed, 1024 * 1024)
        target.flush()
        os.fsync(descriptor)
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.replace(copy, path.with_name(path.name + ".gz"))
    sync_directory(str(path.parent))
    path.unlink()


def _lock(descriptor: int, kind: int) -> bool:
    """Take a lock if it is free; it ends with the descriptor."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _open(path: Path) -> BufferedIOBase:
    """Open a log; one that was compressed since it was listed is found in its new form."""
    try:
        return gzip.open(path) if path.name.endswith(".gz") else path.open("rb")
    except FileNotFoundError:
        if path.name.endswith(".gz"):
            raise
        return gzip.open(path.with_name(path.name + ".gz"))


@contextmanager
def _reading(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:  # gzip.BadGzipFile is one
        raise PcSwitcherError(f"{path} cannot be read: {error.strerror or error}") from error


def _last_object(file: BufferedIOBase) -> JsonObject:
    """The last whole line of a log; empty when there is none."""
    tail = b""
    if not isinstance(file, gzip.GzipFile):
        file.seek(max(0, os.fstat(file.fileno()).st_size - LAST_LINES))
    with contextlib.suppress(EOFError, zlib.error):
        while piece := file.read(1024 * 1024):
            tail = (tail + piece)[-LAST_LINES:]
    return next(iter(reversed(list(read_lines(tail.split(b"\n")[-3:])))), {})


def _label(path: Path) -> str:
    """The label of the run a log tells of; empty when it ended before it had one."""
    for data in read_log(path):
        if data.get("type") == "run-started":
            return str(data.get("run"))
    return ""
