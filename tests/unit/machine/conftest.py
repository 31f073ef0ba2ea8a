"""What the tests of bundle, bootstrap and deploy share: small programs in the bundle's form."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable

import attrs
import pytest

from pcswitcher.machine.bundle import Bundle
from pcswitcher.machine.deployed import content_digest

MAIN = """
import os, sys
def main():
    if sys.argv[1:] != ["agent"]:
        print({version!r}, {salt!r})
        return
    os.write(1, b"agent {version} {salt} listens\\n")
    while data := os.read(0, 65536):
        os.write(1, data)
"""


@attrs.frozen(kw_only=True)
class SmallProgram:
    """A program of two files that tells its version, or echoes as an agent."""

    version: str
    digest: str
    data: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def bundle(self) -> Bundle:
        return Bundle(version=self.version, digest=self.digest, read=lambda: self.data)


def make_program(version: str, salt: str = "") -> SmallProgram:
    main = MAIN.format(version=version, salt=salt).encode()
    launcher = b"from pcswitcher.__main__ import main\nmain()\n"
    contents = sorted({"__main__.py": launcher, "pcswitcher/__init__.py": b"", "pcswitcher/__main__.py": main}.items())
    digest = content_digest(contents)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("pc-switcher.json", json.dumps({"version": version, "digest": digest}))
        for name, data in contents:
            archive.writestr(name, data)
    return SmallProgram(version=version, digest=digest, data=target.getvalue())


@pytest.fixture(name="make_program")
def make_program_fixture() -> Callable[..., SmallProgram]:
    """Build a small program of a version; ``salt`` makes another one of the same version."""
    return make_program
