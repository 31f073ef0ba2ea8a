"""The journal of a run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.unit.files.conftest import QuietContext

from pcswitcher.machine.fake import open_fake
from pcswitcher.model.errors import FormatError
from pcswitcher.model.events import Step
from pcswitcher.run import record
from pcswitcher.run.journal import Edge, Journal, JournalEntry, changes_begun, read_journal, write_journal


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state directory of the machine of this test."""
    monkeypatch.setattr(record, "STATE_DIRECTORY", str(tmp_path))
    return tmp_path


def test_what_was_told_on_all_machines_is_read_in_its_order(state: Path) -> None:
    """Promise 6. Both machines live in this process, so one file has the lines of both."""

    async def scenario() -> tuple[JournalEntry, ...]:
        atlas, vega = await open_fake("atlas"), await open_fake("vega")
        journal = Journal((vega, atlas), "0007")
        await journal.write(Step.SNAPSHOT, Edge.BEFORE)
        await journal.write(Step.SNAPSHOT, Edge.AFTER)
        found = await atlas.call(read_journal, "0007")
        await atlas.close()
        await vega.close()
        return found

    found = asyncio.run(scenario())
    assert [(entry.step, entry.edge) for entry in found] == [
        (Step.SNAPSHOT, Edge.BEFORE),
        (Step.SNAPSHOT, Edge.BEFORE),
        (Step.SNAPSHOT, Edge.AFTER),
        (Step.SNAPSHOT, Edge.AFTER),
    ]


def test_a_dry_run_leaves_no_journal(state: Path) -> None:
    """Promise 2."""
    asyncio.run(Journal((), None).write(Step.APPLY, Edge.BEFORE))
    assert list(state.iterdir()) == []


@pytest.mark.parametrize("torn", [b"", b"{", b'{"step":"app', b"\0\0\0\0"])
def test_a_line_that_a_power_cut_left_half_ends_the_journal(state: Path, torn: bytes) -> None:
    """Faults row 4."""
    context = QuietContext()
    write_journal(context, "0007", JournalEntry(step=Step.CHECK, edge=Edge.BEFORE))
    with (state / "runs" / "0007" / "journal.jsonl").open("ab") as file:
        file.write(torn)
    assert [entry.step for entry in read_journal(context, "0007")] == [Step.CHECK]


def test_a_run_without_a_journal_has_an_empty_one_and_a_wrong_label_none(state: Path) -> None:
    """Faults row 22."""
    assert read_journal(QuietContext(), "0001") == ()
    with pytest.raises(FormatError):
        write_journal(QuietContext(), "../x", JournalEntry(step=Step.CHECK, edge=Edge.BEFORE))


@pytest.mark.parametrize("step", Step)
def test_changes_may_have_begun_once_the_apply_was_announced(step: Step) -> None:
    """Promise 6: before it the run is undone, after it the target is between before and after."""
    steps = list(Step)
    earlier = steps[: steps.index(step)]
    entries = (*(JournalEntry(step=each, edge=edge) for each in earlier for edge in Edge),)
    assert changes_begun((*entries, JournalEntry(step=step, edge=Edge.BEFORE))) == (
        steps.index(step) >= steps.index(Step.APPLY)
    )
