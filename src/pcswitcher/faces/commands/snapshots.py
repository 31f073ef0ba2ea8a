"""`pc-switcher snapshots`: what is kept."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pcswitcher.faces.commands.output import print_json
from pcswitcher.faces.terminal import password_asker
from pcswitcher.machine.session import open_local
from pcswitcher.model.text import escape
from pcswitcher.snapshots.folder import Snapshot
from pcswitcher.snapshots.names import Moment
from pcswitcher.snapshots.snapshots import list_snapshots


def list_kept(*, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """List the snapshots pc-switcher keeps on this PC, by run.

    Parameters
    ----------
    json
        Print one JSON object per snapshot.
    """
    found = asyncio.run(_read())
    if json:
        for snapshot in found:
            print_json("snapshot", snapshot)
        return
    console = Console()
    if not found:
        console.print("no snapshots yet; every sync makes them: pc-switcher sync HOST")
        return
    console.print(_table(found))
    console.print(Text(f"in {escape(os.path.dirname(os.path.dirname(found[0].path)))}/RUN", style="dim"))


def _table(found: tuple[Snapshot, ...]) -> Table:
    """One line per run and subvolume, with the times of both moments."""
    times: dict[tuple[str, str], dict[Moment, str]] = {}
    for snapshot in found:
        key = (snapshot.run, snapshot.subvolume)
        times.setdefault(key, {})[snapshot.moment] = f"{snapshot.created.astimezone():%Y-%m-%d %H:%M:%S}"
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "subvolume", "before", "after"):
        table.add_column(heading, overflow="fold")
    for (run, subvolume), moments in times.items():
        table.add_row(run, Text(subvolume), moments.get(Moment.PRE, "-"), moments.get(Moment.POST, "-"))
    return table


async def _read() -> tuple[Snapshot, ...]:
    machine = await open_local(password_asker())
    try:
        return await machine.call(list_snapshots)
    finally:
        await machine.close()
