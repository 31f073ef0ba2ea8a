"""What two machines have in common, kept on both."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.jobs.registry import AnyJob
from pcswitcher.machine.fake import FakeMachine, open_fake
from pcswitcher.machine.lock import Role
from pcswitcher.model.errors import CheckError, FormatError
from pcswitcher.model.events import Outcome
from pcswitcher.run import bases
from pcswitcher.run.bases import (
    BaseHead,
    Common,
    forget_bases,
    keep_base,
    newest_common,
    read_common,
    read_heads,
    read_held,
    replaced_machines,
)
from pcswitcher.run.record import RunRecord, SnapshotRecord
from pcswitcher.snapshots.names import Moment


class Notes:
    """As much of a job as a base needs."""

    name = "notes"
    title = "Notes"
    state_version = 2

    def decode_state(self, version: int, data: bytes) -> str:
        if version == 1:
            return data.decode().upper()
        if version != 2:
            raise FormatError(f"it is of version {version}, this program knows 2")
        return data.decode()


NOTES = cast("AnyJob", Notes())


def head(data: bytes, run: str = "0001", version: int = 2, **more: object) -> BaseHead:
    return attrs.evolve(
        BaseHead(
            run=run,
            job="notes",
            state_version=version,
            source_id="id-of-atlas",
            target_id="id-of-vega",
            digest=hashlib.sha256(data).hexdigest(),
            size=len(data),
        ),
        **more,
    )


@pytest.fixture
def both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[..., Coroutine[object, object, object]]], object]:
    """Run a scenario with two machines. Both live in this process, so one state directory holds what both keep."""
    monkeypatch.setattr(bases, "STATE_DIRECTORY", str(tmp_path))

    def run(scenario: Callable[..., Coroutine[object, object, object]]) -> object:
        async def open_both() -> object:
            atlas, vega = await open_fake("atlas"), await open_fake("vega")
            try:
                return await scenario(atlas, vega)
            finally:
                await atlas.close()
                await vega.close()

        return asyncio.run(open_both())

    return run


def kept(state: Path) -> list[Path]:
    """The files of all bases."""
    return sorted(state.rglob("*.base"))


async def keep_on_both(atlas: FakeMachine, vega: FakeMachine, data: bytes, known: BaseHead) -> None:
    await keep_base(vega, "id-of-atlas", known, data)
    await keep_base(atlas, "id-of-vega", known, data)


async def common(atlas: FakeMachine, vega: FakeMachine) -> Common:
    return await read_common(atlas, vega, "id-of-atlas", "id-of-vega", [NOTES])


def test_what_was_kept_on_both_is_what_is_read(both, tmp_path: Path) -> None:
    """J1 (the base): also when it is larger than one message, and for root's eyes alone."""
    data = b"x" * (2 * 1024 * 1024 + 5)

    async def scenario(atlas: FakeMachine, vega: FakeMachine) -> Common:
        await keep_on_both(atlas, vega, data, head(data))
        return await common(atlas, vega)

    found = both(scenario)
    assert found.states == {"notes": data.decode()}
    assert found.known
    assert found.findings == ()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert len(files) == 2


def test_without_a_base_nothing_is_known_and_nothing_is_wrong(both) -> None:
    found = both(common)
    assert (found.states, found.known, found.findings) == ({}, False, ())


def test_a_base_that_only_one_machine_has_does_not_count_and_the_older_common_one_does(both) -> None:
    """Promise 6: a crash between the two writes makes nobody forget a conflict."""

    async def scenario(atlas: FakeMachine, vega: FakeMachine) -> Common:
        await keep_on_both(atlas, vega, b"first", head(b"first"))
        await keep_base(vega, "id-of-atlas", head(b"second", "0002"), b"second")
        return await common(atlas, vega)

    assert both(scenario).states == {"notes": "first"}


def test_bases_that_differ_are_no_base_and_said_so(both) -> None:
    """Promise 8."""

    async def scenario(atlas: FakeMachine, vega: FakeMachine) -> Common:
        await keep_base(vega, "id-of-atlas", head(b"one"), b"one")
        await keep_base(atlas, "id-of-vega", head(b"two"), b"two")
        return await common(atlas, vega)

    found = both(scenario)
    assert found.states == {}
    assert "atlas and vega last had in common cannot be used" in found.findings[0].message


@pytest.mark.parametrize("damage", ["cut", "changed", "header"])
def test_a_damaged_base_counts_as_none_and_is_said(both, tmp_path: Path, damage: str) -> None:
    """Promise 8: it never gives a wrong answer."""

    async def scenario(atlas: FakeMachine, vega: FakeMachine) -> Common:
        await keep_on_both(atlas, vega, b"state", head(b"state"))
        for path in kept(tmp_path):
            content = path.read_bytes()
            path.write_bytes({"cut": content[:-1], "changed": content[:-1] + b"E", "header": b"{}\n" + content}[damage])
        return await common(atlas, vega)

    found = both(scenario)
    assert found.states == {}
    assert len(found.findings) == 1


def test_an_old_version_is_migrated_and_an_unknown_one_refused_with_a_clear_line(both) -> None:
    """J1: the form of a state may change."""

    async def old(atlas: FakeMachine, vega: FakeMachine) -> Common:
        await keep_on_both(atlas, vega, b"old", head(b"old", version=1))
        return await common(atlas, vega)

    assert both(old).states == {"notes": "OLD"}

    async def newer(atlas: FakeMachine, vega: FakeMachine) -> Common:
        await keep_on_both(atlas, vega, b"new", head(b"new", "0002", version=3))
        return await common(atlas, vega)

    found = both(newer)
    assert found.states == {}
    assert "version 3" in found.findings[0].message


def test_what_does_not_arrive_whole_leaves_the_old_one(both, tmp_path: Path) -> None:
    async def scenario(atlas: FakeMachine, vega: FakeMachine) -> Common:
        await keep_on_both(atlas, vega, b"good", head(b"good"))
        with pytest.raises(CheckError, match="did not arrive whole"):
            await keep_base(vega, "id-of-atlas", head(b"other", "0002"), b"torn")
        return await common(atlas, vega)

    assert both(scenario).states == {"notes": "good"}
    assert not list(tmp_path.rglob("*.new"))


def test_bases_go_when_they_are_told_to_and_never_others_than_of_that_job(both, tmp_path: Path) -> None:
    async def scenario(atlas: FakeMachine, vega: FakeMachine) -> list[str]:
        for number in range(1, 6):
            data = str(number).encode()
            await keep_on_both(atlas, vega, data, head(data, f"{number:04d}"))
        await keep_base(vega, "id-of-atlas", head(b"x", job="other"), b"x")
        folder = tmp_path / "bases" / "id-of-atlas"
        folder.joinpath("0006-notes.base.new").write_bytes(b"never written whole")
        await vega.call(forget_bases, "id-of-atlas", "notes", ("0002", "0005"))
        await vega.call(forget_bases, "id-of-nobody", "notes", ())
        assert not list(folder.glob("*.new"))
        return [f"{each.job} {each.run}" for each in (await vega.call(read_heads, "id-of-atlas")).heads]

    assert sorted(both(scenario)) == ["notes 0002", "notes 0005", "other 0001"]


def test_what_only_the_target_has_tells_what_was_being_brought(both) -> None:
    """Promise 6, faults rows 1, 3, 4: after runs that were cut short, and only as long as there is a base."""

    async def scenario(atlas: FakeMachine, vega: FakeMachine) -> tuple[Common, Common, Common]:
        await keep_base(vega, "id-of-atlas", head(b"zero", "0001"), b"zero")
        first = await common(atlas, vega)
        await keep_on_both(atlas, vega, b"base", head(b"base", "0002"))
        for run in ("0004", "0003"):
            await keep_base(vega, "id-of-atlas", head(run.encode(), run), run.encode())
        unreadable = head(b"new", "0005", version=9)
        await keep_base(vega, "id-of-atlas", unreadable, b"new")
        elsewhere = head(b"back", "0006", target_id="id-of-atlas")
        await keep_base(vega, "id-of-atlas", elsewhere, b"back")
        second = await common(atlas, vega)
        await keep_on_both(atlas, vega, b"after", head(b"after", "0007"))
        return first, second, await common(atlas, vega)

    first, second, third = both(scenario)
    assert (first.states, first.brought, first.findings) == ({}, {}, ())
    assert first.brought_by == {"notes": ("0001",)}
    assert second.states == {"notes": "base"}
    assert second.brought == {"notes": ("0003", "0004")}
    assert third.brought == {"notes": ()}


def test_the_snapshots_after_a_run_belong_to_its_base(both, monkeypatch: pytest.MonkeyPatch) -> None:
    """S5: those of this machine, of the subvolumes the base names; told by UUID."""
    taken = tuple(
        SnapshotRecord(machine=machine, moment=moment, subvolume=subvolume, uuid=f"{machine} {moment} {subvolume}")
        for machine in ("atlas", "vega")
        for moment in Moment
        for subvolume in ("@", "@home")
    )
    record = RunRecord(
        label="0001",
        role=Role.TARGET,
        source="atlas",
        target="vega",
        source_id="id-of-atlas",
        target_id="id-of-vega",
        user="sam",
        version="0",
        started=datetime.now(UTC),
        snapshots=taken,
    )
    monkeypatch.setattr(bases, "read_records", lambda _state: ((record,), (), 1))

    async def scenario(_atlas: FakeMachine, vega: FakeMachine) -> tuple[str, ...]:
        await keep_base(vega, "id-of-atlas", head(b"x", subvolumes=("@home",)), b"x")
        await keep_base(vega, "id-of-atlas", head(b"y", "0002", subvolumes=("@",)), b"y")
        return await vega.call(read_held)

    assert both(scenario) == ("vega post @home",)


def met(
    label: int, name: str, identity: str, outcome: Outcome | None = Outcome.DONE, *, sent: bool = True
) -> RunRecord:
    """What atlas remembers of a run with another machine."""
    hosts, ids = ("atlas", name), ("id-of-atlas", identity)
    return RunRecord(
        label=f"{label:04d}",
        role=Role.SOURCE if sent else Role.TARGET,
        source=hosts[not sent],
        target=hosts[sent],
        source_id=ids[not sent],
        target_id=ids[sent],
        user="sam",
        version="0",
        started=datetime.now(UTC),
        outcome=outcome,
        snapshots=(SnapshotRecord(machine="atlas", moment=Moment.POST, subvolume="@home", uuid=f"post {label}"),),
    )


@pytest.mark.parametrize(
    ("records", "replaced"),
    [
        ([], set()),
        ([met(1, "vega", "v1"), met(2, "vega", "v1")], set()),
        ([met(1, "vega", "v1"), met(2, "vega", "v2")], {"v1"}),
        ([met(1, "vega", "v1", sent=False), met(2, "vega", "v2", Outcome.PARTIAL)], {"v1"}),
        ([met(1, "vega", "v1"), met(2, "vega", "v2", sent=False), met(3, "vega", "v3")], {"v1", "v2"}),
        ([met(1, "vega", "v1"), met(2, "vega", "v2", Outcome.FAILED), met(3, "vega", "v2", None)], set()),
        ([met(1, "vega", "v1"), met(2, "lyra", "v1"), met(3, "vega", "v2")], set()),
        ([met(1, "vega", "v1"), met(2, "lyra", "l"), met(3, "vega", "v2")], {"v1"}),
        ([met(1, "vega", "v1"), met(2, "vega", "v2"), met(3, "vega", "v1", Outcome.DECLINED)], set()),
    ],
    ids=["none", "same", "anew", "roles", "twice", "not-complete", "renamed", "others", "back"],
)
def test_a_machine_is_replaced_once_another_of_its_name_has_completed_a_run(
    records: list[RunRecord], replaced: set[str]
) -> None:
    """S5, faults row 27: told by ids and the newest name of each; what may still be there counts as there."""
    assert replaced_machines(records) == replaced


def test_bases_with_a_machine_that_was_installed_anew_hold_no_snapshots(both, monkeypatch: pytest.MonkeyPatch) -> None:
    """S5: else they would be kept for ever."""
    records = (met(1, "vega", "v1"), met(2, "lyra", "l"), met(3, "vega", "v2"))
    monkeypatch.setattr(bases, "read_records", lambda _state: (records, (), 3))

    async def scenario(atlas: FakeMachine, _vega: FakeMachine) -> tuple[str, ...]:
        for run, peer in (("0001", "v1"), ("0002", "l"), ("0003", "v2")):
            await keep_base(atlas, peer, head(b"x", run, subvolumes=("@home",)), b"x")
        return await atlas.call(read_held)

    assert sorted(both(scenario)) == ["post 2", "post 3"]


@pytest.mark.parametrize(("peer", "job"), [("../other", "notes"), ("id", "../../etc"), ("", "notes")])
def test_no_name_leads_out_of_the_directory(both, peer: str, job: str) -> None:
    """Faults row 22."""

    async def scenario(atlas: FakeMachine, _vega: FakeMachine) -> None:
        await keep_base(atlas, peer, head(b"x", job=job), b"x")

    with pytest.raises(CheckError, match="is no"):
        both(scenario)


heads = st.builds(
    lambda run, digest, job: head(b"", f"{run:04d}", digest=digest, job=job),
    st.integers(1, 12),
    st.sampled_from("abc"),
    st.sampled_from(["notes", "other"]),
)


@given(st.lists(heads), st.lists(heads))
def test_the_common_base_is_on_both_and_none_newer_is(here: list[BaseHead], there: list[BaseHead]) -> None:
    """Promise 6."""
    found = newest_common(here, there, "notes")
    shared = {(each.run, each.digest) for each in here if each.job == "notes"} & {
        (each.run, each.digest) for each in there if each.job == "notes"
    }
    assert (found is None) == (not shared)
    if found is not None:
        assert (found.run, found.digest) in shared
        assert int(found.run) == max(int(run) for run, _ in shared)
