"""`pc-switcher logs`: the logs of the runs this PC took part in."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import attrs
from cyclopts import Parameter

from pcswitcher.faces.commands.output import print_json
from pcswitcher.faces.log_view import Wanted, read_level, read_since, shown
from pcswitcher.faces.terminal import password_asker
from pcswitcher.faces.words import one_line
from pcswitcher.machine.session import open_local
from pcswitcher.model.codec import dump_plain
from pcswitcher.model.errors import PcSwitcherError
from pcswitcher.model.text import human_count, human_size, printable
from pcswitcher.run.kept_logs import fetch_log, kept_logs
from pcswitcher.run.logs import (
    JsonObject,
    follow_log,
    is_label,
    list_logs,
    log_by_name,
    log_name,
    log_of_run,
    read_log,
    summarize,
)
from pcswitcher.run.paths import STATE_DIRECTORY, logs_directory
from pcswitcher.run.paths import shown as shown_path
from pcswitcher.run.record import read_records

LISTED = 10


@attrs.frozen(kw_only=True)
class LogRow:
    """One log as the list shows it."""

    run: str
    """The run's label; empty when it ended before it had one."""
    started: datetime | None
    source: str
    target: str
    result: str
    size: int
    """Bytes on the disk."""
    name: str
    """As `logs` takes it."""
    copy: bool = False
    """Whether it is root's copy."""


def logs(
    run: str | None = None,
    /,
    *,
    follow: Annotated[bool, Parameter(alias="-f", negative="")] = False,
    level: str = "FULL",
    job: str | None = None,
    machine: str | None = None,
    since: str | None = None,
    all: Annotated[bool, Parameter(negative="")] = False,  # noqa: A002
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """List the newest logs, print one, or follow a run that is under way.

    Parameters
    ----------
    run
        "last", a run's number, or a part of a log's name.
    follow
        Go on with what a running sync logs until it has ended; without RUN the newest.
    level
        Leave out log lines below this level: DEBUG, FULL, INFO, WARNING, ERROR, CRITICAL.
    job
        Only what this job says.
    machine
        Only what happens on this PC, by its host name.
    since
        Only what happened since: "10m" (s, m, h, d), or a time such as 2026-03-01T20:15.
    all
        List all logs, not only the newest ten.
    json
        Print JSON lines: one per log, or the log's own.
    """
    wanted = Wanted(
        level=read_level(level),
        job=job or "",
        machine=machine or "",
        since=None if since is None else read_since(since),
    )
    if run is None and not follow:
        _list(None if all else LISTED, json=json)
        return
    for data, lines in shown(_events(run or "last", follow=follow), wanted):
        for line in [dump_plain(data)] if json else lines:
            sys.stdout.write(line + "\n")
        if follow:
            sys.stdout.flush()


def _list(most: int | None, *, json: bool) -> None:
    paths = list_logs(logs_directory())
    rows = [*(_own_row(path) for path in paths[:most]), *_copy_rows(paths)]
    rows.sort(key=lambda row: row.started.timestamp() if row.started else 0.0, reverse=True)
    for row in rows[:most]:
        if json:
            print_json("log", row)
        else:
            sys.stdout.write(one_line(_row_words(row)) + "\n")
    if not json:
        count = human_count(len(paths), "log")
        sys.stdout.write(f"{count} in {shown_path(logs_directory())}; print one with: pc-switcher logs last\n")


def _row_words(row: LogRow) -> str:
    when = f"{row.started.astimezone():%Y-%m-%d %H:%M}" if row.started else "-" * 16
    where = f"{row.source} → {row.target}" if row.target else row.name
    copy = " (root's copy)" if row.copy else ""
    return f"{row.run or '-':<6} {when}  {where:<24} {row.result:<14} {human_size(row.size):>9}{copy}"


def _own_row(path: Path) -> LogRow:
    summary = summarize(path)
    result = str(summary.finished.outcome) if summary.finished else "running" if summary.in_use else "not finished"
    return LogRow(
        run=summary.run.run if summary.run else "",
        started=summary.started,
        source=summary.run.source if summary.run else "",
        target=summary.run.target if summary.run else "",
        result=result,
        size=summary.size,
        name=log_name(path),
    )


def _copy_rows(own: list[Path]) -> list[LogRow]:
    """Root's copies of logs that are not the person's own: of runs from other PCs, mostly."""
    records = {record.label: record for record in read_records(STATE_DIRECTORY)[0]}
    return [
        LogRow(
            run=kept.label,
            started=record.started,
            source=record.source,
            target=record.target,
            result=str(record.outcome or "not finished"),
            size=kept.size,
            name=kept.label,
            copy=True,
        )
        for kept in kept_logs(STATE_DIRECTORY)
        if (record := records.get(kept.label)) and log_of_run(own, kept.label) is None
    ]


def _events(run: str, *, follow: bool) -> Iterator[JsonObject]:
    """The events of the log that ``run`` names: the person's own, or else root's copy. Raises PcSwitcherError."""
    paths = list_logs(logs_directory())
    copies = _copy_rows(paths)
    path = paths[0] if run == "last" and paths else log_of_run(paths, run)
    copy = next((row for row in copies if is_label(row.run, run)), None)
    if run == "last" and copies:
        newest = max(copies, key=lambda row: int(row.run))
        own = summarize(path).started if path else None
        copy = newest if own is None or (newest.started and newest.started > own) else None
        path = None if copy else path
    elif path is None and copy is None:
        path = log_by_name(paths, run)  # last: names are full of digits
    if path is not None:
        return follow_log(path) if follow else read_log(path)
    kept = asyncio.run(_fetch(copy.run)) if copy else None
    if kept is None:
        raise PcSwitcherError(f"there is no log of {printable(run)}", "pc-switcher logs --all")
    return iter(kept)


async def _fetch(label: str) -> tuple[JsonObject, ...] | None:
    machine = await open_local(password_asker())
    try:
        return await fetch_log(machine, label)
    finally:
        await machine.close()
