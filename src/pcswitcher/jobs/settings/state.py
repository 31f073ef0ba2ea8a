"""What stands at the place of the settings file in a home."""

from __future__ import annotations

import hashlib
from enum import StrEnum

import attrs

from pcswitcher.jobs.api import human_count

FOLDER = b".config/pc-switcher"
"""Below the home of the person (XDG base directories, their default)."""
NAME = b"config.toml"
ITEM = "~/.config/pc-switcher/config.toml"
"""The item, as people read it."""
LARGEST = 1024 * 1024
"""Most bytes of a settings file; the one with all defaults has a few thousand."""


class Kind(StrEnum):
    """What a settings file can be."""

    ABSENT = "absent"
    TEXT = "text"
    LINK = "link"
    """A symlink: it is carried as what it is, and never followed."""
    ELSEWHERE = "elsewhere"
    """A directory on the way is a symlink: the job ``files`` carries it, and what it leads to."""
    UNREADABLE = "unreadable"


@attrs.frozen(kw_only=True)
class SettingsFile:
    """The settings file of one machine."""

    kind: Kind
    content: str = ""
    """The text of a TEXT, where a LINK leads (escaped), on which machine and why it is UNREADABLE."""

    @property
    def words(self) -> str:
        """What it is, for people; empty for nothing. Other files have other words."""
        match self.kind:
            case Kind.ABSENT:
                return ""
            case Kind.TEXT:
                digest = hashlib.sha256(self.content.encode()).hexdigest()
                return f"settings file, {human_count(len(self.content.splitlines()), 'line')}, SHA-256 {digest[:8]}…"
            case Kind.LINK:
                return f"symlink to {self.content}"
            case Kind.ELSEWHERE:
                return "reached through a symlink"
            case Kind.UNREADABLE:
                return self.content


ABSENT = SettingsFile(kind=Kind.ABSENT)
