"""`pc-switcher snapshots`: what is kept and why, and deleting what is not needed any more."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Annotated

import attrs
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pcswitcher.faces.commands.agents import agent, take_lock
from pcswitcher.faces.commands.output import print_json
from pcswitcher.jobs.registry import job_types
from pcswitcher.machine.api import AgentLog, Listener
from pcswitcher.model.codec import JsonValue, to_json
from pcswitcher.model.errors import ExitCode, UsageError
from pcswitcher.model.events import Level
from pcswitcher.model.settings import SnapshotSettings
from pcswitcher.model.text import escape, human_count, printable
from pcswitcher.run.paths import config_file
from pcswitcher.run.retention import Kept, delete_old_snapshots, judge_snapshots
from pcswitcher.run.settings import load_settings
from pcswitcher.snapshots.folder import Snapshot
from pcswitcher.snapshots.names import Moment

Json = Annotated[bool, Parameter(negative="")]


def list_kept(*, on: str | None = None, json: Json = False) -> None:
    """List the snapshots pc-switcher keeps on this PC, by run, and why.

    Parameters
    ----------
    on
        Those of this other PC instead.
    json
        Print one JSON object per snapshot.
    """
    kept = asyncio.run(_judge(on, _settings()))
    reasons = _reasons(kept)
    if json:
        for snapshot in kept.snapshots:
            print_json("snapshot", _told(kept, snapshot))
        return
    console = Console()
    if not kept.snapshots:
        console.print("no snapshots yet; every sync makes them: pc-switcher sync HOST")
    else:
        console.print(_table(kept.snapshots, reasons))
        console.print(Text(f"in {escape(os.path.dirname(os.path.dirname(kept.snapshots[0].path)))}/RUN", style="dim"))
    for words in kept.lost:
        console.print(Text(printable(words), style="yellow"), soft_wrap=True)


def clean(
    *,
    keep_runs: int | None = None,
    older_than: int | None = None,
    on: str | None = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> int:
    """Delete the snapshots that need not be kept: older than the settings say, and of none of the newest runs.

    What this PC and another one last had in common always stays, and what may have to be undone.

    Parameters
    ----------
    keep_runs
        Keep those of so many newest runs, instead of what the settings say.
    older_than
        Delete those older than so many days, instead of what the settings say.
    on
        On this other PC instead.
    dry_run
        Only tell which would go.
    json
        Print one JSON object per snapshot that was, or would be, deleted.
    """
    settings = _replaced(_settings(), keep_runs, older_than)
    name, gone, failures = asyncio.run(_clean(on, settings, dry_run=dry_run))
    for snapshot in gone:
        if json:
            print_json("snapshot", snapshot)
        else:
            sys.stdout.write(f"{'would delete' if dry_run else 'deleted'} {escape(snapshot.path)}\n")
    for failure in failures:
        sys.stderr.write(f"{printable(failure)}\n")
    if not json:
        words = "would be deleted" if dry_run else "deleted"
        sys.stdout.write(f"{human_count(len(gone), 'snapshot')} {words} on {name}\n")
    return ExitCode.PARTIAL if failures else ExitCode.DONE


def _settings() -> SnapshotSettings:
    return load_settings(config_file(), job_types()).snapshots


def _replaced(settings: SnapshotSettings, keep_runs: int | None, older_than: int | None) -> SnapshotSettings:
    """The settings with what was said on the command line. Raises UsageError for a number out of range."""
    try:
        return attrs.evolve(
            settings,
            keep_runs=settings.keep_runs if keep_runs is None else keep_runs,
            keep_days=settings.keep_days if older_than is None else older_than,
        )
    except ValueError as error:
        raise UsageError(str(error), "pc-switcher snapshots clean --help") from error


async def _judge(host: str | None, settings: SnapshotSettings) -> Kept:
    async with agent(host) as machine:
        return await machine.call(judge_snapshots, settings)


async def _clean(
    host: str | None, settings: SnapshotSettings, *, dry_run: bool
) -> tuple[str, tuple[Snapshot, ...], list[str]]:
    """The machine's name, what went (or would go), and what could not be deleted."""
    failures: list[str] = []

    def hear(line: AgentLog) -> None:
        if line.level >= Level.WARNING:
            failures.append(line.message)

    async with agent(host) as machine:
        await take_lock(machine, "clean-up of snapshots")
        if dry_run:
            return machine.name, _going(await machine.call(judge_snapshots, settings)), []
        deleted = await machine.call_listening(Listener(log=hear), delete_old_snapshots, settings, ())
        return machine.name, deleted, failures


def _going(kept: Kept) -> tuple[Snapshot, ...]:
    going = {(verdict.run, verdict.moment) for verdict in kept.verdicts if not verdict.keep}
    return tuple(each for each in kept.snapshots if (each.run, each.moment) in going)


def _told(kept: Kept, snapshot: Snapshot) -> dict[str, JsonValue]:
    verdict = next(each for each in kept.verdicts if (each.run, each.moment) == (snapshot.run, snapshot.moment))
    body = to_json(snapshot)
    return {**(body if isinstance(body, dict) else {}), "keep": verdict.keep, "why": verdict.why}


def _reasons(kept: Kept) -> dict[str, dict[Moment, str]]:
    """By run and moment, why it is kept, or that it is not."""
    found: dict[str, dict[Moment, str]] = {}
    for verdict in kept.verdicts:
        words = verdict.why if verdict.keep else f"goes with the next clean-up: {verdict.why}"
        found.setdefault(verdict.run, {})[verdict.moment] = words
    return found


def reason_words(moments: dict[Moment, str]) -> str:
    """Why a run's snapshots are kept: once, when both moments have the same reason."""
    if len(set(moments.values())) == 1:
        return next(iter(moments.values()))
    names = {Moment.PRE: "before", Moment.POST: "after"}
    return "; ".join(f"{names[moment]}: {words}" for moment, words in moments.items())


def _table(found: tuple[Snapshot, ...], reasons: dict[str, dict[Moment, str]]) -> Table:
    """One line per run and subvolume, with the times of both moments."""
    times: dict[tuple[str, str], dict[Moment, str]] = {}
    for snapshot in found:
        key = (snapshot.run, snapshot.subvolume)
        times.setdefault(key, {})[snapshot.moment] = f"{snapshot.created.astimezone():%Y-%m-%d %H:%M:%S}"
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "subvolume", "before", "after", "kept because"):
        table.add_column(heading, overflow="fold")
    for (run, subvolume), moments in times.items():
        why = reason_words(reasons[run])
        table.add_row(run, Text(subvolume), moments.get(Moment.PRE, "-"), moments.get(Moment.POST, "-"), why)
    return table
