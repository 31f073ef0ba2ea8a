"""`pc-switcher doctor`: every check, each finding with what, why and the command that mends it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from pcswitcher.faces.commands.output import print_json
from pcswitcher.faces.terminal import password_asker
from pcswitcher.jobs.api import Finding, Severity
from pcswitcher.jobs.registry import job_types, make_jobs, select_names
from pcswitcher.model.errors import ExitCode
from pcswitcher.model.text import human_count, printable
from pcswitcher.run.bus import Bus
from pcswitcher.run.checks import Look
from pcswitcher.run.doctor import examine
from pcswitcher.run.paths import config_file
from pcswitcher.run.settings import load_settings

SIGNS = {
    Severity.BLOCKING: ("✗", "bold red"),
    Severity.WARNING: ("!", "yellow"),
    Severity.ADVICE: ("·", "cyan"),
}
WORDS = {Severity.BLOCKING: "problem", Severity.WARNING: "warning", Severity.ADVICE: "piece of advice"}
PLURALS = {Severity.ADVICE: "pieces of advice"}


def doctor(host: str | None = None, /, *, json: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Check this PC, and the connection to HOST and HOST itself; change nothing.

    Parameters
    ----------
    host
        The other PC, as ssh knows it.
    json
        Print one JSON object per finding, and per thing that is in order.
    """
    types = job_types()
    settings = load_settings(config_file(), types)
    jobs = make_jobs(select_names((), (), settings), settings)
    looks = asyncio.run(examine(host, jobs, settings, Bus(), password_asker()))
    if json:
        for look in looks:
            _print_json(look)
    else:
        console = Console()
        for line in report(looks):
            console.print(line, soft_wrap=True)
    stopping = any(finding.stops for look in looks for finding in look.findings)
    return ExitCode.CHECK if stopping else ExitCode.DONE


def report(looks: Sequence[Look]) -> list[Text]:
    """What was looked at, machine by machine: a tick for what is in order, else what was found and what mends it."""
    lines: list[Text] = []
    counts: Counter[Severity] = Counter()
    for machine in dict.fromkeys(look.machine for look in looks):
        lines.append(Text(printable(machine), style="bold"))
        for look in looks:
            if look.machine == machine:
                lines += _lines(look)
                counts.update(finding.severity for finding in look.findings)
    if not counts:
        lines.append(Text("everything is in order", style="green"))
    else:
        words = (human_count(counts[kind], WORDS[kind], PLURALS.get(kind, "")) for kind in SIGNS if counts[kind])
        lines.append(Text(", ".join(words)))
    return lines


def _print_json(look: Look) -> None:
    for finding in look.findings:
        print_json("finding", finding)
    if _is_fine(look):
        print_json("fine", {"machine": look.machine, "message": look.words})


def _is_fine(look: Look) -> bool:
    """Advice beside it takes nothing away."""
    return bool(look.words) and all(finding.severity is Severity.ADVICE for finding in look.findings)


def _lines(look: Look) -> list[Text]:
    lines: list[Text] = []
    if _is_fine(look):
        lines.append(Text(f"  ✓ {printable(look.words)}", style="green"))
    for finding in look.findings:
        lines += _finding_lines(finding)
    return lines


def _finding_lines(finding: Finding) -> list[Text]:
    sign, style = SIGNS[finding.severity]
    lines = [Text(f"  {sign} {printable(finding.message)}", style=style)]
    if finding.hint:
        lines.append(Text(f"      → {printable(finding.hint)}"))
    return lines
