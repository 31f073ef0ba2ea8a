"""Write docs/reference/settings.md from the settings' own types.

Run with: python docs/reference/generate_settings.py
A unit test holds the page to what this makes.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from pcswitcher.jobs.registry import AnyJob, job_types
from pcswitcher.model.settings import help_of
from pcswitcher.run.settings import MACHINE_FILE, Table, tables
from pcswitcher.run.settings_file import default_file, defaults
from pcswitcher.run.settings_toml import assignment

PAGE = Path(__file__).with_name("settings.md")

HEAD = f"""\
# Settings

<!-- made by generate_settings.py from the program; change it there -->

PC-switcher runs without a settings file. `pc-switcher init` writes one, `~/.config/pc-switcher/config.toml`, with every
setting at its default and explained. What the PC you sync *from* says holds for both PCs of a run.

* `config.toml` is yours and travels: a sync shows what is different on the other PC and asks whether to take it.
* `{MACHINE_FILE}` beside it belongs to one PC and never travels. It is written the same way, and what it says wins.
* `pc-switcher config show` tells what is in force and which file says so.
* `pc-switcher config check` tells every mistake with its file and line.

A key that does not exist, a value of the wrong kind or out of its range stops the program before anything runs, with
file, line and the nearest name there is. Amounts of space are a share (`"20%"`) or have a unit (`"40 GiB"`);
a bare number is refused. What travels and what stays is not said here but by [rules](rules.md).
"""


def ours() -> dict[str, type[AnyJob]]:
    """The jobs that come with the program: an installed package of somebody else is not part of this page."""
    return {name: job for name, job in job_types().items() if job.__module__.startswith("pcswitcher.")}


def page() -> str:
    """The whole page."""
    text = default_file(ours())
    parts = [HEAD, *(_section(table, text) for table in tables(ours()))]
    parts.append(f"## The file with all defaults\n\n```toml\n{text.strip()}\n```\n")
    return "\n".join(parts)


def _section(table: Table, text: str) -> str:
    document: object = tomllib.loads(_uncommented(text))
    for name in table.path:
        document = document[name] if isinstance(document, dict) else None
    usual = defaults(table)
    if document != usual:
        raise ValueError(f"the default file does not say what the defaults of [{table.name}] are")
    rows = ["| setting | default | what it does |\n|---|---|---|\n"]
    rows += [
        f"| `{field.name}` | `{assignment('x', usual[field.name]).partition(' = ')[2]}` | {help_of(field)} |\n"
        for field in table.fields
    ]
    return f"## [{table.name}]\n\n{table.help}\n\n{''.join(rows)}"


def _uncommented(text: str) -> str:
    """The file with every setting in force."""
    return "\n".join(
        line[1:] if line.startswith("#") and not line.startswith("# ") else line for line in text.splitlines()
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
