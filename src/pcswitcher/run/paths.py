"""Where a person's files are (XDG base directories), and where a machine's own are."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from platformdirs import user_config_path, user_state_path

APPLICATION = "pc-switcher"
STATE_DIRECTORY = "/var/lib/pc-switcher"
"""The machine's own state, written by agents."""


def config_file() -> Path:
    """The person's settings."""
    return user_config_path(APPLICATION) / "config.toml"


def rules_directory() -> Path:
    """The person's rules."""
    return user_config_path(APPLICATION) / "rules"


def logs_directory() -> Path:
    """One log file per run."""
    return user_state_path(APPLICATION) / "logs"


def plan_file(target: str, made: datetime) -> Path:
    """Where a plan is kept when its maker names no file: in a folder that never travels, as the plan must not."""
    name = "".join(letter if letter.isalnum() or letter in ".-" else "_" for letter in target)
    return user_state_path(APPLICATION) / "plans" / f"{name}-{made:%Y%m%dT%H%M%SZ}.json"


def shown(path: Path) -> str:
    """A path as people know it: below their home folder it starts with ``~``."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
