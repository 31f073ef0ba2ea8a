"""`pc-switcher why ITEM`: which rule decides whether something travels."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from pcswitcher.faces.commands.output import print_json
from pcswitcher.jobs.registry import job_types, make_jobs
from pcswitcher.model.errors import UsageError
from pcswitcher.model.text import printable
from pcswitcher.run.paths import config_file
from pcswitcher.run.settings import load_settings


def why(item: str, /, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Tell whether ITEM travels to the other PC, and which rule says so.

    Parameters
    ----------
    item
        Any path, on this PC or not.
    json
        Print a JSON object.
    """
    types = job_types()
    for job in make_jobs(tuple(types), load_settings(config_file(), types)):
        explanation = job.explain(item)
        if explanation is not None:
            if json:
                print_json("explanation", explanation)
            else:
                sys.stdout.write(explanation.words + "\n")
            return
    raise UsageError(f"no job takes care of {printable(item)}", "give an absolute path below a synced tree")
