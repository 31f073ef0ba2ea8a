"""Runs that did not come to their end: what jobs kept aside goes first, then the record is settled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pcswitcher.jobs.registry import job_types
from pcswitcher.machine.fake import open_fake
from pcswitcher.machine.lock import Role
from pcswitcher.model.errors import ConnectionLostError
from pcswitcher.model.events import Event, Level, LogLine, Outcome
from pcswitcher.model.settings import Settings
from pcswitcher.run import record as record_module
from pcswitcher.run.bus import Bus
from pcswitcher.run.record import MachineIdentity, Memory, RunRecord, read_records
from pcswitcher.run.recovery import recover

IDENTITY = MachineIdentity(id="id-vega", etc_machine_id="vega")


def cut_short(label: str) -> RunRecord:
    return RunRecord(
        label=label,
        role=Role.TARGET,
        source="atlas",
        target="vega",
        source_id="id-atlas",
        target_id="id-vega",
        user="sam",
        version="0.2.0",
        started=datetime(2026, 5, 1, tzinfo=UTC),
        changed=True,
    )


class Recovery:
    """Recovers one machine and notes what the jobs did, and what the record on disk was when they did it."""

    def __init__(self, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.state = state
        self.monkeypatch = monkeypatch
        self.cleaned: list[str] = []
        self.told: list[Event] = []
        self.kinds = job_types()
        self.settings = Settings(jobs={name: kind.settings_type() for name, kind in self.kinds.items()})

    def let_clean(self, failing: Callable[[str], Exception | None] = lambda _: None) -> None:
        """Each job notes that it cleans, or raises."""

        async def clean_up(job: Any, _: object) -> None:
            assert [each.outcome for each in self.on_disk] in ([], [None])
            self.cleaned.append(job.name)
            if error := failing(job.name):
                raise error

        for kind in self.kinds.values():
            self.monkeypatch.setattr(kind, "clean_up", clean_up)

    def take(self, event: Event) -> None:
        """Be a Sink."""
        self.told.append(event)

    @property
    def on_disk(self) -> tuple[RunRecord, ...]:
        return read_records(str(self.state))[0]

    def run(self, *records: RunRecord) -> Memory:
        """Recover with these records remembered; the run that is starting is 0009."""
        memory = Memory(identity=IDENTITY, records=records, last_number=9, damaged=())
        bus = Bus(self)

        async def inside() -> Memory:
            machine = await open_fake("vega")
            try:
                return await recover(machine, memory, self.settings, bus, running="0009")
            finally:
                await machine.close()

        return asyncio.run(inside())

    def warnings(self) -> list[str]:
        return [
            f"{line.job}: {line.message}"
            for line in self.told
            if isinstance(line, LogLine) and line.level >= Level.WARNING
        ]


@pytest.fixture
def vega(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recovery:
    """A machine whose memory is in a directory of this test."""
    monkeypatch.setattr(record_module, "STATE_DIRECTORY", str(tmp_path))
    return Recovery(tmp_path, monkeypatch)


def test_every_installed_job_cleans_up_before_the_record_is_settled(vega: Recovery) -> None:
    """Promise 6, I4: the earlier run may have had jobs this one has not; being cut short again loses nothing."""
    vega.let_clean()
    memory = vega.run(cut_short("0008"), cut_short("0009"))
    assert sorted(vega.cleaned) == sorted(job_types())
    assert {"files", "settings"} <= set(vega.cleaned)
    assert [each.outcome for each in memory.records] == [Outcome.INTERRUPTED, None]
    assert [(each.label, each.outcome) for each in vega.on_disk] == [("0008", Outcome.INTERRUPTED)]


def test_a_job_that_cannot_clean_up_is_named_and_asked_again_by_the_next_run(vega: Recovery) -> None:
    """J5, I4: the others clean up all the same, and this run knows how the earlier one ended."""
    vega.let_clean(lambda name: OSError("no") if name == "files" else None)
    memory = vega.run(cut_short("0008"))
    assert sorted(vega.cleaned) == sorted(job_types())
    assert memory.records[0].outcome is Outcome.INTERRUPTED
    assert vega.on_disk == ()
    assert any(
        line.startswith("files: what an earlier run kept aside could not be removed") for line in vega.warnings()
    )


def test_a_lost_machine_is_not_settled(vega: Recovery) -> None:
    vega.let_clean(lambda _: ConnectionLostError("vega: gone"))
    with pytest.raises(ConnectionLostError):
        vega.run(cut_short("0008"))
    assert vega.on_disk == ()


def test_after_runs_that_ended_nothing_is_cleaned(vega: Recovery) -> None:
    vega.let_clean()
    assert vega.run(cut_short("0009")).records[0].outcome is None
    assert vega.cleaned == []
