"""SQLite databases and their journals travel as one unit.

A database without its write-ahead log lacks what was written last, and a new database over an old log
becomes the old one again, without any error (measured; https://sqlite.org/walformat.html). So when one
of ``x``, ``x-wal``, ``x-journal`` changes, all that the source has of them travel together, and what the
target has beyond them goes. ``x-shm`` is rebuilt by SQLite and never travels.
"""

from __future__ import annotations

from collections.abc import Collection

SHARED_MEMORY = b"-shm"
JOURNALS = (b"-wal", b"-journal")
_SIDE_FILES = (*JOURNALS, SHARED_MEMORY)


def has_side_files(names: Collection[bytes]) -> bool:
    """Whether any name may be a database's journal, log or shared memory."""
    return any(name.endswith(_SIDE_FILES) for name in names)


def shared_memory(names: Collection[bytes], databases: Collection[bytes]) -> tuple[bytes, ...]:
    """Those of ``names`` that are the shared memory of one of ``databases`` (the source's files beside them)."""
    suffix = len(SHARED_MEMORY)
    return tuple(name for name in names if name.endswith(SHARED_MEMORY) and name[:-suffix] in databases)


def units(source: Collection[bytes], target: Collection[bytes]) -> dict[bytes, tuple[bytes, ...]]:
    """Databases of one directory that have a journal, log or shared memory on either machine.

    Given the names of regular files on both, gives each database the source has with the names that may
    belong to it and travel: itself first, then log and journal.
    """
    found: dict[bytes, tuple[bytes, ...]] = {}
    for name in (*source, *target):
        for suffix in _SIDE_FILES:
            database = name[: -len(suffix)]
            if name.endswith(suffix) and database in source:
                found[database] = (database, *(database + ending for ending in JOURNALS))
    return found
