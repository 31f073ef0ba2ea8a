"""Which snapshots are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.machine.api import Context
from pcswitcher.machine.fake import open_fake
from pcswitcher.machine.lock import Role
from pcswitcher.model.errors import SnapshotError
from pcswitcher.model.events import Event, Level, LogLine, Outcome
from pcswitcher.model.settings import SnapshotSettings
from pcswitcher.run import retention
from pcswitcher.run.bus import Bus
from pcswitcher.run.record import RunRecord, SnapshotRecord
from pcswitcher.run.retention import clean_snapshots, delete_old_snapshots, judge, lost_bases, to_delete
from pcswitcher.snapshots.folder import Snapshot
from pcswitcher.snapshots.names import Moment

NOW = datetime(2026, 5, 1, tzinfo=UTC)
FIVE_AND_14 = SnapshotSettings()


def taken(run: str, days: float, moment: Moment = Moment.PRE, subvolume: str = "@home") -> Snapshot:
    """A snapshot that is so many days old; its UUID tells which it is."""
    return Snapshot(
        run=run,
        moment=moment,
        subvolume=subvolume,
        path=f"/.snapshots/pc-switcher/{run}/{moment}-{subvolume}".encode(),
        uuid=f"{run}-{moment}-{subvolume}",
        source_uuid="s",
        created=NOW - timedelta(days=days),
        generation=1,
        read_only=True,
    )


def of_run(run: str, days: float) -> list[Snapshot]:
    return [taken(run, days, moment, subvolume) for moment in Moment for subvolume in ("@", "@home")]


def record(label: str, outcome: Outcome | None = Outcome.DONE, role: Role = Role.TARGET) -> RunRecord:
    return RunRecord(
        label=label,
        role=role,
        source="atlas",
        target="vega",
        source_id="a",
        target_id="v",
        user="sam",
        version="0",
        started=NOW,
        outcome=outcome,
        changed=True,
    )


def deleted_runs(
    snapshots: list[Snapshot], records: tuple[RunRecord, ...] = (), held: Collection[str] = ()
) -> set[str]:
    return {run for run, _ in to_delete(snapshots, records, held, FIVE_AND_14, NOW)}


def test_only_what_is_both_old_and_not_of_the_newest_runs_goes() -> None:
    """S5: by age and count."""
    old = [each for number in range(1, 10) for each in of_run(f"{number:04d}", 100)]
    assert deleted_runs(old) == {"0001", "0002", "0003", "0004"}
    young = [each for number in range(1, 10) for each in of_run(f"{number:04d}", 13)]
    assert deleted_runs(young) == set()
    assert deleted_runs([*of_run("0001", 20), *of_run("0002", 13), *old[-20:]]) == {"0001"}


def test_runs_are_ordered_by_their_numbers_and_not_as_text() -> None:
    snapshots = [each for label in ("9998", "9999", "10000", "10001", "10002", "10003") for each in of_run(label, 99)]
    assert deleted_runs(snapshots) == {"9998"}


def test_a_base_is_kept_whatever_its_age_and_only_that_moment() -> None:
    """S5; faults row 36: told by UUID."""
    old = [each for number in range(1, 8) for each in of_run(f"{number:04d}", 1000)]
    found = to_delete(old, (), {"0001-post-@home"}, FIVE_AND_14, NOW)
    assert found == (("0001", Moment.PRE), ("0002", Moment.PRE), ("0002", Moment.POST))


def test_another_snapshot_at_the_path_of_a_base_is_no_base() -> None:
    """Faults row 36."""
    old = [each for number in range(1, 8) for each in of_run(f"{number:04d}", 1000)]
    held = {old[3].uuid}
    replaced = [attrs.evolve(each, uuid="another") if each.uuid in held else each for each in old]
    assert deleted_runs(old, held=held) == {"0001", "0002"}
    assert (old[3].run, old[3].moment) not in to_delete(old, (), held, FIVE_AND_14, NOW)
    assert (old[3].run, old[3].moment) in to_delete(replaced, (), held, FIVE_AND_14, NOW)


def test_what_may_have_to_be_undone_is_kept() -> None:
    """S5, promise 5: the first and the last run that were cut short, until a complete run has settled them."""
    old = [each for number in range(1, 20) for each in of_run(f"{number:04d}", 1000)]
    cut = [record(f"{number:04d}", None if number % 2 else Outcome.FAILED) for number in range(3, 8)]
    done = record("0002")
    assert {"0003", "0007"}.isdisjoint(deleted_runs(old, (done, *cut)))
    assert {"0001", "0002", "0004", "0005", "0006"} <= deleted_runs(old, (done, *cut))
    assert {"0003", "0007"} <= deleted_runs(old, (done, *cut, record("0008")))
    assert {"0003", "0007"}.isdisjoint(deleted_runs(old, (done, *cut, record("0008", role=Role.SOURCE))))


def test_a_run_cut_short_that_this_pc_started_is_settled_by_its_next() -> None:
    old = [each for number in range(1, 20) for each in of_run(f"{number:04d}", 1000)]
    cut = record("0003", None, Role.SOURCE)
    assert "0003" not in deleted_runs(old, (cut,))
    assert "0003" in deleted_runs(old, (cut, record("0004", role=Role.SOURCE)))


def test_what_a_dry_run_left_goes_and_what_is_none_of_ours_stays() -> None:
    """Design §3: a dry run leaves nothing behind, even when it was cut short."""
    snapshots = [*of_run("dry-run-12-34", 0), *of_run("by-hand", 1000), *of_run("0001", 0)]
    assert deleted_runs(snapshots) == {"dry-run-12-34"}


def test_a_clock_that_was_wrong_deletes_nothing_too_early() -> None:
    """Faults row 10: snapshots from the future are young."""
    snapshots = [each for number in range(1, 10) for each in of_run(f"{number:04d}", -400)]
    assert deleted_runs(snapshots) == set()


def test_a_run_is_as_old_as_its_newest_snapshot_of_a_moment() -> None:
    more = [each for number in range(2, 8) for each in of_run(f"{number:04d}", 99)]
    pair = [taken("0001", 20, subvolume="@"), taken("0001", 13, subvolume="@home")]
    assert "0001" not in deleted_runs([*pair, *more])


@given(
    st.lists(st.tuples(st.integers(1, 40), st.floats(-10, 100), st.sampled_from(Moment)), max_size=60),
    st.integers(1, 10),
    st.integers(0, 60),
    st.sets(st.integers(0, 59)),
)
def test_no_settings_delete_a_base_or_one_of_the_newest(
    shapes: list[tuple[int, float, Moment]], runs: int, days: int, held_positions: set[int]
) -> None:
    """S5, for any snapshots and settings; cleaning twice finds nothing more."""
    snapshots = [taken(f"{number:04d}", age, moment) for number, age, moment in shapes]
    held = {snapshots[position].uuid for position in held_positions if position < len(snapshots)}
    settings = SnapshotSettings(keep_runs=runs, keep_days=days)
    gone = set(to_delete(snapshots, (), held, settings, NOW))
    newest = sorted({each.run for each in snapshots})[-runs:]
    left = [each for each in snapshots if (each.run, each.moment) not in gone]
    assert held <= {each.uuid for each in left}
    assert {each.run for each in snapshots if each.run in newest} == {each.run for each in left if each.run in newest}
    assert all(each in left for each in snapshots if each.created > NOW - timedelta(days=days))
    assert to_delete(left, (), held, settings, NOW) == ()


def test_every_verdict_says_why() -> None:
    """Design §7: what is kept and why."""
    old = [each for number in range(1, 10) for each in of_run(f"{number:04d}", 100)]
    snapshots = [*of_run("dry-run-1", 0), *of_run("by-hand", 0), *of_run("0010", 3), *old]
    verdicts = judge(snapshots, (record("0002", None),), {"0001-post-@home"}, FIVE_AND_14, NOW)
    why = {(verdict.run, verdict.moment): verdict.why for verdict in verdicts}
    assert why["0001", Moment.POST] == "base: common with another PC"
    assert why["0001", Moment.PRE] == "older than 14 days and not of the newest runs"
    assert why["0002", Moment.PRE] == "the run was cut short and may have to be undone"
    assert why["0010", Moment.PRE] == "one of the newest 5 runs"
    assert why["dry-run-1", Moment.PRE] == "left by a dry run that was cut short"
    assert why["by-hand", Moment.PRE] == "not made by a run"
    one = judge(of_run("0001", 3) + of_run("0002", 3), (), (), SnapshotSettings(keep_runs=1), NOW)
    assert [verdict.why for verdict in one] == ["younger than 14 days"] * 2 + ["the newest run"] * 2


def test_a_base_whose_snapshot_is_gone_is_named() -> None:
    """Faults row 36."""
    ours = SnapshotRecord(machine="vega", moment=Moment.POST, subvolume="@home", uuid="u-1")
    known = attrs.evolve(record("0007"), snapshots=(ours,))
    here = [attrs.evolve(taken("0007", 1), uuid="u-2")]
    assert lost_bases(here, (known,), ("u-1", "u-2", "u-3")) == (
        "base lost: the snapshot with UUID u-3 was deleted by another program",
        "base lost: the snapshot of @home after run 0007 was deleted by another program",
    )


class Here:
    """A Context that keeps the log lines."""

    resources = ExitStack()

    def __init__(self) -> None:
        self.lines: list[tuple[Level, str]] = []

    def log(self, level: Level, message: str, **fields: str) -> None:
        self.lines.append((level, message))

    def progress(self, done: int, total: int, unit: str, item: bytes = b"") -> None: ...
    def send(self, chunk: bytes) -> None: ...
    def check_cancelled(self) -> None: ...


class Sink:
    """Keeps every log line of a run."""

    def __init__(self) -> None:
        self.lines: list[LogLine] = []

    def take(self, event: Event) -> None:
        if isinstance(event, LogLine):
            self.lines.append(event)


@pytest.fixture
def machine_with(monkeypatch: pytest.MonkeyPatch) -> list[Snapshot]:
    """Snapshots of a pretended machine: nine old runs, of which 0002 cannot be deleted."""
    there = [each for number in range(1, 10) for each in of_run(f"{number:04d}", 1000)]

    def delete(_: Context, run: str, moment: Moment | None) -> tuple[Snapshot, ...]:
        if run == "0002":
            raise SnapshotError("vega: 0002 is not a read-only snapshot; nothing was deleted")
        chosen = tuple(each for each in there if each.run == run and each.moment == moment)
        for each in chosen:
            there.remove(each)
        return chosen

    def listed(_: Context) -> tuple[Snapshot, ...]:
        return tuple(there)

    def held(_: Context) -> tuple[str, ...]:
        return ("0001-post-@home",)

    def no_records(_: str) -> tuple[tuple[RunRecord, ...], tuple[str, ...], int]:
        return (), (), 0

    monkeypatch.setattr(retention, "list_snapshots", listed)
    monkeypatch.setattr(retention, "delete_snapshots", delete)
    monkeypatch.setattr(retention, "read_held", held)
    monkeypatch.setattr(retention, "read_records", no_records)
    monkeypatch.setattr(retention, "now", lambda: NOW)
    return there


def clean(settings: SnapshotSettings, held: tuple[str, ...] = ()) -> tuple[tuple[Snapshot, ...], list[LogLine]]:
    """What ``clean_snapshots`` deleted and logged."""

    async def on_machine() -> tuple[tuple[Snapshot, ...], list[LogLine]]:
        heard = Sink()
        machine = await open_fake("vega")
        try:
            return await clean_snapshots(machine, settings, held, Bus(heard)), heard.lines
        finally:
            await machine.close()

    return asyncio.run(on_machine())


def test_after_a_run_old_snapshots_go_but_those_of_bases(machine_with: list[Snapshot]) -> None:
    """S5: automatic; what a base needs is known by the machine, and by the run."""
    deleted, lines = clean(FIVE_AND_14, ("0004-pre-@",))
    assert {(each.run, each.moment) for each in deleted} == {
        ("0001", Moment.PRE),
        ("0003", Moment.PRE),
        ("0003", Moment.POST),
        ("0004", Moment.POST),
    }
    assert {each.run for each in machine_with} == {f"{number:04d}" for number in (1, 2, 4, 5, 6, 7, 8, 9)}
    assert [line.message for line in lines] == ["deleted 8 old snapshots"]


def test_one_that_cannot_be_deleted_is_a_warning_and_the_others_go(machine_with: list[Snapshot]) -> None:
    """S5, I4."""
    context = Here()
    assert len(delete_old_snapshots(context, FIVE_AND_14, ())) == 10
    assert (
        context.lines
        == [(Level.WARNING, "not deleted: vega: 0002 is not a read-only snapshot; nothing was deleted")] * 2
    )


def test_it_can_be_switched_off(machine_with: list[Snapshot]) -> None:
    """S5: by policy."""
    before = list(machine_with)
    assert clean(SnapshotSettings(automatic=False)) == ((), [])
    assert machine_with == before


def test_a_machine_that_cannot_even_list_them_is_a_warning(
    machine_with: list[Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Context) -> tuple[Snapshot, ...]:
        raise SnapshotError("vega: /.snapshots is not a directory that only root can change")

    monkeypatch.setattr(retention, "list_snapshots", fail)
    deleted, (line,) = clean(FIVE_AND_14)
    assert (deleted, line.level) == ((), Level.WARNING)
    assert "old snapshots were not deleted: vega: /.snapshots" in line.message
