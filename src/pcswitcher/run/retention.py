"""Which snapshots are kept and why, and deleting the others (requirement S5).

A machine judges its own snapshots by its own clock and its own runs. Kept are

* what belongs to a base with another machine, whatever its age,
* those of runs that were cut short and may have to be undone: the first and the last since a complete one,
* those of the newest runs, so many as the settings say,
* those younger than the settings say.

The others are deleted. What is a base is told by UUID and not by path: a path can come to mean another snapshot when
some other program deletes ours and makes its own (faults row 36).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

import attrs

from pcswitcher.machine.api import Context, Machine, exposed
from pcswitcher.machine.lock import Role
from pcswitcher.model.errors import PcSwitcherError
from pcswitcher.model.events import Level, now
from pcswitcher.model.settings import SnapshotSettings
from pcswitcher.model.text import human_count
from pcswitcher.run.bases import read_held
from pcswitcher.run.bus import Bus
from pcswitcher.run.paths import STATE_DIRECTORY
from pcswitcher.run.record import RunRecord, read_records
from pcswitcher.snapshots.folder import Snapshot
from pcswitcher.snapshots.names import Moment
from pcswitcher.snapshots.snapshots import delete_snapshots, list_snapshots

DRY_RUN = "dry-run-"
"""How the labels of dry runs begin; one that is still there was cut short."""


@attrs.frozen(kw_only=True)
class Verdict:
    """What happens to the snapshots of one moment of a run, and why."""

    run: str
    moment: Moment
    keep: bool
    why: str


@attrs.frozen(kw_only=True)
class Kept:
    """The snapshots of a machine and what is to become of them."""

    snapshots: tuple[Snapshot, ...]
    verdicts: tuple[Verdict, ...]
    lost: tuple[str, ...] = ()
    """Bases whose snapshot is gone, in words."""


def judge(
    snapshots: Sequence[Snapshot],
    records: Sequence[RunRecord],
    held: Collection[str],
    settings: SnapshotSettings,
    moment: datetime,
) -> tuple[Verdict, ...]:
    """Judge every run's snapshots, oldest run first. Pure.

    ``held``: UUIDs of those that belong to a base. ``moment``: now, by the clock that dated the snapshots.
    """
    groups: dict[tuple[str, Moment], list[Snapshot]] = {}
    for snapshot in sorted(snapshots, key=_order):
        groups.setdefault((snapshot.run, snapshot.moment), []).append(snapshot)
    newest = sorted({run for run, _ in groups if run.isdecimal()}, key=int)[-settings.keep_runs :]
    waiting = _waiting(records)
    limit = moment - timedelta(days=settings.keep_days)
    verdicts: list[Verdict] = []
    for (run, when), members in groups.items():
        reason = ""
        if any(each.uuid in held for each in members):
            reason = "base: common with another PC"
        elif run in waiting:
            reason = "the run was cut short and may have to be undone"
        elif run in newest:
            reason = (
                f"one of the newest {human_count(settings.keep_runs, 'run')}"
                if settings.keep_runs > 1
                else ("the newest run")
            )
        elif not run.isdecimal() and not run.startswith(DRY_RUN):
            reason = "not made by a run"
        elif not run.startswith(DRY_RUN) and max(each.created for each in members) > limit:
            reason = f"younger than {human_count(settings.keep_days, 'day')}"
        verdicts.append(Verdict(run=run, moment=when, keep=bool(reason), why=reason or _why_deleted(run, settings)))
    return tuple(verdicts)


def to_delete(
    snapshots: Sequence[Snapshot],
    records: Sequence[RunRecord],
    held: Collection[str],
    settings: SnapshotSettings,
    moment: datetime,
) -> tuple[tuple[str, Moment], ...]:
    """The runs and moments whose snapshots are to be deleted, oldest first: see ``judge``. Pure."""
    verdicts = judge(snapshots, records, held, settings, moment)
    return tuple((verdict.run, verdict.moment) for verdict in verdicts if not verdict.keep)


def lost_bases(snapshots: Iterable[Snapshot], records: Iterable[RunRecord], held: Collection[str]) -> tuple[str, ...]:
    """Bases whose snapshot another program deleted, in words; told by UUID. Pure."""
    there = {snapshot.uuid for snapshot in snapshots}
    taken = {each.uuid: (record.label, each.subvolume) for record in records for each in record.snapshots}
    lost: list[str] = []
    for uuid in sorted(set(held) - there, key=lambda uuid: taken.get(uuid, ("", uuid))):
        run, subvolume = taken.get(uuid, ("", ""))
        what = f"the snapshot of {subvolume} after run {run}" if run else f"the snapshot with UUID {uuid}"
        lost.append(f"base lost: {what} was deleted by another program")
    return tuple(lost)


@exposed
def judge_snapshots(context: Context, settings: SnapshotSettings) -> Kept:
    """Tell what of this machine's snapshots is kept, and why. Deletes nothing. Raises SnapshotError."""
    snapshots = list_snapshots(context)
    records, _, _ = read_records(STATE_DIRECTORY)
    held = read_held(context)
    return Kept(
        snapshots=snapshots,
        verdicts=judge(snapshots, records, held, settings, now()),
        lost=lost_bases(snapshots, records, held),
    )


@exposed
def delete_old_snapshots(context: Context, settings: SnapshotSettings, held: tuple[str, ...]) -> tuple[Snapshot, ...]:
    """Delete what is not kept, and tell which snapshots that were; the caller holds the machine's lock.

    ``held``: UUIDs to keep besides those of the bases this machine knows. What cannot be deleted is named in the log
    and left; harmless to repeat. Raises SnapshotError when the snapshots cannot even be listed.
    """
    snapshots = list_snapshots(context)
    records, _, _ = read_records(STATE_DIRECTORY)
    deleted: list[Snapshot] = []
    for run, moment in to_delete(snapshots, records, {*held, *read_held(context)}, settings, now()):
        context.check_cancelled()
        try:
            deleted += delete_snapshots(context, run, moment)
        except PcSwitcherError as error:
            context.log(Level.WARNING, f"not deleted: {error.message}", run=run)
    return tuple(deleted)


async def clean_snapshots(
    machine: Machine, settings: SnapshotSettings, held: Collection[str], bus: Bus
) -> tuple[Snapshot, ...]:
    """After a run: delete a machine's old snapshots, and tell which. A failure is only a warning.

    ``held``: UUIDs to keep besides those of the bases the machine knows. Each deletion is logged (FULL) by the agent.
    """
    if not settings.automatic:
        return ()
    try:
        deleted = await machine.call(delete_old_snapshots, settings, tuple(held))
        kept = await machine.call(judge_snapshots, settings)
    except PcSwitcherError as error:
        bus.log(Level.WARNING, f"old snapshots were not deleted: {error}", machine.name)
        return ()
    if deleted:
        bus.log(Level.INFO, f"deleted {human_count(len(deleted), 'old snapshot')}", machine.name)
    for words in kept.lost:
        bus.log(Level.WARNING, words, machine.name)
    return deleted


def _waiting(records: Sequence[RunRecord]) -> set[str]:
    """Runs that may have to be undone: the first and the last that no later complete run has settled.

    The first holds what was before all of them. A machine that was left half-way is settled when it has been the
    target of a complete run, a source by any.
    """
    waiting: list[str] = []
    completed = received = False
    for record in reversed(records):
        if record.complete:
            completed, received = True, received or record.role is Role.TARGET
        elif record.outcome is None or record.halfway:
            settled = received if record.role is Role.TARGET else completed
            waiting += [] if settled else [record.label]
    return {*waiting[:1], *waiting[-1:]}


def _why_deleted(run: str, settings: SnapshotSettings) -> str:
    if run.startswith(DRY_RUN):
        return "left by a dry run that was cut short"
    return f"older than {human_count(settings.keep_days, 'day')} and not of the newest runs"


def _order(snapshot: Snapshot) -> tuple[int, str, int, str]:
    number = int(snapshot.run) if snapshot.run.isdecimal() else -1
    return number, snapshot.run, list(Moment).index(snapshot.moment), snapshot.subvolume
