"""The settings of a person, as types with defaults: the one source of what can be set.

``run.settings`` reads them from a file and writes the commented defaults; a field's ``help`` is its comment.
"""

from __future__ import annotations

import itertools
from enum import StrEnum

import attrs


class TreeKind(StrEnum):
    """Where the home folders of a tree are."""

    HOMES = "homes"
    """Every directory directly below it is one: /home."""
    HOME = "home"
    """It is one itself: /root."""


def help_of(field: attrs.Attribute[object]) -> str:
    """The words that explain a field."""
    return str(field.metadata.get("help", ""))


def _check_path(_: object, __: attrs.Attribute[str], path: str) -> None:
    parts = path.rstrip("/").split("/")[1:]
    if not path.startswith("/") or not parts or not path.isprintable() or {"", ".", ".."} & set(parts):
        raise ValueError(f"{path!r} is no absolute path of a directory, without dots and below /")


def _check_apart(_: object, __: attrs.Attribute[tuple[TreeSettings, ...]], trees: tuple[TreeSettings, ...]) -> None:
    places = sorted(tree.path.rstrip("/") + "/" for tree in trees)
    for above, below in itertools.pairwise(places):
        if below.startswith(above):
            raise ValueError(f"{below} lies in {above}: each directory belongs to one tree")


@attrs.frozen(kw_only=True)
class TreeSettings:
    """One directory tree that is synced."""

    path: str = attrs.field(validator=_check_path)
    homes: TreeKind


@attrs.frozen(kw_only=True)
class FilesSettings:
    """Settings of the job ``files``."""

    trees: tuple[TreeSettings, ...] = attrs.field(
        default=(
            TreeSettings(path="/home", homes=TreeKind.HOMES),
            TreeSettings(path="/root", homes=TreeKind.HOME),
        ),
        validator=_check_apart,
        metadata={
            "help": "Directory trees that are made equal. homes: where rules for home folders apply: "
            '"homes" (every directory directly below) or "home" (the tree itself).'
        },
    )
    max_deletions: int = attrs.field(
        default=5000,
        validator=attrs.validators.ge(0),
        metadata={"help": "More deletions than this on the other PC need --allow mass-deletion."},
    )
    max_deletion_percent: int = attrs.field(
        default=25,
        validator=[attrs.validators.ge(0), attrs.validators.le(100)],
        metadata={"help": "So do 50 or more deletions that are more than this share (in percent) of what it has."},
    )


@attrs.frozen(kw_only=True)
class Settings:
    """All settings."""

    files: FilesSettings = attrs.field(factory=FilesSettings, metadata={"help": "Home folders and other trees."})
