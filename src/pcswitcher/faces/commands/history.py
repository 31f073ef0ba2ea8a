"""`pc-switcher history`: what was done, when, to whom, with which result."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pcswitcher.faces.commands.output import print_json
from pcswitcher.run.paths import STATE_DIRECTORY
from pcswitcher.run.record import RunRecord, read_records

UNFINISHED = "not finished"


def history(*, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """List the runs this PC took part in, oldest first.

    Parameters
    ----------
    json
        Print one JSON object per run.
    """
    records, damaged, _ = read_records(STATE_DIRECTORY)
    if json:
        for record in records:
            print_json("run", record)
        return
    console = Console()
    if not records:
        console.print("no runs yet; start one with: pc-switcher sync HOST")
    else:
        console.print(_table(records))
    for label in damaged:
        console.print(Text(f"the record of run {label} cannot be read", style="red"))


def _table(records: tuple[RunRecord, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "started", "from", "to", "result", "changes"):
        table.add_column(heading, no_wrap=heading in {"run", "started"})
    for record in records:
        table.add_row(
            record.label,
            f"{record.started.astimezone():%Y-%m-%d %H:%M}",
            Text(record.source),
            Text(record.target),
            record.outcome or UNFINISHED,
            f"{sum(job.items for job in record.jobs):,}",
        )
    return table
