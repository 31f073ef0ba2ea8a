"""`pc-switcher doctor`: every check, each finding with what, why and the command that mends it."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from pcswitcher.faces.commands.output import print_json
from pcswitcher.faces.terminal import password_asker
from pcswitcher.jobs.api import Finding, Severity
from pcswitcher.jobs.registry import job_types, make_jobs
from pcswitcher.model.errors import ExitCode
from pcswitcher.model.text import human_count, printable
from pcswitcher.run.bus import Bus
from pcswitcher.run.doctor import examine
from pcswitcher.run.paths import config_file
from pcswitcher.run.settings import load_settings


def doctor(host: str | None = None, /, *, json: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Check this PC, and the connection to HOST and HOST itself; change nothing.

    Parameters
    ----------
    host
        The other PC, as ssh knows it.
    json
        Print one JSON object per finding.
    """
    types = job_types()
    jobs = make_jobs(tuple(types), load_settings(config_file(), types))
    findings = asyncio.run(examine(host, jobs, Bus(), password_asker()))
    blocking = [each for each in findings if each.severity is Severity.BLOCKING and each.gate is None]
    if json:
        for finding in findings:
            print_json("finding", finding)
    else:
        _print(findings, len(blocking))
    return ExitCode.CHECK if blocking else ExitCode.DONE


def _print(findings: tuple[Finding, ...], blocking: int) -> None:
    console = Console()
    for finding in findings:
        sign, style = ("✗", "bold red") if finding.severity is Severity.BLOCKING else ("!", "yellow")
        console.print(Text(f"{sign} {printable(finding.message)}", style=style), soft_wrap=True)
        if finding.hint:
            console.print(Text(f"    → {printable(finding.hint)}"), soft_wrap=True)
    warnings = len(findings) - blocking
    if not findings:
        console.print(Text("✓ everything is in order", style="green"))
    else:
        console.print(f"{human_count(blocking, 'problem')}, {human_count(warnings, 'warning')}")
