"""Room: what forbids to start, what forbids a plan, what is told while a run lasts. Plain data."""

from __future__ import annotations

import asyncio

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as some

from pcswitcher.machine.fake import open_fake
from pcswitcher.model.events import FreeSpace, LogLine
from pcswitcher.model.plan import Severity
from pcswitcher.model.settings import DiskSettings, Threshold
from pcswitcher.run import disk
from pcswitcher.run.bus import Bus
from pcswitcher.run.disk import (
    OVERHEAD,
    DiskWatch,
    check_start,
    estimate_room,
    exhaustion,
    limits_of,
    name_cause,
    tell_want_of_room,
)
from pcswitcher.snapshots.room import Quota, Room

GIB = 1024**3
SETTINGS = DiskSettings()


def btrfs(path: bytes = b"/home", free: int = 60, **changes: object) -> Room:
    room = Room(
        path=path,
        filesystem="one",
        total=100 * GIB,
        free=free * GIB,
        is_btrfs=True,
        unallocated=10 * GIB,
        metadata=2 * GIB,
        metadata_left=GIB,
    )
    return attrs.evolve(room, **changes)


FULL_OF_METADATA = btrfs(unallocated=10 * 1024**2, metadata_left=100 * 1024**2)
NO_INODES = Room(path=b"/srv", filesystem="8:3", total=100 * GIB, free=60 * GIB, files=100_000, files_free=3)
LOW_QUOTA = btrfs(quota=Quota(subvolume=257, limit=10 * GIB, left=GIB))


def test_with_room_enough_nothing_is_found() -> None:
    assert check_start("vega", [btrfs(), btrfs(b"/root")], SETTINGS.preflight) == ()


def test_too_little_room_to_start_names_the_machine_the_place_and_the_amounts() -> None:
    """S8, faults row 7: one finding for one filesystem, however many trees are on it."""
    (finding,) = check_start("vega", [btrfs(free=19), btrfs(b"/root", free=19)], SETTINGS.preflight)
    assert finding.severity is Severity.BLOCKING
    assert finding.message == "vega: too little room to start at /home: 19 GiB of 100 GiB free, and 20% is wanted"
    assert "pc-switcher snapshots list" in finding.hint


@pytest.mark.parametrize(("wanted", "blocks"), [("40 GiB", False), ("70 GiB", True), ("60%", False), ("61%", True)])
def test_a_threshold_is_a_share_or_a_size(wanted: str, blocks: bool) -> None:
    """S8."""
    assert bool(check_start("vega", [btrfs()], Threshold.parse(wanted))) is blocks


@pytest.mark.parametrize(
    ("room", "words", "hint"),
    [
        (FULL_OF_METADATA, "btrfs at /home has no room for metadata left (100 MiB of 2.0 GiB", "btrfs balance"),
        (NO_INODES, "/srv has no inodes left (3 of 100,000)", "du --inodes"),
        (LOW_QUOTA, "/home (its quota): 1.0 GiB of 10 GiB free", "btrfs qgroup limit SIZE /home"),
    ],
)
def test_what_runs_out_though_bytes_are_free_is_named(room: Room, words: str, hint: str) -> None:
    """Faults row 9: quota, inodes, btrfs metadata, each with its own cause and cure."""
    (finding,) = check_start("vega", [room], SETTINGS.preflight)
    assert finding.severity is Severity.BLOCKING
    assert words in finding.message
    assert hint in finding.hint


@pytest.mark.parametrize(
    "room",
    [
        btrfs(unallocated=0),
        btrfs(metadata_left=0),
        attrs.evolve(NO_INODES, files_free=1001),
        attrs.evolve(NO_INODES, files=0, files_free=0),
    ],
)
def test_what_can_still_grow_has_not_run_out(room: Room) -> None:
    assert exhaustion(room) is None


def test_the_cause_of_a_failed_write_is_what_is_scarcest() -> None:
    """Faults row 7: a late ENOSPC says where."""
    assert "metadata" in name_cause([btrfs(), FULL_OF_METADATA]).words
    assert name_cause([btrfs(free=0), NO_INODES, LOW_QUOTA]).words.startswith("/srv has no inodes")
    assert name_cause([btrfs(free=0), LOW_QUOTA]).words == "/home: 0 B of 100 GiB free"
    assert "not known" in name_cause([]).words


def test_a_plan_that_does_not_fit_is_refused_with_what_it_needs() -> None:
    """S8, faults row 7: what must stay free is not counted as room; trees on one filesystem add up."""
    rooms = [btrfs(), btrfs(b"/root"), btrfs(b"/.snapshots")]
    assert estimate_room("vega", {b"/home": 40 * GIB}, rooms, SETTINGS) == ()
    assert estimate_room("vega", {b"/home": 0}, [btrfs(free=1)], SETTINGS) == ()
    (finding,) = estimate_room("vega", {b"/home": 30 * GIB, b"/root": 15 * GIB}, rooms, SETTINGS)
    assert finding.stops
    assert finding.message == (
        "vega: this sync needs up to 47 GiB at /home: 60 GiB of 100 GiB free; 15% must stay free"
    )


def test_a_plan_must_fit_into_the_quota_too() -> None:
    """Faults row 9."""
    (finding,) = estimate_room("vega", {b"/home": 2 * GIB}, [LOW_QUOTA], SETTINGS)
    assert "its quota" in finding.message


@given(size=some.integers(1, 200 * GIB), free=some.integers(0, 100))
def test_a_plan_is_refused_exactly_when_it_would_make_the_run_stop(size: int, free: int) -> None:
    """S8: an estimate that lets a run begin leaves more than the amount at which it is stopped."""
    found = estimate_room("vega", {b"/home": size}, [btrfs(free=free)], SETTINGS)
    left = free * GIB - int(OVERHEAD * size)
    assert bool(found) is (left < SETTINGS.stop.of(100 * GIB))


def test_the_watch_tells_the_room_warns_once_and_stops() -> None:
    """S8: warn 25 %, stop 15 %; a warning for each time it gets low, not for each look."""
    watch = DiskWatch("vega", SETTINGS)

    def look(free: int) -> tuple[list[str], str]:
        events, error = watch.look([btrfs(free=free), btrfs(b"/root", free=free)])
        spaces = [event for event in events if isinstance(event, FreeSpace)]
        assert [(each.machine, each.path, each.free) for each in spaces] == [("vega", "/home", free * GIB)]
        return [event.message for event in events if isinstance(event, LogLine)], error.message if error else ""

    assert look(60) == ([], "")
    assert not watch.is_low
    assert look(24) == (["vega: room gets low at /home: 24 GiB of 100 GiB free; below 15% the run stops"], "")
    assert watch.is_low
    assert look(20) == ([], "")
    assert look(30) == ([], "")
    assert len(look(24)[0]) == 1
    assert look(14)[1] == "vega: too little room to go on at /home: 14 GiB of 100 GiB free, less than 15%"


@pytest.mark.parametrize("room", [FULL_OF_METADATA, NO_INODES])
def test_the_watch_stops_for_what_has_run_out_by_name(room: Room) -> None:
    """Faults row 9."""
    _, error = DiskWatch("vega", SETTINGS).look([room])
    assert error is not None
    assert error.message.startswith("vega: ")
    assert error.hint


def test_each_limit_is_counted_once() -> None:
    rooms = [LOW_QUOTA, attrs.evolve(LOW_QUOTA, path=b"/home/sam"), btrfs(b"/root"), NO_INODES]
    assert [limit.words.partition(":")[0] for limit in limits_of(rooms)] == ["/home", "/home (its quota)", "/srv"]


@pytest.mark.parametrize(
    ("rooms", "said"),
    [((btrfs(),), ""), ((btrfs(free=0),), "0 B of 100 GiB"), ((NO_INODES,), "no inodes"), ((LOW_QUOTA,), "its quota")],
)
def test_after_a_failure_what_has_run_out_is_named(
    rooms: tuple[Room, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faults rows 7 and 9: where the disk is not to blame nothing is said of it."""
    heard: list[LogLine] = []

    class Ear:
        def take(self, event: object) -> None:
            if isinstance(event, LogLine):
                heard.append(event)

    async def measured(_machine: object, _trees: object) -> tuple[Room, ...]:
        return rooms

    async def scenario() -> None:
        vega = await open_fake("vega")
        await tell_want_of_room(vega, [b"/home"], SETTINGS, Bus(Ear()))
        await vega.close()

    monkeypatch.setattr(disk, "measure", measured)
    asyncio.run(scenario())
    assert [line.message for line in heard if said and said in line.message] == [line.message for line in heard]
    assert bool(heard) is bool(said)
