"""`pc-switcher mark` and `unmark`: what is machine-specific."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pcswitcher.faces.commands.agents import agent
from pcswitcher.faces.commands.output import print_json
from pcswitcher.jobs.registry import AnyJob, job_types, make_jobs
from pcswitcher.machine.api import Machine
from pcswitcher.model.errors import PcSwitcherError, UsageError
from pcswitcher.model.events import now
from pcswitcher.model.text import escape, printable
from pcswitcher.run.marks import Mark, MarkIndex, change_marks_on, read_marks_of
from pcswitcher.run.paths import config_file
from pcswitcher.run.settings import load_settings

Json = Annotated[bool, Parameter(negative="")]
_WILDCARDS = frozenset("*?[")


def mark(
    *items: str,
    job: str | None = None,
    reason: str = "",
    on: str | None = None,
    exact: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> None:
    """Mark ITEMS of this PC as machine-specific: they stay as they are here and do not travel. Without one, list them.

    Parameters
    ----------
    items
        Paths (with all that is below them), packages and so on, or patterns of them: "/home/*/VMs", "nvidia-*".
    job
        Whose items they are; then they are taken just as that job shows them.
    reason
        Why, for later.
    on
        Mark items of this other PC instead.
    exact
        Take * ? [ as they are: no pattern is meant.
    json
        Print one JSON object per mark.
    """
    if not items:
        _list(asyncio.run(_read(on)), json=json)
        return
    jobs = all_jobs()
    given = [_new_mark(item, jobs, job, reason, exact=exact) for item in items]
    name, marks = asyncio.run(_add(given, {each.name: each for each in jobs}, on))
    kept_as = {known.key: known for known in marks}
    for each in given:
        kept = kept_as[each.key]
        if json:
            print_json("mark", kept)
        else:
            sys.stdout.write(f"{printable(each.pattern)} is machine-specific on {name} ({each.job})\n")


def unmark(*items: str, job: str | None = None, on: str | None = None, json: Json = False) -> None:
    """Take marks away: the next sync treats ITEMS like everything else.

    Parameters
    ----------
    items
        Items or patterns as they were marked; `pc-switcher mark` lists them.
    job
        Only marks of this job.
    on
        On this other PC instead.
    json
        Print one JSON object per mark that was removed.
    """
    if not items:
        raise UsageError("unmark what?", "list the marks with: pc-switcher mark")
    name, removed = asyncio.run(_remove(items, job, on))
    for each in removed:
        if json:
            print_json("mark", each)
        else:
            sys.stdout.write(f"{printable(each.pattern)} is no longer machine-specific on {name} ({each.job})\n")


def all_jobs() -> tuple[AnyJob, ...]:
    """Every installed job, enabled or not, with the person's settings."""
    types = job_types()
    return make_jobs(tuple(types), load_settings(config_file(), types))


def find_marks(marks: Sequence[Mark], items: Sequence[str], job: str | None, machine: str) -> tuple[Mark, ...]:
    """The marks that ``items``, as a person typed them, name. Raises PcSwitcherError where there is none of one."""
    mine = [mark for mark in marks if job in {None, mark.job}]
    by_pattern: dict[str, list[Mark]] = {}
    for mark in mine:
        by_pattern.setdefault(mark.pattern, []).append(mark)
    found: dict[Mark, None] = {}
    for item in items:
        named = [mark for name in _as_shown(item) for mark in by_pattern.get(name, ())]
        if not named:
            raise _not_marked(mine, item, machine)
        found |= dict.fromkeys(named)
    return tuple(found)


def _not_marked(mine: Sequence[Mark], item: str, machine: str) -> PcSwitcherError:
    names = _as_shown(item)
    for name in sorted({mark.job for mark in mine}):
        index = MarkIndex(mark for mark in mine if mark.job == name)
        covering = next(filter(None, map(index.find, names)), None)
        if covering is not None:
            return PcSwitcherError(
                f"{printable(item)} has no mark of its own on {machine}; it is covered by {covering.pattern}",
                f"pc-switcher unmark '{covering.pattern}'",
            )
    return PcSwitcherError(f"{machine} has no mark of {printable(item)}", "list the marks with: pc-switcher mark")


def _as_shown(item: str) -> tuple[str, ...]:
    """How jobs may show what a person typed: as it is, and as a path from here with its bytes escaped."""
    return item, escape(os.path.abspath(os.path.expanduser(os.fsencode(item))))


def _new_mark(item: str, jobs: Sequence[AnyJob], job: str | None, reason: str, *, exact: bool) -> Mark:
    owner, name = _owner(item, jobs, job)
    return Mark(
        job=owner,
        pattern=name,
        exact=exact or not _WILDCARDS.intersection(item),
        since=now(),
        user=getpass.getuser(),
        reason=reason,
    )


def _owner(item: str, jobs: Sequence[AnyJob], job: str | None) -> tuple[str, str]:
    """Whose item it is, and how that job writes it. Raises UsageError."""
    names = [each.name for each in jobs]
    if job is not None:
        if job not in names:
            raise UsageError(f"no job is called {printable(job)}", f"jobs: {', '.join(names)}")
        return job, item
    found = [(each.name, explanation.item) for each in jobs if (explanation := each.explain(item)) is not None]
    if not found:
        raise UsageError(
            f"no job takes care of {printable(item)}",
            f"give an absolute path below a synced tree, or say whose it is: --job {'|'.join(names)}",
        )
    if len(found) > 1:
        raise UsageError(
            f"{printable(item)} may be of several jobs", f"say whose it is: --job {'|'.join(name for name, _ in found)}"
        )
    return found[0]


async def _read(host: str | None) -> tuple[str, tuple[Mark, ...]]:
    async with agent(host) as machine:
        return machine.name, (await read_marks_of(machine)).marks


async def _add(given: Sequence[Mark], jobs: dict[str, AnyJob], host: str | None) -> tuple[str, tuple[Mark, ...]]:
    async with agent(host) as machine:
        for job in jobs.values():
            await _refuse_missing(machine, job, [each.pattern for each in given if each.exact and each.job == job.name])
        await change_marks_on(machine, given, ())
        return machine.name, (await read_marks_of(machine)).marks


async def _refuse_missing(machine: Machine, job: AnyJob, items: Sequence[str]) -> None:
    """Raise UsageError for an item that is not there: its mark would be dropped by the next run."""
    gone = await job.gone(machine, items) if items else frozenset[str]()
    for item in (item for item in items if item in gone):
        raise UsageError(
            f"{machine.name} has no {printable(item)}",
            "mark it on the PC that has it (--on HOST), or mark a pattern of what may come",
        )


async def _remove(items: Sequence[str], job: str | None, host: str | None) -> tuple[str, tuple[Mark, ...]]:
    async with agent(host) as machine:
        marks = (await read_marks_of(machine)).marks
        removed = find_marks(marks, items, job, machine.name)
        await change_marks_on(machine, (), removed)
        return machine.name, removed


def _list(found: tuple[str, tuple[Mark, ...]], *, json: bool) -> None:
    name, marks = found
    if json:
        for each in marks:
            print_json("mark", each)
        return
    console = Console()
    if not marks:
        console.print(Text(f"nothing is marked as machine-specific on {name}"))
        return
    table = Table(box=None, pad_edge=False)
    for heading in (f"machine-specific on {name}", "job", "since", "by", "why"):
        table.add_column(heading, overflow="fold")
    for each in marks:
        words = (each.pattern, each.job, f"{each.since.astimezone():%Y-%m-%d}", each.user, each.reason)
        table.add_row(*(Text(printable(word)) for word in words))
    console.print(table)
