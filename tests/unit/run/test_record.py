"""What a machine remembers of its runs."""

from __future__ import annotations

import asyncio
import json
import stat
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest

from pcswitcher.machine.fake import open_fake
from pcswitcher.machine.frames import FRAME_LIMIT
from pcswitcher.machine.lock import Role
from pcswitcher.model.errors import CheckError, FormatError, PcSwitcherError
from pcswitcher.model.events import Level, Outcome
from pcswitcher.run import record
from pcswitcher.run.record import (
    DETAILS_LIMIT,
    Ancestry,
    JobDetails,
    JobRecord,
    MachineIdentity,
    Memory,
    RunDetails,
    RunRecord,
    SnapshotRecord,
    find_record,
    load_memory,
    read_details,
    read_memory_of,
    read_records,
    within_limit,
    write_details,
    write_record,
)
from pcswitcher.snapshots.names import Moment

STARTED = datetime(2026, 5, 1, tzinfo=UTC)
RECORD = RunRecord(
    label="0007",
    role=Role.SOURCE,
    source="atlas",
    target="vega",
    source_id="a",
    target_id="v",
    user="sam",
    version="0.1.0",
    started=STARTED,
)


class Here:
    """A Context that nobody listens to."""

    resources = ExitStack()

    def progress(self, done: int, total: int, unit: str, item: bytes = b"") -> None: ...
    def log(self, level: Level, message: str, **fields: str) -> None: ...
    def send(self, chunk: bytes) -> None: ...
    def check_cancelled(self) -> None: ...


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine's state directory, not there yet, and its own id."""
    monkeypatch.setattr(record, "STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setattr(record, "_etc_machine_id", lambda: "etc-1")
    return tmp_path / "state"


IDENTITY = MachineIdentity(id="id-1", etc_machine_id="etc-1")


def test_a_record_comes_back_as_it_was(state: Path) -> None:
    done = attrs.evolve(RECORD, outcome=Outcome.DONE, ended=STARTED, message="ok \x1b\n ü")
    write_record(Here(), done, IDENTITY)
    memory = load_memory()
    assert memory.records == (done,)
    assert (memory.last_number, memory.damaged, memory.identity) == (7, (), IDENTITY)


def test_writing_again_replaces_and_leaves_no_other_file(state: Path) -> None:
    """Faults row 6."""
    for outcome in (None, Outcome.DONE):
        write_record(Here(), attrs.evolve(RECORD, outcome=outcome), IDENTITY)
    assert [path.name for path in (state / "runs" / "0007").iterdir()] == ["run.json"]
    assert read_records(str(state))[0][0].outcome is Outcome.DONE


def test_a_write_that_fails_leaves_the_record_of_before(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise 6."""
    write_record(Here(), RECORD, IDENTITY)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_record(Here(), attrs.evolve(RECORD, outcome=Outcome.DONE), IDENTITY)
    assert [path.name for path in (state / "runs" / "0007").iterdir()] == ["run.json"]
    assert read_records(str(state))[0] == (RECORD,)


@pytest.mark.parametrize("label", ["..", "../../etc", "1", "0007/..", "", "0007\n", "0007 ", "dry-run-1"])
def test_a_label_that_leads_elsewhere_is_refused(state: Path, label: str) -> None:
    """Faults row 22."""
    with pytest.raises(FormatError):
        write_record(Here(), attrs.evolve(RECORD, label=label), IDENTITY)
    assert not state.exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 1}', b"\xff", b'{"format": 2, "label": 7}'])
def test_a_damaged_record_is_named_and_its_number_not_used_again(state: Path, content: bytes) -> None:
    """Promise 8."""
    write_record(Here(), RECORD, IDENTITY)
    damaged = state / "runs" / "0012"
    damaged.mkdir()
    (damaged / "run.json").write_bytes(content)
    assert read_records(str(state)) == ((RECORD,), ("0012",), 12)


def test_a_run_cut_short_before_its_first_word_is_no_damage_and_its_number_is_taken(state: Path) -> None:
    """K2, faults row 4: the power was cut between the making of the folder and the writing of the record."""
    write_record(Here(), RECORD, IDENTITY)
    (state / "runs" / "0012").mkdir()
    assert read_records(str(state)) == ((RECORD,), (), 12)


def test_records_are_in_the_order_of_their_numbers(state: Path) -> None:
    for label in ("10000", "0009", "9999"):
        write_record(Here(), attrs.evolve(RECORD, label=label), IDENTITY)
    assert [each.label for each in read_records(str(state))[0]] == ["0009", "9999", "10000"]


def test_a_machine_installed_again_gets_a_new_id(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """K3; faults row 27."""
    write_record(Here(), RECORD, IDENTITY)
    monkeypatch.setattr(record, "_etc_machine_id", lambda: "etc-2")
    fresh = load_memory().identity
    assert fresh.id != "id-1"
    assert fresh.etc_machine_id == "etc-2"


def test_a_damaged_identity_is_an_error_and_not_a_new_one(state: Path) -> None:
    """Promise 8."""
    write_record(Here(), RECORD, IDENTITY)
    (state / "machine.json").write_text("{}")
    with pytest.raises(CheckError, match=r"machine\.json cannot be read"):
        load_memory()


@pytest.mark.parametrize("words", ["7", "0007", "007"])
def test_a_run_is_found_by_its_number(words: str) -> None:
    assert find_record((RECORD,), words) is RECORD


def test_an_unknown_run_is_told_with_the_last_one() -> None:
    with pytest.raises(PcSwitcherError, match="knows no run 8; the last one is 0007"):
        find_record((RECORD,), "8")


OLD_RECORD = {
    "format": 1,
    "label": "0003",
    "role": "target",
    "source": "atlas",
    "target": "vega",
    "source_id": "a",
    "target_id": "v",
    "user": "sam",
    "version": "0.1.0",
    "started": "2026-05-01T00:00:00+00:00",
    "ended": "2026-05-01T00:01:00+00:00",
    "outcome": "partial",
    "message": "3 changes made",
    "jobs": [{"name": "files", "outcome": "partial", "items": 3, "size": 12, "reason": "1 item stayed"}],
}


def test_a_record_of_format_1_is_read_as_one_of_today(state: Path) -> None:
    place = state / "runs" / "0003"
    place.mkdir(parents=True)
    (place / "run.json").write_text(json.dumps(OLD_RECORD))
    ((old,), damaged, _) = read_records(str(state))
    assert (old.format, old.complete, old.changed, old.jobs[0].items, damaged) == (2, True, True, 3, ())


@pytest.mark.parametrize(
    ("outcome", "halfway"),
    [(None, True), ("failed", True), ("interrupted", True), ("done", False), ("declined", False)],
)
def test_a_run_of_format_1_that_may_have_changed_something_counts_as_left_halfway(
    state: Path, outcome: str | None, halfway: bool
) -> None:
    """K3."""
    place = state / "runs" / "0003"
    place.mkdir(parents=True)
    (place / "run.json").write_text(json.dumps({**OLD_RECORD, "outcome": outcome}))
    assert read_records(str(state))[0][0].halfway is halfway


@pytest.mark.parametrize("form", [0, 3, "2", None, [], True])
def test_a_record_of_a_format_not_known_is_named_and_not_guessed_at(state: Path, form: object) -> None:
    """Promise 8."""
    place = state / "runs" / "0003"
    place.mkdir(parents=True)
    (place / "run.json").write_text(json.dumps({**OLD_RECORD, "format": form}))
    assert read_records(str(state)) == ((), ("0003",), 3)


def test_a_record_of_another_run_is_named_and_not_taken(state: Path) -> None:
    """Promise 8: a folder that was copied by hand."""
    write_record(Here(), RECORD, IDENTITY)
    (state / "runs" / "0007").rename(state / "runs" / "0009")
    assert read_records(str(state)) == ((), ("0009",), 9)


def test_what_did_not_come_to_its_end_is_unfinished(state: Path) -> None:
    for label, outcome in (("0007", Outcome.DONE), ("0008", None), ("0009", Outcome.FAILED)):
        write_record(Here(), attrs.evolve(RECORD, label=label, outcome=outcome), IDENTITY)
    assert [each.label for each in load_memory().unfinished] == ["0008"]


def test_details_come_back_as_they_were_and_only_root_reads_them(state: Path) -> None:
    """L3: what names files is nobody else's business."""
    assert read_details(Here(), "0007") is None
    details = RunDetails(label="0007", warnings=("little room",), jobs=(JobDetails(name="files", failures=("x: y",)),))
    write_details(Here(), details)
    assert read_details(Here(), "0007") == details
    assert stat.S_IMODE((state / "runs" / "0007" / "details.json").stat().st_mode) == 0o600


def test_damaged_details_are_an_error_and_not_none(state: Path) -> None:
    """Promise 8."""
    write_details(Here(), RunDetails(label="0007"))
    (state / "runs" / "0007" / "details.json").write_text("{")
    with pytest.raises(CheckError, match=r"details\.json cannot be read"):
        read_details(Here(), "0007")


@pytest.mark.parametrize("label", ["..", "../../etc", "", "0007/.."])
def test_details_of_a_label_that_leads_elsewhere_are_refused(state: Path, label: str) -> None:
    """Faults row 22."""
    with pytest.raises(FormatError):
        write_details(Here(), RunDetails(label=label))
    with pytest.raises(FormatError):
        read_details(Here(), label)
    assert not state.exists()


def test_very_many_items_are_counted_and_not_kept() -> None:
    items = tuple(map(str, range(DETAILS_LIMIT + 1234)))
    kept = within_limit(items)
    assert kept == (*items[:DETAILS_LIMIT], "and 1,234 more")
    assert within_limit(items[:DETAILS_LIMIT]) == items[:DETAILS_LIMIT]


def ask_over_the_wire() -> Memory:
    """This machine's memory as another one reads it."""

    async def ask() -> Memory:
        machine = await open_fake("vega")
        try:
            return await read_memory_of(machine)
        finally:
            await machine.close()

    return asyncio.run(ask())


def test_a_memory_larger_than_a_message_is_read_all_the_same(state: Path) -> None:
    """K2: every run adds a record, so after some thousand runs they are more than one message holds."""
    long = "x" * (FRAME_LIMIT // 8)
    for number in range(12):
        write_record(Here(), attrs.evolve(RECORD, label=f"{number:04d}", message=long), IDENTITY)
    assert ask_over_the_wire() == load_memory()


def test_of_a_run_that_ended_only_what_decides_travels(state: Path) -> None:
    """K2, K3: what is not asked for does not travel; a run without an end is settled from its whole record."""
    snapshot = SnapshotRecord(machine="vega", moment=Moment.POST, subvolume="@", uuid="u")
    ancestry = Ancestry(branch="b", seen={"c": 3})
    whole = attrs.evolve(RECORD, changed=True, snapshots=(snapshot,), ancestry=ancestry, message="begun", log="x.log")
    ended = attrs.evolve(whole, label="0006", outcome=Outcome.DONE, ended=STARTED)
    jobs = tuple(
        JobRecord(name=name, title="T", outcome=Outcome.DONE, items=7, size=9, reason="words") for name in ("a", "b")
    )
    ended = attrs.evolve(ended, jobs=jobs)
    for each in (ended, whole):
        write_record(Here(), each, IDENTITY)
    named = tuple(JobRecord(name=name, outcome=Outcome.DONE, items=0, size=0) for name in ("a", "b"))
    told = attrs.evolve(ended, jobs=named, snapshots=(), message="", log="")
    assert ask_over_the_wire().records == (told, whole)
    assert load_memory().records == (ended, whole)
