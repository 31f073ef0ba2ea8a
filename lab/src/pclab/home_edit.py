"""One day of work in a home, in the proportions measured on real ones (facts: performance, "daily change")."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable

from pclab.home_applications import ACCOUNTS, IMAGE, PLACES, add_rows_and_close, write_rows
from pclab.home_awkward import RETYPE
from pclab.home_ordinary import ARCHIVE, DOCUMENTS, PACKAGES, PHOTOS, PROJECTS
from pclab.home_writing import Content, HomeWriter, Owner, tree_below

# Of 350,000 files a day modified 500, made 300 and deleted 150; changed the mode or attributes of 200.
_A_DAY_OF = 350_000
_BLOCK = 4_096
_LEAST_BLOCKS = 64
_ALL_BLOCKS = 16_384


def edit(writer: HomeWriter, files: int, seed: int) -> None:
    """Do one day of work, given how many files the home was made with.

    What was done is counted in `writer.counts`. Raises FileNotFoundError when the home is not one of ours.
    """
    ordinary = [
        path
        for area in (PROJECTS, PHOTOS, DOCUMENTS)
        for path in _plain_files(writer, area)
        if b"/.git/" not in path and b"/.venv/" not in path and not path.endswith((b".db", b"-wal", b"-shm"))
    ]
    writer.content.random.shuffle(ordinary)
    take = _dealer(ordinary, files)
    _modify(writer, take(500, 12))
    _same_size(writer, take(60, 4))
    _metadata(writer, take(200, 9))
    _delete(writer, take(150, 6))
    _create(writer, max(files * 300 // _A_DAY_OF, 10), seed)
    _rename_big_folder(writer, seed)
    _move_files(writer, take(40, 3), seed)
    _retype(writer)
    _databases(writer, seed)
    _image_blocks(writer, max(files * _ALL_BLOCKS // _A_DAY_OF, _LEAST_BLOCKS))


def owner_of(path: bytes) -> Owner | None:
    """Who owns what is written below a path: its owner when root writes, else whoever writes (None)."""
    found = os.stat(path)
    return Owner(found.st_uid, found.st_gid) if os.geteuid() == 0 else None


def _dealer(items: list[bytes], files: int) -> Callable[[int, int], list[bytes]]:
    """A function that deals each item at most once: (how many of 350,000, at least) -> items."""

    def take(share: int, least: int) -> list[bytes]:
        count = max(files * share // _A_DAY_OF, least)
        dealt = items[:count]
        del items[:count]
        return dealt

    return take


def _plain_files(writer: HomeWriter, area: bytes) -> list[bytes]:
    """Regular files with one name below an area, relative to the home."""
    found: list[bytes] = []
    for path, _ in tree_below(writer.path(area)) if writer.exists(area) else ():
        status = os.lstat(path)
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
            found.append(os.path.relpath(path, writer.root))
    return found


def _modify(writer: HomeWriter, paths: list[bytes]) -> None:
    """Half are rewritten in place, half replaced by a new file, as editors do."""
    for number, path in enumerate(paths):
        mode = stat.S_IMODE(os.stat(writer.path(path)).st_mode)
        data = writer.content.text(writer.content.size(2_000))
        if number % 2:
            _rewrite(writer, path, data)
        else:
            # A short name of its own: the old one may be as long as a name can be.
            beside = os.path.join(os.path.dirname(path), b".pclab-new-%d" % number)
            writer.file(beside, data, mode, time=None)
            os.replace(writer.path(beside), writer.path(path))
        writer.counts["modified"] += 1


def _rewrite(writer: HomeWriter, path: bytes, data: bytes) -> None:
    with open(writer.path(path), "wb") as file:
        file.write(data)


def _same_size(writer: HomeWriter, paths: list[bytes]) -> None:
    """As many bytes as before, in the same second as before: only the nanoseconds tell."""
    for path in paths:
        full = writer.path(path)
        before = os.stat(full)
        with open(full, "r+b") as file:
            first = file.read(1)
            file.seek(0)
            file.write(bytes([first[0] ^ 1]) if first else b"")
        second, nanosecond = divmod(before.st_mtime_ns, 10**9)
        moment = second * 10**9 + (nanosecond + 1) % 10**9
        os.utime(full, ns=(moment, moment))
        writer.counts["same size and second"] += 1


def _metadata(writer: HomeWriter, paths: list[bytes]) -> None:
    for number, path in enumerate(paths):
        full = writer.path(path)
        if number % 3 == 0:
            os.chmod(full, stat.S_IMODE(os.stat(full).st_mode) ^ 0o010)
        elif number % 3 == 1:
            writer.attribute(path, "user.rating", b"%d" % writer.content.random.randrange(6))
        else:
            moment = writer.content.time()
            os.utime(full, ns=(moment, moment))
        writer.counts["metadata only"] += 1


def _delete(writer: HomeWriter, paths: list[bytes]) -> None:
    for path in paths:
        os.unlink(writer.path(path))
        writer.counts["deleted"] += 1
    packages = sorted(os.listdir(writer.path(PACKAGES))) if writer.exists(PACKAGES) else []
    packages = [name for name in packages if name.startswith(b"pack-")]
    if packages:
        shutil.rmtree(writer.path(PACKAGES + b"/" + packages[-1]))
        writer.counts["folders deleted"] += 1


def _create(writer: HomeWriter, count: int, seed: int) -> None:
    for number in range(count):
        name = PROJECTS + b"/day-%d/part-%d/note-%04d.md" % (seed, number % 7, number)
        writer.file(name, writer.content.text(writer.content.size(3_000)))
        writer.counts["created"] += 1


def _rename_big_folder(writer: HomeWriter, seed: int) -> None:
    folders = [name for name in os.listdir(writer.path(ARCHIVE)) if not name.startswith(b".")]
    biggest = max(sorted(folders), key=lambda name: len(os.listdir(writer.path(ARCHIVE + b"/" + name))))
    renamed = biggest.split(b" ")[0] + b" %d" % seed
    os.rename(writer.path(ARCHIVE + b"/" + biggest), writer.path(ARCHIVE + b"/" + renamed))
    writer.counts["folders renamed"] += 1
    writer.counts["files in renamed folders"] += len(os.listdir(writer.path(ARCHIVE + b"/" + renamed)))


def _move_files(writer: HomeWriter, paths: list[bytes], seed: int) -> None:
    for number, path in enumerate(paths):
        os.rename(writer.path(path), writer.path(PROJECTS + b"/day-%d/moved-%03d" % (seed, number)))
        writer.counts["files moved"] += 1


def _retype(writer: HomeWriter) -> None:
    """Each name takes another type: file to folder, folder to symlink, symlink to file."""
    for name in sorted(os.listdir(writer.path(RETYPE))):
        relative = RETYPE + b"/" + name
        full = writer.path(relative)
        if os.path.islink(full):
            os.unlink(full)
            writer.file(relative, writer.content.text(90))
        elif os.path.isdir(full):
            shutil.rmtree(full)
            writer.symlink(relative, b"/usr")
        else:
            os.unlink(full)
            writer.file(relative + b"/inside/file", writer.content.text(90))
        writer.counts["types changed"] += 1


def _databases(writer: HomeWriter, seed: int) -> None:
    """One database is closed, so that its journal goes; another one keeps its rows in the journal."""
    accounts = writer.path(ACCOUNTS)
    add_rows_and_close(accounts, seed=seed, rows=50)
    if writer.owner:
        os.chown(accounts, writer.owner.user, writer.owner.group)
    write_rows(writer, PLACES, seed=seed, rows=50)
    writer.counts["database rows"] += 100


def _image_blocks(writer: HomeWriter, blocks: int) -> None:
    """Small writes at random places of the VM disk, where the home has one."""
    if not writer.exists(IMAGE):
        return
    size = os.stat(writer.path(IMAGE)).st_size
    with open(writer.path(IMAGE), "r+b") as file:
        for _ in range(blocks):
            file.seek(writer.content.random.randrange(size // _BLOCK) * _BLOCK)
            file.write(writer.content.noise(_BLOCK - 8))
    writer.counts["blocks of the VM disk"] += blocks


def editor(root: bytes, seed: int) -> HomeWriter:
    """A writer for one day of work in the home at a path."""
    return HomeWriter(root, Content(seed), owner_of(root))
