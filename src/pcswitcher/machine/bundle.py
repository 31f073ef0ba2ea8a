"""The whole program as one file that runs on any Python ≥ 3.11 with nothing installed.

A bundle is a zipapp (Python's documentation of ``zipapp``): a line naming the interpreter, then a zip archive
with pure Python only. Its digest is taken over names and contents, so the same program has the same digest
whether it is packed from a Python environment, read from a bundle or from the directory a bundle was unpacked to.
The bundle carries the digest in ``pc-switcher.json``; the machine that unpacks it computes it again.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import attrs

import pcswitcher
from pcswitcher.machine.contents import Member, added_members, installation_members
from pcswitcher.machine.deployed import MANIFEST, Refusal, content_digest, read_identity, read_manifest
from pcswitcher.model.errors import CheckError, PcSwitcherError
from pcswitcher.model.text import human_size

_SHEBANG = b"#!/usr/bin/env python3\n"
# Compiles on Python 3.6: whoever starts the file may have any Python.
_MAIN = b"""import sys

if sys.version_info < (3, 11):
    found = ".".join(str(part) for part in sys.version_info[:3])
    sys.stderr.write("pc-switcher needs Python 3.11 or newer, this is %s (%s)\\n" % (found, sys.executable))
    sys.exit(13)
if sys.argv[1:2] == ["self-install"]:
    from pcswitcher.machine.selfinstall import main
else:
    from pcswitcher.__main__ import main
sys.exit(main())
"""
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)
"""The oldest time a zip archive can tell: what has no time is equal everywhere."""


@attrs.frozen(kw_only=True)
class Bundle:
    """This very program, ready to be carried to another machine."""

    version: str
    digest: str
    """sha256 (hex) over names and contents: equal wherever the same program was packed."""
    read: Callable[[], bytes]
    """Gives the bundle file's bytes; builds them when they do not exist yet (some seconds)."""


def describe_installation() -> Bundle:
    """Tell what program this process runs: from a bundle, from a deployed directory or from a Python environment.

    With it go the packages of jobs that were installed beside it for this machine's Python: what runs here runs
    there. Fast: the contents are read again only when a file's size or time changed. Raises CheckError when the
    installation cannot be carried (a dependency is missing or exists as compiled code only).
    """
    root = _import_root()
    if os.path.isfile(root):
        return _with_added(_describe_bundle(root), added_members(root))
    deployed = read_identity(os.path.dirname(root))
    if deployed is not None and os.path.basename(root) == "lib":
        return _with_added(_describe_deployed(os.path.dirname(root), *deployed), added_members(root))
    members = installation_members()
    digest = _cached_digest(_fingerprint(members), lambda: content_digest(_contents(members)))
    return Bundle(version=pcswitcher.__version__, digest=digest, read=lambda: _pack(_contents(members), digest))


def build(destination: Path) -> Bundle:
    """Write this installation as one executable file, replacing ``destination`` atomically."""
    bundle = describe_installation()
    data = bundle.read()
    destination.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=destination.parent, prefix=f".{destination.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), 0o755)
            os.fsync(file.fileno())
        os.replace(temporary, destination)
    except BaseException:
        os.unlink(temporary)
        raise
    return bundle


def _import_root() -> str:
    """The sys.path entry we were imported from: a directory, or the bundle file itself.

    Not resolved: a dry run's bundle is ``/proc/self/fd/N``, whose target has no name.
    """
    return os.path.dirname(os.path.dirname(os.path.abspath(pcswitcher.__file__)))


def _describe_bundle(path: str) -> Bundle:
    version, digest = _manifest(path)

    def read() -> bytes:
        with open(path, "rb") as file:
            data = file.read()
        if _manifest(io.BytesIO(data)) != (version, digest):
            raise CheckError(f"{path} was replaced while it runs", "start the command again")
        return data

    return Bundle(version=version, digest=digest, read=read)


def _describe_deployed(directory: str, version: str, digest: str) -> Bundle:
    def read() -> bytes:
        with open(os.path.join(directory, "pc-switcher.pyz"), "rb") as file:
            data = file.read()
        if _manifest(io.BytesIO(data)) != (version, digest):
            raise CheckError(f"{directory} is damaged", "install pc-switcher again: sudo ./pc-switcher self-install")
        return data

    return Bundle(version=version, digest=digest, read=read)


def _with_added(program: Bundle, added: tuple[Member, ...]) -> Bundle:
    """The same program with files of other packages in it; a file of the program itself stays what it is."""
    if not added:
        return program

    def contents() -> Iterator[tuple[str, bytes]]:
        with zipfile.ZipFile(io.BytesIO(program.read())) as archive:
            found = {name: archive.read(name) for name in archive.namelist() if name != MANIFEST}
        for member in added:
            if member.name not in found:
                with open(member.path, "rb") as file:
                    found[member.name] = file.read()
        return iter(sorted(found.items()))

    fingerprint = _fingerprint(added, program.digest)
    digest = _cached_digest(fingerprint, lambda: content_digest(contents()))
    return Bundle(version=program.version, digest=digest, read=lambda: _pack(contents(), digest))


def _manifest(bundle: str | io.BytesIO) -> tuple[str, str]:
    try:
        return read_manifest(bundle)
    except Refusal as refusal:
        raise CheckError(refusal.message, refusal.hint) from refusal


def _contents(members: Iterable[Member]) -> Iterator[tuple[str, bytes]]:
    for member in sorted((Member("__main__.py", ""), *members)):
        if not member.path:
            yield member.name, _MAIN
            continue
        with open(member.path, "rb") as file:
            yield member.name, file.read()


def _pack(members: Iterable[tuple[str, bytes]], digest: str) -> bytes:
    contents = list(members)
    if content_digest(contents) != digest:
        raise CheckError("the program's files changed while it runs", "start the command again")
    manifest = json.dumps({"version": pcswitcher.__version__, "digest": digest}, sort_keys=True).encode() + b"\n"
    target = io.BytesIO()
    target.write(_SHEBANG)
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in ((MANIFEST, manifest), *contents):
            entry = zipfile.ZipInfo(name, _FIXED_TIME)
            entry.create_system = 3  # Unix, wherever it is built: the mode below is read by it
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED, compresslevel=9)
    return target.getvalue()


def _cached_digest(fingerprint: str, compute: Callable[[], str]) -> str:
    """The digest of files with this fingerprint; computed again only when it is another than the last time.

    The note is kept in the user's cache directory. It decides nothing but speed: ``_pack`` computes again.
    """
    place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pc-switcher" / "bundle-digest"
    try:
        known, digest = place.read_text("ascii").split()
        if known == fingerprint:
            return digest
    except (OSError, ValueError):
        pass  # no note yet, or a torn one: it is written anew
    digest = compute()
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = place.with_name(f".{place.name}.{os.getpid()}")
        temporary.write_text(f"{fingerprint} {digest}\n", "ascii")
        temporary.replace(place)
    except OSError:
        pass  # a cache that cannot be kept costs the next start a second, nothing else
    return digest


def _fingerprint(members: tuple[Member, ...], program: str = "") -> str:
    """What tells these files, beside a program of that digest, from others without reading them."""
    total = hashlib.sha256(_MAIN + program.encode())
    for member in members:
        status = os.stat(member.path)
        total.update(f"{member.name}\0{member.path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return total.hexdigest()


def main(arguments: list[str]) -> int:
    """Build a bundle: ``python -m pcswitcher.machine.bundle dist/pc-switcher``. Gives the exit code."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m pcswitcher.machine.bundle FILE\n")
        return 2
    try:
        bundle = build(Path(arguments[0]))
    except PcSwitcherError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    size = human_size(os.path.getsize(arguments[0]))
    sys.stdout.write(f"{arguments[0]}: pc-switcher {bundle.version}, {size}, digest {bundle.digest[:12]}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
