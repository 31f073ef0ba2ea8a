"""Automatic updates of a machine: what would start by itself, paused for a time and put back exactly.

The pause is one transient unit of systemd (systemd-run(1)), handed over as a whole: it stops what would start
updates, waits, and puts everything back when it ends. It ends when its standard input closes, so with the agent that
made it (``hold``), and by itself after ``LIMIT``. Nobody of ours has to be alive for it.

unattended-upgrades.service only acts while a machine shuts down, which is inhibited; its daily work is
apt-daily-upgrade.service, which a timer starts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import attrs

from pcswitcher.machine.api import Completed, Machine
from pcswitcher.model.codec import loads
from pcswitcher.model.errors import FormatError, ProgramError, ProgramTimeoutError
from pcswitcher.model.text import printable

LIMIT = timedelta(hours=6)
"""A pause ends by itself after this time."""
UNIT = "pc-switcher-pause.service"
TIMERS = ("apt-daily.timer", "apt-daily-upgrade.timer")
"""They are stopped, and started again when they were active."""
ON_DEMAND = ("packagekit.service",)
"""The bus starts it when a program asks for updates; while it is masked nobody can."""
WORKERS = ("apt-daily.service", "apt-daily-upgrade.service")
"""Whoever is at work with packages right now is not disturbed, only told."""
SYSTEMCTL, SNAP = "/usr/bin/systemctl", "/usr/bin/snap"
HOLD_KEY = "refresh.hold"
PATIENCE = 60.0
_UNSET = f'has no "{HOLD_KEY}"'
_SAFE_VALUE = re.compile(r"[0-9A-Za-z:+.-]*")


class HoldKind(StrEnum):
    """What is known of the time until which snapd holds its refreshes."""

    NO_SNAPD = "no snapd"
    UNSET = "unset"
    SET = "set"
    UNKNOWN = "unknown"
    """snapd did not say; so nothing is touched."""


@attrs.frozen(kw_only=True)
class SnapHold:
    """The system-wide ``refresh.hold`` of snapd: an RFC 3339 time or ``forever``."""

    kind: HoldKind
    value: str = ""
    """When it is set, the value; when it is not known, why."""


@attrs.frozen(kw_only=True)
class Updates:
    """What can start updates on a machine by itself."""

    timers: tuple[str, ...] = ()
    """Timers that are active."""
    on_demand: tuple[str, ...] = ()
    """Services that can be started on demand."""
    hold: SnapHold = SnapHold(kind=HoldKind.NO_SNAPD)
    working: tuple[str, ...] = attrs.field(default=(), eq=False)
    """Services that change packages right now."""


@attrs.frozen(kw_only=True)
class Pause:
    """The commands that pause updates, and those that put everything back."""

    begin: tuple[tuple[str, ...], ...]
    end: tuple[tuple[str, ...], ...]


async def has_systemd(machine: Machine) -> bool:
    """Whether systemd manages the machine (systemctl(1), is-system-running)."""
    try:
        state = await machine.run(["systemctl", "is-system-running"], timeout=PATIENCE)
    except (ProgramError, ProgramTimeoutError):
        return False
    return state.text not in {"offline", "unknown", ""}


async def read_updates(machine: Machine) -> Updates:
    """Read what can start updates on a machine with systemd. Raises ProgramError, ProgramTimeoutError."""
    units = (*TIMERS, *ON_DEMAND, *WORKERS)
    shown = await machine.run(
        ["systemctl", "show", "-p", "Id", "-p", "LoadState", "-p", "ActiveState", "--", *units], timeout=PATIENCE
    )
    return updates_of(unit_states(shown.check().text), await read_hold(machine))


async def read_hold(machine: Machine) -> SnapHold:
    """Read until when snapd holds its refreshes."""
    try:
        return hold_of(await machine.run(["snap", "get", "-d", "system", HOLD_KEY], timeout=PATIENCE))
    except ProgramTimeoutError as error:
        return SnapHold(kind=HoldKind.UNKNOWN, value=error.message)
    except ProgramError:
        return SnapHold(kind=HoldKind.NO_SNAPD)


async def end_leftover_pause(machine: Machine) -> None:
    """End the pause of a run that died a moment ago, so that what it puts back is there to be read.

    The caller holds the machine's lock, so no pause can be of a living run.
    """
    await machine.run(["systemctl", "stop", UNIT], timeout=PATIENCE)


def unit_states(text: str) -> dict[str, Mapping[str, str]]:
    """Read ``systemctl show``: blocks of ``Name=value`` lines, as a mapping by the unit's ``Id``."""
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in text.split("\n\n")]
    return {block["Id"]: block for block in blocks if "Id" in block}


def updates_of(units: Mapping[str, Mapping[str, str]], hold: SnapHold) -> Updates:
    """Decide from the states of units (systemctl(1)) what could start and what is at work."""

    def having(names: Sequence[str], name: str, *values: str) -> tuple[str, ...]:
        return tuple(unit for unit in names if units.get(unit, {}).get(name) in values)

    return Updates(
        timers=having(TIMERS, "ActiveState", "active"),
        on_demand=having(ON_DEMAND, "LoadState", "loaded"),
        hold=hold,
        working=having(WORKERS, "ActiveState", "active", "activating", "reloading"),
    )


def hold_of(answer: Completed) -> SnapHold:
    """Read the answer to ``snap get -d system refresh.hold``.

    That it is unset has no sign but the words of the error. An answer of any other kind, "access denied" among
    them, is not taken for unset: putting back "unset" would then destroy a person's own hold.
    """
    words = printable(answer.stderr.decode("utf-8", "backslashreplace")).strip()
    if answer.status != 0:
        return SnapHold(kind=HoldKind.UNSET) if _UNSET in words else SnapHold(kind=HoldKind.UNKNOWN, value=words)
    try:
        value = loads(dict[str, str], answer.stdout).get(HOLD_KEY)
    except FormatError as error:
        return SnapHold(kind=HoldKind.UNKNOWN, value=error.message)
    if value is None or not _SAFE_VALUE.fullmatch(value):
        return SnapHold(kind=HoldKind.UNKNOWN, value="snap get gave something that is no time")
    return SnapHold(kind=HoldKind.SET, value=value)


def plan_pause(updates: Updates, moment: datetime) -> Pause:
    """Decide what to do so that nothing starts, from ``moment`` (by that machine's own clock) for LIMIT."""
    begin: list[tuple[str, ...]] = [(SYSTEMCTL, "stop", timer) for timer in updates.timers]
    # systemd refuses a unit that is started often (systemd.unit(5), StartLimitBurst=): after a few short runs in a row
    # a timer would be left failed. "reset-failed" sets its count to zero (systemctl(1)).
    end: list[tuple[str, ...]] = [
        (SYSTEMCTL, verb, timer) for timer in updates.timers for verb in ("reset-failed", "start")
    ]
    begin += [(SYSTEMCTL, "mask", "--runtime", service) for service in updates.on_demand]
    end += [(SYSTEMCTL, "unmask", "--runtime", service) for service in updates.on_demand]
    until = moment + LIMIT
    pause_snaps = (SNAP, "set", "system", f"{HOLD_KEY}={until.isoformat(timespec='seconds')}")
    if updates.hold.kind is HoldKind.UNSET:
        return Pause(begin=(*begin, pause_snaps), end=(*end, (SNAP, "unset", "system", HOLD_KEY)))
    if updates.hold.kind is HoldKind.SET and not lasts_until(updates.hold.value, until):
        put_back = (SNAP, "set", "system", f"{HOLD_KEY}={updates.hold.value}")
        return Pause(begin=(*begin, pause_snaps), end=(*end, put_back))
    return Pause(begin=tuple(begin), end=tuple(end))


def lasts_until(hold: str, until: datetime) -> bool:
    """Whether a hold of a person's own lasts long enough by itself."""
    if hold == "forever":
        return True
    try:
        return datetime.fromisoformat(hold) >= until
    except (ValueError, TypeError):  # no time, or one without an offset
        return False


def pause_arguments(pause: Pause) -> tuple[str, ...]:
    """The program that keeps a pause up while its standard input is open."""
    # A command that fails must not keep the others from being tried: a dash in front lets systemd go on.
    properties = [f"RuntimeMaxSec={LIMIT.total_seconds():.0f}", f"TimeoutStartSec={PATIENCE:.0f}"]
    properties += [f"ExecStartPre=-{' '.join(command)}" for command in pause.begin]
    properties += [f"ExecStopPost=-{' '.join(command)}" for command in pause.end]
    return (
        *("systemd-run", "--quiet", "--pipe", "--collect", f"--unit={UNIT}"),
        "--description=pc-switcher: automatic updates are paused during a sync",
        *(word for each in properties for word in ("-p", each)),
        "cat",
    )


def paused_state(before: Updates, pause: Pause) -> Updates:
    """What ``read_updates`` must give while a pause is up."""
    held = [words.partition("=")[2] for command in pause.begin for words in command if words.startswith(HOLD_KEY)]
    return Updates(hold=SnapHold(kind=HoldKind.SET, value=held[0]) if held else before.hold)
