"""The policy of the job ``files``: the shipped rules and the user's, put together for one tree."""

from __future__ import annotations

import importlib.resources
import os

import platformdirs

from pcswitcher.files.rule import RuleTexts, TreeKind
from pcswitcher.files.rules_text import ShippedRow, parse_shipped, read_user_rules, rule_texts


def shipped_rows() -> tuple[ShippedRow, ...]:
    """Read ``rules.toml`` beside this module, also from inside the one-file program."""
    resource = importlib.resources.files("pcswitcher.jobs.files").joinpath("rules.toml")
    return parse_shipped(resource.read_text(encoding="utf-8"))


def user_rules_directory() -> str:
    """Where the user keeps ``home.never`` and its sisters: ``~/.config/pc-switcher/rules``."""
    return os.path.join(platformdirs.user_config_dir("pc-switcher"), "rules")


def load_rule_texts(tree: bytes, kind: TreeKind, directory: str | None = None) -> RuleTexts:
    """Gather all rules for ``tree`` (absolute), read as the user who started the run.

    ``directory`` replaces the user's rules directory. Raises SettingsError naming file and line.
    """
    place = user_rules_directory() if directory is None else directory
    home = os.path.expanduser("~")
    shown = "~" + place.removeprefix(home) if place.startswith(home + "/") else place
    return rule_texts(tree, kind, shipped_rows(), read_user_rules(os.fsencode(place), shown))
