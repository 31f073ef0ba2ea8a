"""The program as it stands on a machine's disk: its directory per version, and the command in PATH.

Part of the bootstrap, which carries this text to machines where nothing of ours is installed: standard library
only, and it compiles on Python 3.6, which must live long enough to say that it is too old. So annotations that
Python 3.6 cannot evaluate are quoted, and there is no ``from __future__``.
"""

import contextlib
import ctypes
import fcntl
import hashlib
import io
import json
import os
import re
import secrets
import shutil
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Generator, Iterable

MANIFEST = "pc-switcher.json"
"""The archive's first file: version and digest. Not part of the digest."""
IDENTITY = "installed.json"
"""In a deployed directory: the manifest, written last."""

SIZE_LIMIT = 256 * 1024 * 1024
"""Largest program we unpack, in bytes."""
_LOCK_SECONDS = 30
_RENAME_EXCHANGE = 2  # linux/fs.h
_AT_FDCWD = -100  # linux/fcntl.h
_WRAPPER = """#!{python} -I
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "lib"))
from pcswitcher.__main__ import main
main()
"""


class Refusal(Exception):  # noqa: N818 - what it is; the errors of the product live in model.errors
    """Something forbids to go on; says what and what mends it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Layout:
    """Where things live (design §5); ``prefix`` stands for ``/`` in tests."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.library = prefix + "/usr/local/lib/pc-switcher"
        self.command = prefix + "/usr/local/bin/pc-switcher"
        self.run = prefix + "/run"


def content_digest(contents: "Iterable[tuple[str, bytes]]") -> str:
    """sha256 (hex) over names and contents, given in order of names."""
    total = hashlib.sha256()
    for name, data in contents:
        total.update(b"%s\0%d\0" % (name.encode(), len(data)))
        total.update(data)
    return total.hexdigest()


def read_manifest(bundle: "str | io.BytesIO") -> "tuple[str, str]":
    """Version and digest that a bundle file tells of itself. Raises Refusal when it is none."""
    try:
        with zipfile.ZipFile(bundle) as archive:
            return _identity_of(archive.read(MANIFEST))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise Refusal(f"this is no pc-switcher bundle: {error}", "build it again: make bundle") from error


def read_identity(directory: str) -> "tuple[str, str] | None":
    """Version and digest of the program deployed in ``directory``; None when there is none, or a half one."""
    try:
        with open(os.path.join(directory, IDENTITY), "rb") as file:
            return _identity_of(file.read(64 * 1024))
    except (OSError, ValueError):
        return None


def _identity_of(data: bytes) -> "tuple[str, str]":
    found = json.loads(data.decode())
    if not isinstance(found, dict):
        raise ValueError("it tells no version")  # noqa: TRY004 - the data is wrong, not the caller
    return checked(found.get("version"), found.get("digest"))


def checked(version: object, digest: object) -> "tuple[str, str]":
    """Give back what another machine or a file told, when it is a version and a digest; raises ValueError.

    The version becomes the name of a directory.
    """
    if not isinstance(version, str) or not re.fullmatch(r"[0-9][0-9A-Za-z.+_-]{0,63}", version):
        raise ValueError(f"{version!r} is no version")
    if not isinstance(digest, str) or not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise ValueError(f"{digest!r} is no digest")
    return version, digest


def read_installed(layout: Layout) -> "dict[str, str]":
    """Deployed versions and their digests."""
    found = {}
    with contextlib.suppress(FileNotFoundError):
        for name in sorted(os.listdir(layout.library)):
            identity = read_identity(os.path.join(layout.library, name))
            if identity is not None and identity[0] == name:
                found[name] = identity[1]
    return found


def read_current(layout: Layout) -> "tuple[str, str] | None":
    """Version and digest of the command in PATH; None when there is none, or it leads nowhere.

    Raises Refusal when a command of this name is not ours.
    """
    command = layout.command
    try:
        status = os.lstat(command)
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(status.st_mode):
        directory = os.path.dirname(os.path.realpath(command))
        if os.path.dirname(directory) == os.path.realpath(layout.library):
            return read_identity(directory)
    elif stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid():
        with contextlib.suppress(Refusal):
            return read_manifest(command)  # someone put the bundle file itself there
    raise Refusal(f"{command} was not put there by pc-switcher", f"move it away: sudo mv {command} {command}.old")


def check_places(layout: Layout) -> None:
    """Refuse a library directory that someone other than root could change or redirect."""
    try:
        status = os.lstat(layout.library)
    except FileNotFoundError:
        return
    if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022:
        return
    raise Refusal(
        f"{layout.library} is not a directory that only root can write",
        f"move it away: sudo mv {layout.library} {layout.library}.old",
    )


def install(layout: Layout, data: bytes, version: str, digest: str) -> None:
    """Put a bundle's program in its versioned directory and make it the command in PATH.

    At every moment the command is the old or the new program, whole; a crash leaves at most a hidden directory
    that the next installation removes. The version that was the command before is kept, older ones are removed.
    Raises Refusal, OSError.
    """
    os.umask(0o022)
    with _locked(layout) as lock:
        before = read_current(layout)
        final = os.path.join(layout.library, version)
        if read_identity(final) != (version, digest):
            new = os.path.join(layout.library, ".new-" + secrets.token_hex(8))
            os.mkdir(new, 0o755)
            try:
                _populate(new, data, version, digest, lock)
                _flush(new)
                _put(layout, new, final)
            except BaseException:
                shutil.rmtree(new, ignore_errors=True)
                raise
        _switch(layout, version)
        for name in read_installed(layout):
            if name not in {version, before[0] if before else version}:
                shutil.rmtree(os.path.join(layout.library, name))


def use(layout: Layout, version: str, digest: str) -> None:
    """Make a version that is already deployed the command in PATH. Raises Refusal, OSError."""
    with _locked(layout):
        read_current(layout)
        if read_identity(os.path.join(layout.library, version)) != (version, digest):
            raise Refusal(f"pc-switcher {version} is not installed any more", "start the command again")
        _switch(layout, version)


@contextlib.contextmanager
def _locked(layout: Layout) -> "Generator[int]":
    """Be the only installation at work; remove what an interrupted one left. Gives the lock's descriptor."""
    check_places(layout)
    os.makedirs(layout.library, 0o755, exist_ok=True)
    os.makedirs(os.path.dirname(layout.command), 0o755, exist_ok=True)
    descriptor = os.open(layout.library, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        end = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise Refusal(
                        "another installation of pc-switcher is at work", "wait for it, then try again"
                    ) from None
                time.sleep(0.1)
        for directory, prefix in ((layout.library, "."), (os.path.dirname(layout.command), ".pc-switcher-")):
            for name in os.listdir(directory):
                if name.startswith(prefix):
                    _remove(os.path.join(directory, name))
        yield descriptor
    finally:
        os.close(descriptor)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def _populate(directory: str, data: bytes, version: str, digest: str, lock: int) -> None:
    library = os.path.join(directory, "lib")
    unpack(data, library, version, digest)
    _write(os.path.join(directory, "pc-switcher.pyz"), data, 0o644)
    _write(os.path.join(directory, "pc-switcher"), _WRAPPER.format(python=sys.executable).encode(), 0o755)
    # What does not compile is only slower. Lexers and styles are 5 MB that we never show. The compiler has the lock
    # as well: if we are killed, the next installation waits until nobody writes here any more.
    compiler = [sys.executable, "-I", "-m", "compileall", "-qq", "-j", "0", "-x", "pygments/(lexers|styles)/", library]
    with contextlib.suppress(subprocess.TimeoutExpired):
        null = subprocess.DEVNULL
        subprocess.run(compiler, stdin=null, stdout=null, timeout=90, check=False, pass_fds=(lock,))
    identity = json.dumps({"version": version, "digest": digest, "python": sys.version.split()[0]})
    _write(os.path.join(directory, IDENTITY), identity.encode() + b"\n", 0o644)


def unpack(data: bytes, directory: str, version: str, digest: str) -> None:
    """Unpack a bundle below ``directory`` (made here), and verify what it holds. Raises Refusal."""
    if read_manifest(io.BytesIO(data)) != (version, digest):
        raise Refusal("the bundle holds another program than was announced")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = sorted((entry for entry in archive.infolist() if entry.filename != MANIFEST), key=_name_of)
        if sum(entry.file_size for entry in entries) > SIZE_LIMIT:
            raise Refusal("the bundle is larger than any pc-switcher")
        contents = []
        for entry in entries:
            parts = entry.filename.split("/")
            linked = stat.S_ISLNK(entry.external_attr >> 16)
            if linked or not all(parts) or {".", ".."} & set(parts) or re.search(r"[\0\\]", entry.orig_filename):
                raise Refusal(f"the bundle holds an unsafe name: {entry.filename!r}")
            contents.append((entry.filename, archive.read(entry)))
    if content_digest(contents) != digest or len({name for name, _ in contents}) != len(contents):
        raise Refusal("the bundle's contents are not what its digest says")
    for name, content in contents:
        path = os.path.join(directory, name)
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        _write(path, content, 0o644)


def _name_of(entry: zipfile.ZipInfo) -> str:
    return entry.filename


def _write(path: str, data: bytes, mode: int) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode), "wb") as file:
        file.write(data)


def _put(layout: Layout, new: str, final: str) -> None:
    """Give the new directory its name; another program that has it moves to a hidden one, for those who run it."""
    if os.path.lexists(final):
        library = ctypes.CDLL(None, use_errno=True)
        names = os.fsencode(new), os.fsencode(final)
        aside = os.path.join(layout.library, ".replaced-" + secrets.token_hex(8))
        if library.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0:
            os.rename(new, aside)
        else:  # renameat2(2): not every filesystem can exchange; then the name is free for a moment
            os.rename(final, aside)
            os.rename(new, final)
    else:
        os.rename(new, final)
    _flush(layout.library)


def _switch(layout: Layout, version: str) -> None:
    directory = os.path.dirname(layout.command)
    temporary = os.path.join(directory, ".pc-switcher-" + secrets.token_hex(8))
    os.symlink(os.path.join("..", "lib", "pc-switcher", version, "pc-switcher"), temporary)
    os.rename(temporary, layout.command)
    _flush(directory)


def _flush(directory: str) -> None:
    """Bring everything to the disk: one syncfs(2) instead of an fsync(2) for each of 2,000 files."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), "syncfs failed", directory)
    finally:
        os.close(descriptor)
