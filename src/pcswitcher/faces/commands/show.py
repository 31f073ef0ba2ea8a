"""`pc-switcher show RUN`: one run's whole story."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from pcswitcher.faces.commands.history import UNFINISHED
from pcswitcher.faces.commands.output import print_json
from pcswitcher.model.text import human_count, human_size, printable
from pcswitcher.run.paths import STATE_DIRECTORY
from pcswitcher.run.record import RunRecord, find_record, read_records


def show(run: str, /, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Tell everything this PC remembers of one run.

    Parameters
    ----------
    run
        Its number, as `pc-switcher history` lists it.
    json
        Print a JSON object.
    """
    records, _, _ = read_records(STATE_DIRECTORY)
    record = find_record(records, run)
    if json:
        print_json("run", record)
        return
    console = Console()
    for line in _lines(record):
        console.print(Text(line), soft_wrap=True)


def _lines(record: RunRecord) -> list[str]:
    lines = [
        f"run {record.label}: {record.source} → {record.target}",
        f"started   {record.started.astimezone():%Y-%m-%d %H:%M:%S %Z} by {record.user}",
        f"result    {record.outcome or UNFINISHED}: {printable(record.message)}",
        f"program   pc-switcher {record.version}",
        f"this PC   was the {record.role}",
    ]
    if record.ended:
        lines.insert(2, f"took      {(record.ended - record.started).total_seconds():.1f} s")
    for job in record.jobs:
        reason = f": {printable(job.reason)}" if job.reason else ""
        lines.append(
            f"{job.name:<9} {job.outcome}, {human_count(job.items, 'change')}, {human_size(job.size)} moved{reason}"
        )
    lines.append(f"snapshots /.snapshots/pc-switcher/{record.label} (pc-switcher snapshots list)")
    return lines
