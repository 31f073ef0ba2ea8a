"""Automatic updates: what is read, what a pause does, and what puts it back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as some

from pcswitcher.machine.api import Completed
from pcswitcher.machine.fake import FakeProgram, open_fake
from pcswitcher.machine.process import Program, Sink
from pcswitcher.machine.updates import (
    LIMIT,
    ON_DEMAND,
    TIMERS,
    UNIT,
    HoldKind,
    SnapHold,
    Updates,
    has_systemd,
    hold_of,
    lasts_until,
    pause_arguments,
    paused_state,
    plan_pause,
    read_updates,
    unit_states,
    updates_of,
)

DATA = Path(__file__).parents[2] / "data" / "systemctl"
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
UNSET = 'error: snap "core" has no "refresh.hold" configuration option\n'


def says(status: int, out: str = "", err: str = "") -> Completed:
    return Completed(machine="vega", arguments=("snap",), status=status, stdout=out.encode(), stderr=err.encode())


def prints(status: int, out: str = "", err: str = "") -> FakeProgram:
    async def program(_: Program, sink: Sink) -> int:
        await sink(1, out.encode())
        await sink(2, err.encode())
        return status

    return program


def test_units_that_can_start_updates_and_those_at_work_are_told_apart() -> None:
    """Faults row 35."""
    found = updates_of(unit_states((DATA / "ubuntu.txt").read_text()), SnapHold(kind=HoldKind.UNSET))
    assert found.timers == ("apt-daily.timer",)
    assert found.on_demand == ("packagekit.service",)
    assert found.working == ("apt-daily-upgrade.service",)


def test_what_is_masked_or_not_there_needs_no_pause() -> None:
    """Faults row 35: timers that were inactive before stay inactive."""
    found = updates_of(unit_states((DATA / "without.txt").read_text()), SnapHold(kind=HoldKind.NO_SNAPD))
    assert found == Updates()
    pause = plan_pause(found, NOON)
    assert pause.begin == pause.end == ()


@pytest.mark.parametrize(
    ("answer", "kind", "value"),
    [
        (says(0, '{\n\t"refresh.hold": "2026-12-24T18:00:00+01:00"\n}\n'), HoldKind.SET, "2026-12-24T18:00:00+01:00"),
        (says(0, '{"refresh.hold": "forever"}'), HoldKind.SET, "forever"),
        (says(0, '{"refresh.hold": ""}'), HoldKind.SET, ""),
        (says(1, "", UNSET), HoldKind.UNSET, ""),
        (says(1, "", "error: access denied (try with sudo)\n"), HoldKind.UNKNOWN, "error: access denied"),
        (says(1, "", "error: cannot communicate with server: connection refused\n"), HoldKind.UNKNOWN, "refused"),
        (says(0, "soon"), HoldKind.UNKNOWN, "JSON"),
        (says(0, "{}"), HoldKind.UNKNOWN, "no time"),
        (says(0, '{"refresh.hold": "%h; reboot"}'), HoldKind.UNKNOWN, "no time"),
        (says(0, '{"refresh.hold": 7}'), HoldKind.UNKNOWN, ""),
    ],
)
def test_an_unset_hold_is_told_from_one_that_nobody_may_read(answer: Completed, kind: HoldKind, value: str) -> None:
    """Promise 8: no answer is no empty answer. Faults row 35."""
    hold = hold_of(answer)
    assert hold.kind is kind
    assert value in hold.value


@pytest.mark.parametrize(
    ("hold", "enough"),
    [
        ("forever", True),
        ("2026-11-25T19:00:00+01:00", True),
        ("2026-11-25T18:59:59+01:00", False),
        ("2020-01-01T00:00:00Z", False),
        ("2026-12-01", False),
        ("", False),
    ],
)
def test_a_hold_of_a_persons_own_that_lasts_long_enough_is_left_alone(hold: str, enough: bool) -> None:
    assert lasts_until(hold, NOON + LIMIT) is enough
    pause = plan_pause(Updates(hold=SnapHold(kind=HoldKind.SET, value=hold)), NOON)
    assert (pause.begin == ()) is enough
    assert pause.end == (() if enough else (("/usr/bin/snap", "set", "system", f"refresh.hold={hold}"),))


def test_a_hold_that_is_not_known_is_not_touched() -> None:
    """Faults row 35: a person's own hold was destroyed once by taking "access denied" for unset."""
    pause = plan_pause(Updates(hold=SnapHold(kind=HoldKind.UNKNOWN, value="access denied")), NOON)
    assert pause.begin == pause.end == ()


STATES = some.builds(
    Updates,
    timers=some.lists(some.sampled_from(TIMERS), unique=True).map(tuple),
    on_demand=some.lists(some.sampled_from(ON_DEMAND), unique=True).map(tuple),
    hold=some.one_of(
        some.just(SnapHold(kind=HoldKind.UNSET)),
        some.just(SnapHold(kind=HoldKind.NO_SNAPD)),
        some.just(SnapHold(kind=HoldKind.UNKNOWN, value="why")),
        some.sampled_from(["", "forever", "2020-01-01T00:00:00Z", "2030-01-01T00:00:00+02:00"]).map(
            lambda value: SnapHold(kind=HoldKind.SET, value=value)
        ),
    ),
)


def run_on(state: Updates, commands: tuple[tuple[str, ...], ...]) -> Updates:
    """What the commands of a pause do to a machine, as systemctl(1) and snap(8) say.

    Each timer was started so often that systemd starts it again only when told to forget that.
    """
    forgotten: set[str] = set()
    for _, *words in commands:
        match words:
            case ["reset-failed", timer]:
                forgotten.add(timer)
            case ["stop", timer]:
                state = attrs.evolve(state, timers=tuple(each for each in state.timers if each != timer))
            case ["start", timer]:
                assert timer in forgotten, f"{timer}: start request repeated too quickly"
                state = attrs.evolve(state, timers=(*state.timers, timer))
            case ["mask", "--runtime", unit]:
                state = attrs.evolve(state, on_demand=tuple(each for each in state.on_demand if each != unit))
            case ["unmask", "--runtime", unit]:
                state = attrs.evolve(state, on_demand=(*state.on_demand, unit))
            case ["set", "system", assignment]:
                value = assignment.removeprefix("refresh.hold=")
                state = attrs.evolve(state, hold=SnapHold(kind=HoldKind.SET, value=value))
            case ["unset", "system", "refresh.hold"]:
                state = attrs.evolve(state, hold=SnapHold(kind=HoldKind.UNSET))
            case _:
                raise AssertionError(words)
    return state


@given(before=STATES)
def test_a_pause_stops_everything_and_its_end_puts_everything_back(before: Updates) -> None:
    """Faults row 35, I3: whatever was before is again afterwards, exactly."""
    pause = plan_pause(before, NOON)
    during = run_on(before, pause.begin)
    assert during == paused_state(before, pause)
    assert not during.timers
    assert not during.on_demand
    if before.hold.kind in {HoldKind.SET, HoldKind.UNSET}:
        assert lasts_until(during.hold.value, NOON + LIMIT)
    assert run_on(during, pause.end) == before


def test_a_pause_is_one_unit_that_puts_back_when_its_input_closes_or_its_time_is_over() -> None:
    before = Updates(timers=("apt-daily.timer",), hold=SnapHold(kind=HoldKind.UNSET))
    words = pause_arguments(plan_pause(before, NOON))
    assert words[0] == "systemd-run"
    assert words[-1] == "cat"
    assert f"--unit={UNIT}" in words
    assert f"RuntimeMaxSec={timedelta(hours=6).total_seconds():.0f}" in words
    assert "ExecStartPre=-/usr/bin/systemctl stop apt-daily.timer" in words
    assert "ExecStopPost=-/usr/bin/systemctl start apt-daily.timer" in words
    assert "ExecStartPre=-/usr/bin/snap set system refresh.hold=2026-11-25T18:00:00+00:00" in words
    assert "ExecStopPost=-/usr/bin/snap unset system refresh.hold" in words


@pytest.mark.parametrize(
    ("state", "status", "known"),
    [("running", 0, True), ("degraded", 1, True), ("starting", 1, True), ("offline", 1, False), ("", 1, False)],
)
def test_a_machine_that_systemd_does_not_run_is_known(state: str, status: int, known: bool) -> None:
    async def ask() -> bool:
        machine = await open_fake("vega", {"systemctl": prints(status, state + "\n")})
        try:
            return await has_systemd(machine)
        finally:
            await machine.close()

    assert asyncio.run(ask()) is known


@pytest.mark.parametrize(
    ("snap", "kind"),
    [
        (prints(0, '{"refresh.hold": "forever"}'), HoldKind.SET),
        (prints(1, "", UNSET), HoldKind.UNSET),
        (None, HoldKind.NO_SNAPD),
    ],
)
def test_a_machine_is_asked_with_its_own_programs(snap: FakeProgram | None, kind: HoldKind) -> None:
    async def ask() -> Updates:
        programs = {"systemctl": prints(0, (DATA / "ubuntu.txt").read_text())}
        machine = await open_fake("vega", programs | ({"snap": snap} if snap else {}))
        try:
            assert await has_systemd(machine)
            return await read_updates(machine)
        finally:
            await machine.close()

    found = asyncio.run(ask())
    assert found.timers == ("apt-daily.timer",)
    assert found.hold.kind is kind
