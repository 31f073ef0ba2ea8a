"""Write docs/reference/settings.md from the settings' own types.

Run with: python docs/reference/generate_settings.py
A unit test holds the page to what this makes.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import attrs

from pcswitcher.model.settings import Settings, help_of
from pcswitcher.run.settings import default_file, section_types

PAGE = Path(__file__).with_name("settings.md")

HEAD = """\
# Settings

<!-- made by generate_settings.py from the program; change it there -->

PC-switcher runs without a settings file. `pc-switcher init` writes one, `~/.config/pc-switcher/config.toml`, with every
setting at its default and explained. It belongs to the PC you sync *from*: what it says holds for both PCs of a run.
It travels with your home folder like other configuration.

A key that does not exist, a value of the wrong kind or out of its range stops the program before anything runs, with
file, line and the nearest name there is. What travels and what stays is not said here but by [rules](rules.md).
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    defaults = tomllib.loads(_uncommented(default_file()))
    for section in attrs.fields(Settings):
        parts.append(f"## [{section.name}]\n\n{help_of(section)}\n")
        rows = ["| setting | what it does |\n|---|---|\n"]
        rows += [f"| `{field.name}` | {help_of(field)} |\n" for field in attrs.fields(section_types()[section.name])]
        parts.append("".join(rows))
        if set(defaults[section.name]) != {field.name for field in attrs.fields(section_types()[section.name])}:
            raise ValueError(f"the default file lacks a setting of [{section.name}]")
    parts.append(f"## The file with all defaults\n\n```toml\n{default_file().strip()}\n```\n")
    return "\n".join(parts)


def _uncommented(text: str) -> str:
    """The file with every setting in force."""
    return "\n".join(
        line[1:] if line.startswith("#") and not line.startswith("# ") else line for line in text.splitlines()
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
