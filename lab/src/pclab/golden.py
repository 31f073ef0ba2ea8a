"""The golden tarball: a Debian root without identity, made once per suite and kept.

It is the only thing of the lab that needs a package mirror.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from pclab import locks, programs
from pclab.errors import HostUnfitError
from pclab.names import CACHE, Suite

DATA = Path(__file__).parent / "data"
_CUSTOMISE = DATA / "customise.sh"
MIRROR_VARIABLE = "PC_SWITCHER_LAB_MIRROR"
_APT_SOURCES = Path("/etc/apt")


def package_names(text: str) -> tuple[str, ...]:
    """Names of a list with one package per line; `#` starts a comment."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return tuple(sorted({line for line in lines if line}))


def cache_key(suite: Suite, packages: Iterable[str], customisation: bytes, architecture: str) -> str:
    """A name for what these inputs give, such as `trixie-1a2b3c4d5e6f`: other inputs, another name."""
    recipe = "\n".join([suite.value, architecture, *packages]).encode() + b"\0" + customisation
    return f"{suite.value}-{hashlib.sha256(recipe).hexdigest()[:12]}"


def debian_mirror(sources: Iterable[str]) -> str | None:
    """The first Debian mirror in the texts of apt's source files (sources.list(5), both styles), or None."""
    pattern = re.compile(r"^(?:URIs:\s*|deb\s+(?:\[[^]]*\]\s+)?)(\S+/debian/?)(?:\s|$)", re.MULTILINE)
    for text in sources:
        found = pattern.search(text)
        if found:
            return found[1]
    return None


def recipe(suite: Suite) -> str:
    """The name of what would be made for a suite today."""
    return cache_key(suite, _packages(), _CUSTOMISE.read_bytes(), platform.machine())


def tarball(suite: Suite, say: Callable[[str], None]) -> Path:
    """The golden tarball of a suite, made when it is not there yet (about half a minute on two cores).

    Given where to say that it is made. Raises ProgramError or HostUnfitError when it cannot be.
    """
    target = CACHE / f"{recipe(suite)}.tar.zst"
    if target.exists():
        return target
    CACHE.mkdir(parents=True, exist_ok=True)
    with locks.held(CACHE / "lock", holder=f"lab, process {os.getpid()}", wait=600, say=say):
        if not target.exists():
            say(f"golden {suite}: being made, no cached one yet")
            _make(suite, target)
    return target


def _packages() -> tuple[str, ...]:
    return package_names((DATA / "packages.txt").read_text())


def _make(suite: Suite, target: Path) -> None:
    mirror = os.environ.get(MIRROR_VARIABLE) or debian_mirror(_source_texts())
    if not mirror:
        raise HostUnfitError("no Debian mirror in this box's apt sources", f"set {MIRROR_VARIABLE} to one")
    unfinished = CACHE / f"unfinished-{os.getpid()}.tar"
    packed = CACHE / f"unfinished-{os.getpid()}.tar.zst"
    try:
        programs.run(
            [
                *("mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", f"--include={','.join(_packages())}"),
                *("--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*"),
                *("--dpkgopt=path-exclude=/usr/share/locale/*", f"--customize-hook={_CUSTOMISE}"),
                *(suite.value, str(unfinished), mirror),
            ],
            timeout=900,
        )
        programs.run(["zstd", "-q", "-f", "-3", "-T0", str(unfinished), "-o", str(packed)], timeout=300)
        os.replace(packed, target)
    finally:
        unfinished.unlink(missing_ok=True)
        packed.unlink(missing_ok=True)


def _source_texts() -> list[str]:
    files = [*sorted((_APT_SOURCES / "sources.list.d").glob("*")), _APT_SOURCES / "sources.list"]
    return [file.read_text(errors="replace") for file in files if file.is_file()]
