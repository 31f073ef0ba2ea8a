"""`pc-switcher init`: write the settings file with every default and its explanation."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from pcswitcher.jobs.registry import job_types
from pcswitcher.machine.durable import write_file
from pcswitcher.model.errors import SettingsError
from pcswitcher.run.paths import config_file, rules_directory, shown
from pcswitcher.run.settings import MACHINE_FILE
from pcswitcher.run.settings_file import default_file


def init(*, force: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Write a commented settings file with every default.

    Parameters
    ----------
    force
        Replace the file that is there.
    """
    path = config_file()
    if path.exists() and not force:
        raise SettingsError(f"{shown(path)} is there already", "replace it with: pc-switcher init --force")
    try:
        rules_directory().mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(str(path), default_file(job_types()), 0o600)
    except OSError as error:
        raise SettingsError(f"{shown(path)} cannot be written: {error.strerror}") from error
    sys.stdout.write(
        f"wrote {shown(path)}; rules of your own go into {shown(rules_directory())}\n"
        f"what shall hold for this PC only goes into {shown(path.with_name(MACHINE_FILE))}, which never travels\n"
    )
