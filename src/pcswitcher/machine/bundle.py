"""The whole program as one file that runs on any Python ≥ 3.11 with nothing installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs


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

    Fast: the contents are read again only when a file's size or time changed. Raises CheckError when the
    installation cannot be carried (a dependency is missing or exists as compiled code only).
    """
    raise NotImplementedError


def build(destination: Path) -> Bundle:
    """Write this installation as one executable file, replacing ``destination`` atomically."""
    raise NotImplementedError
