"""`pc-switcher show RUN`: one run's whole story, from either of its machines."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from pcswitcher.faces.commands.agents import agent
from pcswitcher.faces.commands.history import attention_words, result_words
from pcswitcher.faces.commands.output import print_json
from pcswitcher.machine.lock import Role
from pcswitcher.model.plan import Action
from pcswitcher.model.text import human_count, human_size, printable
from pcswitcher.run.paths import STATE_DIRECTORY
from pcswitcher.run.record import JobDetails, JobRecord, RunDetails, RunRecord, find_record, read_details, read_records
from pcswitcher.snapshots.names import Moment
from pcswitcher.snapshots.snapshots import list_snapshots

MOMENTS = {Moment.PRE: "before", Moment.POST: "after"}


def show(
    run: str,
    /,
    *,
    details: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Tell everything this PC remembers of one run.

    Parameters
    ----------
    run
        Its number, as `pc-switcher history` lists it.
    details
        Name the warnings and items that need attention, and which snapshots are still there; needs sudo.
    json
        Print a JSON object, and with --details another one.
    """
    records, _, _ = read_records(STATE_DIRECTORY)
    record = find_record(records, run)
    found, there = asyncio.run(_read_private(record.label)) if details else (None, None)
    if json:
        print_json("run", record)
        if details:
            print_json("details", found or RunDetails(label=record.label))
        return
    console = Console()
    for line in [*story(record, there), *(detail_lines(found) if details else [])]:
        console.print(Text(printable(line)), soft_wrap=True)


def story(record: RunRecord, there: Collection[str] | None = None) -> list[str]:
    """A run in lines. ``there``: UUIDs of the snapshots this PC still has; None when that is not known. Pure."""
    attention = attention_words(record)
    lines = [
        f"run {record.label}: {record.source} → {record.target}",
        f"started   {record.started.astimezone():%Y-%m-%d %H:%M:%S %Z} by {record.user}",
        *([f"took      {(record.ended - record.started).total_seconds():.1f} s"] if record.ended else []),
        f"result    {result_words(record)}" + (f": {record.message}" if record.message else ""),
        f"program   pc-switcher {record.version}",
        f"this PC   {record.source if record.role is Role.SOURCE else record.target} was the {record.role}",
    ]
    for job in record.jobs:
        lines += job_lines(job, record)
    lines += _snapshot_lines(record, there)
    log = f"pc-switcher logs {record.log or record.label}"
    lines.append(f"log       {log}" if record.role is Role.SOURCE else f"log       on {record.source}: {log}")
    if attention:
        lines.append(f"look at   {attention}; named by: pc-switcher show {record.label} --details")
    return lines


def job_lines(job: JobRecord, record: RunRecord) -> list[str]:
    """What one job was to do, what was decided, how it went, what was found after it. Pure."""
    plan = [f"{job.counts[action]:,} {action.words}" for action in Action if job.counts.get(action)]
    reason = f": {job.reason}" if job.reason else ""
    took = f" in {job.seconds:.1f} s" if job.seconds else ""
    lines = [
        f"{job.name:<9} {job.outcome}, {human_count(job.items, 'change')}, {human_size(job.size)} moved{took}{reason}"
    ]
    decided = [
        (job.conflicts, f"changed on {record.target} itself"),
        (job.skipped, "skipped"),
        (job.kept, "kept as machine-specific"),
        (job.marked, "machine-specific before"),
    ]
    found = [
        (job.problems, "could not be planned"),
        (job.failures, "could not be made"),
        (job.differences, "not as planned when read back"),
    ]
    for title, words in (
        ("plan", plan),
        ("decided", [f"{count:,} {text}" for count, text in decided if count]),
        ("not done", [f"{count:,} {text}" for count, text in found if count]),
    ):
        if words:
            lines.append(f"{'':<9} {title}: {', '.join(words)}")
    return lines


def detail_lines(details: RunDetails | None) -> list[str]:
    """What only root may read of a run, in lines. Pure."""
    if details is None:
        return ["", "no details were kept of this run"]
    lines = ["", "warnings" if details.warnings else "no warnings"]
    lines += [f"  {words}" for words in details.warnings]
    for job in details.jobs:
        for title, items in _kinds(job):
            if items:
                lines += ["", f"{job.name}: {title}", *(f"  {item}" for item in items)]
    return lines


def _kinds(job: JobDetails) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (
        ("conflicts, with what was decided", job.conflicts),
        ("skipped", job.skipped),
        ("kept as machine-specific", job.kept),
        ("could not be planned", job.problems),
        ("could not be made", job.failures),
        ("not as planned when read back", job.differences),
    )


def _snapshot_lines(record: RunRecord, there: Collection[str] | None) -> list[str]:
    own = record.source if record.role is Role.SOURCE else record.target
    lines: list[str] = []
    for machine in (record.source, record.target):
        names: list[str] = []
        for each in record.snapshots:
            if each.machine == machine:
                gone = there is not None and machine == own and each.uuid not in there
                names.append(f"{MOMENTS[each.moment]} {each.subvolume}" + (" (gone)" if gone else ""))
        if names:
            lines.append(f"{'' if lines else 'snapshots':<9} {machine}: {', '.join(names)}")
    if lines:
        lines.append(f"{'':<9} in /.snapshots/pc-switcher/{record.label} (pc-switcher snapshots list)")
    return lines


async def _read_private(label: str) -> tuple[RunDetails | None, frozenset[str]]:
    async with agent(None) as machine:
        found = await machine.call(read_details, label)
        return found, frozenset(each.uuid for each in await machine.call(list_snapshots))
