"""The settings of a person, as types with defaults: the one source of what can be set.

``run.settings`` reads them from a file and writes the commented defaults; a field's ``help`` is its comment.
"""

from __future__ import annotations

from enum import StrEnum

import attrs


class HomeLayout(StrEnum):
    """Where the home folders of a tree are."""

    HOMES = "homes"
    """Every directory directly below it is one: /home."""
    HOME = "home"
    """It is one itself: /root."""


def help_of(field: attrs.Attribute[object]) -> str:
    """The words that explain a field."""
    return str(field.metadata.get("help", ""))


@attrs.frozen(kw_only=True)
class TreeSettings:
    """One directory tree that is synced."""

    path: str
    homes: HomeLayout


@attrs.frozen(kw_only=True)
class FilesSettings:
    """Settings of the job ``files``."""

    trees: tuple[TreeSettings, ...] = attrs.field(
        default=(
            TreeSettings(path="/home", homes=HomeLayout.HOMES),
            TreeSettings(path="/root", homes=HomeLayout.HOME),
        ),
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
        metadata={"help": "So do deletions of more than this share (in percent) of what it has."},
    )


@attrs.frozen(kw_only=True)
class Settings:
    """All settings."""

    files: FilesSettings = attrs.field(factory=FilesSettings, metadata={"help": "Home folders and other trees."})
