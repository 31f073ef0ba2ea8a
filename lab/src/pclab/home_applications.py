"""What applications leave in a home: databases with their journals, a VM image, browsers, caches, keys."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass

from pclab.home_writing import NO_COPY_ON_WRITE, HomeWriter

ACCOUNTS = b"Documents/accounts.db"
FIREFOX = b".mozilla/firefox/x1y2z3.default-release"
CHROMIUM = b".config/chromium"
PLACES = FIREFOX + b"/places.sqlite"
LEDGER = b"Projects/ledger"
LEDGER_DATABASE = b"counter.db"
IMAGE = b"Virtual Machines/debian.img"
IMAGE_SIZE = 4_096  # MiB
WRITER_PAUSE = 0.05

_IMAGE_PIECES = 96
_PIECE = 64 << 10
_JOURNALS = (b"-wal", b"-journal", b"-shm")
_CREATE = "CREATE TABLE IF NOT EXISTS entries (id INTEGER PRIMARY KEY, seed INTEGER, text TEXT)"
_ADD = "INSERT INTO entries (seed, text) VALUES (?, ?)"
# Caches, keys and session files: the product's rules leave each of these on its machine.
_MACHINE_SPECIFIC = (
    b".ssh/id_rsa_work",
    b".cache/thumbnails/large/5f1.png",
    b".cache/fontconfig/9b.cache-7",
    b".cache/mozilla/firefox/x1y2z3.default-release/cache2/entries/0A1B",
    b".config/chromium/Default/Cache/Cache_Data/data_0",
    b".config/chromium/Default/Code Cache/js/index",
    b".config/chromium/Default/GPUCache/data_1",
    b".config/Code/GPUCache/data_0",
    b".nv/ComputeCache/index",
    b".local/share/Trash/files/thrown away.txt",
    b".Xauthority",
)
# What a developer would miss: it looks like a cache, or lies beside one.
_TRAVELLING = (
    b".cache/pip/http-v2/a/b/body",
    b".cache/uv/archive-v0/x/module.py",
    b".cargo/registry/cache/index/unit.crate",
    b".config/editor/settings.json",
    b".local/share/applications/own.desktop",
)


@dataclass(frozen=True)
class Ledger:
    """What stands in a database: rows, the highest number, and SQLite's own verdict (`ok` when sound)."""

    rows: int
    last: int
    integrity: str


def write_applications(writer: HomeWriter, image_size: int) -> None:
    """Write what applications leave behind, given the size of the VM disk in MiB (0: none)."""
    writer.folder(LEDGER)
    writer.folder(b".ssh", 0o700)
    writer.folder(FIREFOX, 0o700)
    write_rows(writer, ACCOUNTS, seed=1, rows=400)
    write_rows(writer, PLACES, seed=2, rows=400)
    _browsers(writer)
    if image_size:
        _image(writer, image_size << 20)
    for name in (*_MACHINE_SPECIFIC, *_TRAVELLING):
        mode = 0o600 if name.startswith((b".ssh", b".X")) else 0o644
        writer.file(name, writer.content.noise(writer.content.size(2_000)), mode)


def write_rows(writer: HomeWriter, relative: bytes, *, seed: int, rows: int) -> None:
    """Add rows to a database, made when missing, and leave them in its journal, as a running program would.

    A copy of the database without its `-wal` has none of these rows.
    """
    parent = os.path.dirname(relative)
    writer.folder(parent)
    with tempfile.TemporaryDirectory(dir=os.fsdecode(writer.root), prefix=".pclab-") as work:
        scratch = os.path.join(os.fsencode(work), b"database")
        copy_database(writer.path(relative), scratch)
        with contextlib.closing(_open(scratch)) as connection:
            connection.execute(_CREATE)
            lines = [(seed, writer.content.text(200).decode()) for _ in range(rows)]
            connection.executemany(_ADD, lines)
            connection.commit()
            for suffix in (b"", b"-wal"):
                if writer.exists(relative + suffix):
                    os.unlink(writer.path(relative + suffix))
                with open(scratch + suffix, "rb") as file:
                    writer.file(relative + suffix, file.read())


def add_rows_and_close(path: bytes, *, seed: int, rows: int) -> None:
    """Add rows to a database and close it: SQLite then writes its journal back and deletes it."""
    with contextlib.closing(_open(path)) as connection:
        connection.executemany(_ADD, [(seed, f"row {number}") for number in range(rows)])
        connection.commit()


def write_forever(folder: bytes) -> Iterator[int]:
    """Commit one row after the other to the database in a folder, and give back the number of each.

    The pause between two is 50 ms. Ends when the caller stops asking.
    """
    with contextlib.closing(_open(os.path.join(folder, LEDGER_DATABASE))) as connection:
        connection.execute(_CREATE)
        while True:
            number = connection.execute(_ADD, (0, "x" * 500)).lastrowid
            connection.commit()
            yield number or 0
            time.sleep(WRITER_PAUSE)


def read_ledger(path: bytes) -> Ledger:
    """What stands in a database, read from a copy: opening it would change its journal."""
    with tempfile.TemporaryDirectory() as work:
        scratch = os.path.join(os.fsencode(work), b"database")
        copy_database(path, scratch)
        with contextlib.closing(sqlite3.connect(os.fsdecode(scratch))) as connection:
            rows, last = connection.execute("SELECT count(*), max(id) FROM entries").fetchone()
            integrity = connection.execute("PRAGMA integrity_check").fetchone()[0]
    return Ledger(int(rows), int(last or 0), str(integrity))


def copy_database(source: bytes, target: bytes) -> None:
    """Copy a database that may be missing, with its journals, without their shared memory."""
    for suffix in (b"", *_JOURNALS[:2]):
        if os.path.exists(source + suffix):
            shutil.copyfile(source + suffix, target + suffix)


def _open(path: bytes) -> sqlite3.Connection:
    connection = sqlite3.connect(os.fsdecode(path), timeout=30)
    connection.execute("PRAGMA journal_mode=WAL")
    return connection


def _browsers(writer: HomeWriter) -> None:
    """Two browsers as they lie there while they run, locks included (facts: workloads, section 9)."""
    for name in (b"key4.db", b"cert9.db", b"logins.json", b"prefs.js", b"sessionstore-backups/recovery.jsonlz4"):
        writer.file(FIREFOX + b"/" + name, writer.content.noise(20_000), 0o600)
    writer.file(FIREFOX + b"/.parentlock", b"")
    writer.symlink(FIREFOX + b"/lock", b"127.0.0.1:+2381")
    writer.file(b".mozilla/firefox/profiles.ini", b"[Profile0]\nPath=x1y2z3.default-release\n")
    for name in (b"Bookmarks", b"Preferences", b"History", b"Login Data", b"Local Storage/leveldb/000003.log"):
        writer.file(CHROMIUM + b"/Default/" + name, writer.content.noise(9_000), 0o600)
    writer.file(CHROMIUM + b"/Local State", b"{}", 0o600)
    writer.symlink(CHROMIUM + b"/SingletonLock", b"atlas-648")
    writer.symlink(CHROMIUM + b"/SingletonCookie", b"1234567890")
    writer.symlink(CHROMIUM + b"/SingletonSocket", b"/tmp/.org.chromium.Chromium.x/SingletonSocket")


def _image(writer: HomeWriter, size: int) -> None:
    """A VM disk: large to look at, a few megabytes of data; its folder without copy-on-write, as libvirt has it."""
    folder = os.path.dirname(IMAGE)
    writer.folder(folder)
    writer.flag_now(folder, NO_COPY_ON_WRITE)
    writer.file(IMAGE, b"", 0o600)
    with open(writer.path(IMAGE), "r+b") as file:
        file.truncate(size)
        for piece in range(_IMAGE_PIECES):
            # The first and the last block are data, so that both ends are seen to survive.
            place = writer.content.random.randrange(size // _PIECE) * _PIECE if piece > 1 else 0
            file.seek(place if piece != 1 else size - _PIECE)
            file.write(writer.content.noise(_PIECE - 8))
    moment = writer.content.time()
    os.utime(writer.path(IMAGE), ns=(moment, moment))
