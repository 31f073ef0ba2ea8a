"""`pc-switcher history` and `show`: a run's whole story, from either of its machines."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest

from pcswitcher.faces.cli import run
from pcswitcher.faces.commands import history as history_command
from pcswitcher.faces.commands import show as show_command
from pcswitcher.faces.commands.history import attention_words, result_words
from pcswitcher.faces.commands.show import detail_lines, story
from pcswitcher.machine.api import Context, Machine
from pcswitcher.machine.fake import open_fake
from pcswitcher.machine.lock import Role
from pcswitcher.model.codec import dumps
from pcswitcher.model.errors import ExitCode
from pcswitcher.model.events import Outcome
from pcswitcher.model.plan import Action
from pcswitcher.run import record as record_module
from pcswitcher.run.record import JobDetails, JobRecord, RunDetails, RunRecord, SnapshotRecord
from pcswitcher.snapshots.folder import Snapshot
from pcswitcher.snapshots.names import Moment
from pcswitcher.snapshots.snapshots import list_snapshots

STARTED = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
RECORD = RunRecord(
    label="0042",
    role=Role.SOURCE,
    source="atlas",
    target="vega",
    source_id="a",
    target_id="v",
    user="sam",
    version="0.2.0",
    started=STARTED,
    ended=STARTED + timedelta(seconds=90.5),
    outcome=Outcome.PARTIAL,
    changed=True,
    message="1,234 changes made to vega, 2 could not be",
    warnings=3,
    log="20260501T120000Z-vega",
    jobs=(
        JobRecord(
            name="files",
            title="Files",
            outcome=Outcome.PARTIAL,
            items=1234,
            size=4096,
            seconds=61.2,
            counts={Action.ADD: 1200, Action.REMOVE: 36},
            conflicts=5,
            skipped=4,
            kept=1,
            marked=7,
            problems=1,
            failures=2,
            differences=0,
        ),
        JobRecord(name="dummy", outcome=Outcome.SKIPPED, items=0, size=0, reason="files failed"),
    ),
    snapshots=(
        SnapshotRecord(machine="atlas", moment=Moment.PRE, subvolume="@home", uuid="u-1"),
        SnapshotRecord(machine="atlas", moment=Moment.POST, subvolume="@home", uuid="u-2"),
        SnapshotRecord(machine="vega", moment=Moment.PRE, subvolume="@home", uuid="u-3"),
    ),
)
DETAILS = RunDetails(
    label="0042",
    warnings=("little room on vega",),
    jobs=(
        JobDetails(
            name="files",
            failures=("/home/sam/x: no such user",),
            conflicts=("skip: /home/sam/note",),
            skipped=("/home/sam/note",),
            kept=("/home/sam/VMs",),
        ),
    ),
)


def test_the_source_tells_everything() -> None:
    """L4, S5: plan, decisions, conflicts, results, verification, snapshots of both, log."""
    text = "\n".join(story(RECORD))
    for words in (
        "run 0042: atlas → vega",
        "by sam",
        "took      90.5 s",
        "result    partial: 1,234 changes made to vega, 2 could not be",
        "this PC   atlas was the source",
        "files     partial, 1,234 changes, 4.0 KiB moved in 61.2 s",
        "plan: 1,200 new, 36 removed",
        "decided: 5 changed on vega itself, 4 skipped, 1 kept as machine-specific, 7 machine-specific before",
        "not done: 1 could not be planned, 2 could not be made",
        "dummy     skipped, 0 changes, 0 B moved: files failed",
        "snapshots atlas: before @home, after @home",
        "vega: before @home",
        "log       pc-switcher logs 20260501T120000Z-vega",
        "look at   5 conflicts, 3 not made, 3 warnings",
    ):
        assert words in text


def test_the_target_tells_the_same_and_where_the_log_is() -> None:
    """Issue: from either machine."""
    text = "\n".join(story(attrs.evolve(RECORD, role=Role.TARGET)))
    assert "this PC   vega was the target" in text
    assert "log       on atlas: pc-switcher logs 20260501T120000Z-vega" in text


def test_snapshots_that_are_gone_are_named_as_far_as_this_pc_knows() -> None:
    """Faults row 36: told by UUID; what the other PC still has is not known here."""
    text = "\n".join(story(RECORD, {"u-1"}))
    assert "atlas: before @home, after @home (gone)" in text
    assert "vega: before @home\n" in text + "\n"


def test_a_run_that_was_cut_short_says_so() -> None:
    """Promise 6."""
    cut = attrs.evolve(RECORD, outcome=None, ended=None, message="applying", jobs=())
    assert result_words(cut) == "not finished, vega half-way"
    assert "result    not finished, vega half-way: applying" in "\n".join(story(cut))
    begun = attrs.evolve(cut, changed=False)
    assert result_words(begun) == "not finished"
    assert result_words(RECORD) == "partial"


def test_nothing_to_look_at_is_no_words() -> None:
    quiet = attrs.evolve(RECORD, warnings=0, jobs=(attrs.evolve(RECORD.jobs[1]),))
    assert attention_words(quiet) == ""
    assert "look at" not in "\n".join(story(quiet))


def test_details_name_every_item_by_kind() -> None:
    text = "\n".join(detail_lines(DETAILS))
    assert "warnings\n  little room on vega" in text
    assert "files: could not be made\n  /home/sam/x: no such user" in text
    assert "files: conflicts, with what was decided\n  skip: /home/sam/note" in text
    assert "files: kept as machine-specific\n  /home/sam/VMs" in text
    assert "could not be planned" not in text
    assert detail_lines(None)[-1] == "no details were kept of this run"


@pytest.fixture
def _pc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PC that remembers one run and has one of its snapshots, with an agent."""

    @asynccontextmanager
    async def agent(_: str | None) -> AsyncGenerator[Machine]:
        machine = await open_fake("atlas")
        try:
            yield machine
        finally:
            await machine.close()

    def listed(_: Context) -> tuple[Snapshot, ...]:
        return (
            Snapshot(
                run="0042",
                moment=Moment.PRE,
                subvolume="@home",
                path=b"/.snapshots/pc-switcher/0042/pre-@home",
                uuid="u-1",
                source_uuid="s",
                created=STARTED,
                generation=1,
                read_only=True,
            ),
        )

    for module in (record_module, history_command, show_command):
        monkeypatch.setattr(module, "STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(show_command, "agent", agent)
    monkeypatch.setattr(list_snapshots, "function", listed)
    place = tmp_path / "runs" / "0042"
    place.mkdir(parents=True)
    (place / "run.json").write_text(dumps(attrs.evolve(RECORD, message="evil \x1b[31m")))
    (place / "details.json").write_text(dumps(DETAILS))


@pytest.mark.usefixtures("_pc")
def test_both_commands_print_what_is_remembered(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["history"]) == ExitCode.DONE
    text = " ".join(capsys.readouterr().out.split())
    assert "0042" in text
    assert "5 conflicts" in text
    assert run(["show", "42"]) == ExitCode.DONE
    text = capsys.readouterr().out
    assert "run 0042: atlas → vega" in text
    assert "\x1b" not in text
    assert "/home/sam" not in text


@pytest.mark.usefixtures("_pc")
def test_details_come_through_the_agent(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "42", "--details"]) == ExitCode.DONE
    text = capsys.readouterr().out
    assert "/home/sam/x: no such user" in text
    assert "after @home (gone)" in text


@pytest.mark.usefixtures("_pc")
def test_programs_get_both_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "42", "--details", "--json"]) == ExitCode.DONE
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["type"], first["label"], first["jobs"][0]["counts"]["add"]) == ("run", "0042", 1200)
    assert (second["type"], second["jobs"][0]["kept"]) == ("details", ["/home/sam/VMs"])
