"""`pc-switcher config`: what is set, and whether it can be."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pcswitcher.faces.commands.output import print_json
from pcswitcher.jobs.registry import job_types, make_jobs
from pcswitcher.model.errors import SettingsError
from pcswitcher.model.text import printable
from pcswitcher.run.paths import config_file, shown
from pcswitcher.run.settings import MACHINE_FILE, load_in_force, load_settings, parse_settings, read_text
from pcswitcher.run.settings_file import list_in_force, show_in_force


def show(*, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Print the settings in force: those of the settings files, and the defaults of all others.

    A setting that a file sets has the file and the default behind it.

    Parameters
    ----------
    json
        Print one JSON object per setting.
    """
    types = job_types()
    settings = list_in_force(load_in_force(config_file(), types), types)
    if json:
        for setting in settings:
            print_json("setting", setting)
    else:
        sys.stdout.write(printable(show_in_force(settings)))


def check(file: Path | None = None, /) -> None:
    """Check FILE, or the settings and rules in force, and tell every mistake with its line. Exit code 10 for any.

    Parameters
    ----------
    file
        A settings file to check alone.
    """
    types = job_types()
    if file is None:
        make_jobs(tuple(types), load_settings(config_file(), types))
        places = [path for path in (config_file(), config_file().with_name(MACHINE_FILE)) if path.exists()]
        words = " and ".join(shown(path) for path in places)
        sys.stdout.write(
            f"{printable(words)}: no mistakes\n" if places else "no settings file: all are at their defaults\n"
        )
        return
    text = read_text(file)
    if text is None:
        raise SettingsError(f"there is no file {printable(str(file))}", "write one with: pc-switcher init")
    parse_settings([text], types)
    sys.stdout.write(f"{printable(shown(file))}: no mistakes\n")
