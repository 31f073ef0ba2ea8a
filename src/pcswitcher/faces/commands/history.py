"""`pc-switcher history`: what was done, when, to whom, with which result."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pcswitcher.faces.commands.output import print_json
from pcswitcher.model.text import human_count, printable
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


def result_words(record: RunRecord) -> str:
    """How a run ended, and when its target was left between before and after."""
    ended = record.outcome or UNFINISHED
    return f"{ended}, {printable(record.target)} half-way" if record.halfway else str(ended)


def attention_words(record: RunRecord) -> str:
    """What of a run a person may want to look at, in counts; empty when there is nothing."""
    counts = {
        "conflict": sum(job.conflicts for job in record.jobs),
        "not made": sum(job.failures + job.problems for job in record.jobs),
        "not as planned": sum(job.differences for job in record.jobs),
    }
    words = [human_count(counts["conflict"], "conflict")] if counts["conflict"] else []
    words += [f"{counts[name]:,} {name}" for name in ("not made", "not as planned") if counts[name]]
    words += [human_count(record.warnings, "warning")] if record.warnings else []
    return ", ".join(words)


def _table(records: tuple[RunRecord, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "started", "from", "to", "result", "changes", "to look at"):
        table.add_column(heading, no_wrap=heading in {"run", "started"})
    for record in records:
        table.add_row(
            record.label,
            f"{record.started.astimezone():%Y-%m-%d %H:%M}",
            Text(printable(record.source)),
            Text(printable(record.target)),
            result_words(record),
            f"{sum(job.items for job in record.jobs):,}",
            attention_words(record),
        )
    return table
