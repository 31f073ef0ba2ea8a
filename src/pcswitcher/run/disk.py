"""Room on the disks of both machines: enough to start, enough for this plan, and watched while the run lasts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs

from pcswitcher.jobs.api import Side
from pcswitcher.machine.api import Machine
from pcswitcher.model.errors import CheckError, PcSwitcherError
from pcswitcher.model.events import Event, FreeSpace, Level, LogLine
from pcswitcher.model.plan import Finding, Severity
from pcswitcher.model.settings import DiskSettings, Settings, Threshold
from pcswitcher.model.text import escape, human_size
from pcswitcher.run.bus import Bus
from pcswitcher.snapshots.room import Room, read_rooms
from pcswitcher.snapshots.snapshots import SNAPSHOTS

OVERHEAD = 1.05
"""What arrives is written once, into the stage, and then renamed into place; what it replaces lives on in the
snapshot of before and frees nothing. On top comes what the filesystem writes to keep account of it."""
FREE_HINT = "pc-switcher snapshots list; remove what you no longer need"


async def measure(machine: Machine, trees: Sequence[bytes]) -> tuple[Room, ...]:
    """Read the room at every synced tree of ``machine``, and where its snapshots are. Raises SnapshotError."""
    return await machine.call(read_rooms, tuple(dict.fromkeys((*trees, SNAPSHOTS))))


@attrs.frozen(kw_only=True)
class Limit:
    """One thing that can run out: the filesystem itself, or a quota on part of it."""

    identity: str
    """Equal for all places that share it."""
    path: bytes
    what: str
    """How it is called after its path; empty for the filesystem."""
    total: int
    free: int
    hint: str

    @property
    def words(self) -> str:
        """What is left of it: "/home: 12 GiB of 100 GiB free"."""
        return f"{escape(self.path)}{self.what}: {human_size(self.free)} of {human_size(self.total)} free"


def limits_of(rooms: Sequence[Room]) -> tuple[Limit, ...]:
    """Everything that can run out at these places, each once."""
    found: dict[str, Limit] = {}
    for room in rooms:
        for limit in _limits_at(room):
            found.setdefault(limit.identity, limit)
    return tuple(found.values())


def _limits_at(room: Room) -> Iterator[Limit]:
    if room.total:
        yield Limit(identity=room.filesystem, path=room.path, what="", total=room.total, free=room.free, hint=FREE_HINT)
    if room.quota is not None:
        place = escape(room.path)
        yield Limit(
            identity=f"{room.filesystem} quota {room.quota.subvolume}",
            path=room.path,
            what=" (its quota)",
            total=room.quota.limit,
            free=room.quota.left,
            hint=f"give it more: sudo btrfs qgroup limit SIZE {place}; see: sudo btrfs qgroup show -re {place}",
        )


@attrs.frozen
class Cause:
    """Why there is no room, in words, and what mends it."""

    words: str
    hint: str


def exhaustion(room: Room) -> Cause | None:
    """What has run out though bytes are free; None: nothing has."""
    place = escape(room.path)
    if room.lacks_metadata:
        return Cause(
            f"btrfs at {place} has no room for metadata left ({human_size(room.metadata_left)} of "
            f"{human_size(room.metadata)}, {human_size(room.unallocated)} unallocated), so writing fails, however much "
            "is free for data",
            f"sudo btrfs balance start -dusage=20 {place}, which gives back half-empty blocks of data",
        )
    if room.lacks_files:
        return Cause(
            f"{place} has no inodes left ({room.files_free:,} of {room.files:,}), so no file can be created though "
            f"{human_size(room.free)} are free",
            "remove files there that are no longer needed; du --inodes tells where they are",
        )
    return None


def check_start(machine: str, rooms: Sequence[Room], wanted: Threshold) -> tuple[Finding, ...]:
    """What forbids to start for want of room (requirement S8)."""
    findings = [
        _blocking(machine, f"{machine}: too little room to start at {limit.words}, and {wanted.text} is wanted", limit)
        for limit in limits_of(rooms)
        if limit.free < wanted.of(limit.total)
    ]
    return (*findings, *_exhausted(machine, rooms))


def estimate_room(
    machine: str, sizes: Mapping[bytes, int], rooms: Sequence[Room], settings: DiskSettings
) -> tuple[Finding, ...]:
    """What forbids to apply a plan for want of room: ``sizes`` are the bytes it brings, by synced tree.

    The run is stopped when less than ``settings.stop`` is free, so that much is not counted as room.
    """
    needs: dict[str, int] = {}
    for room in rooms:
        for limit in _limits_at(room):
            needs[limit.identity] = needs.get(limit.identity, 0) + int(OVERHEAD * sizes.get(room.path, 0))
    findings: list[Finding] = []
    for limit in limits_of(rooms):
        usable = limit.free - settings.stop.of(limit.total)
        if 0 < needs[limit.identity] > usable:
            message = (
                f"{machine}: this sync needs up to {human_size(needs[limit.identity])} at {limit.words}; "
                f"{settings.stop.text} must stay free"
            )
            findings.append(_blocking(machine, message, limit))
    return tuple(findings)


async def check_room(sizes: Mapping[bytes, int], target: Side, settings: Settings) -> tuple[Finding, ...]:
    """Look whether a plan fits on the machine it is for. ``sizes``: the bytes it brings, by synced tree.

    Raises SnapshotError.
    """
    rooms = await measure(target.machine, tuple(sizes))
    return estimate_room(target.machine.name, sizes, rooms, settings.disk)


def name_cause(rooms: Sequence[Room]) -> Cause:
    """Why a write failed for want of room (ENOSPC, EDQUOT)."""
    for room in rooms:
        found = exhaustion(room)
        if found is not None:
            return found
    scarcest = _scarcest(limits_of(rooms))
    if scarcest is None:
        return Cause("it is not known how much room there is", FREE_HINT)
    return Cause(scarcest.words, scarcest.hint)


async def tell_want_of_room(machine: Machine, trees: Sequence[bytes], settings: DiskSettings, bus: Bus) -> None:
    """After something failed on ``machine``: if there is too little room at its trees, name what has run out."""
    try:
        rooms = await measure(machine, trees)
    except PcSwitcherError:
        return  # what failed is told already; this would only have explained it
    scarce = any(limit.free < settings.stop.of(limit.total) for limit in limits_of(rooms))
    if scarce or any(map(exhaustion, rooms)):
        cause = name_cause(rooms)
        bus.log(Level.ERROR, f"{machine.name}: {cause.words} ({cause.hint})", machine.name)


class DiskWatch:
    """Judges the room of one machine again and again: warns once each time it gets low, stops when it runs out."""

    def __init__(self, machine: str, settings: DiskSettings) -> None:
        self._machine = machine
        self._settings = settings
        self._low: frozenset[str] = frozenset()
        self.scarcest: Limit | None = None
        """What is nearest to its end; None before the first look."""

    @property
    def is_low(self) -> bool:
        """Whether anything is below the amount that is a warning."""
        return bool(self._low)

    def look(self, rooms: Sequence[Room]) -> tuple[tuple[Event, ...], CheckError | None]:
        """Judge one reading: the events to tell, and the error that stops the run when it must stop."""
        limits = limits_of(rooms)
        self.scarcest = _scarcest(limits)
        events: list[Event] = [
            FreeSpace(machine=self._machine, path=escape(each.path), free=each.free, total=each.total)
            for each in limits
        ]
        low = [limit for limit in limits if limit.free < self._settings.warn.of(limit.total)]
        events += [
            LogLine(
                level=Level.WARNING,
                machine=self._machine,
                message=f"{self._machine}: room gets low at {limit.words}; below {self._settings.stop.text} the run "
                "stops",
            )
            for limit in low
            if limit.identity not in self._low
        ]
        self._low = frozenset(limit.identity for limit in low)
        return tuple(events), self._stop(limits, rooms)

    def _stop(self, limits: Sequence[Limit], rooms: Sequence[Room]) -> CheckError | None:
        for limit in limits:
            if limit.free < self._settings.stop.of(limit.total):
                return CheckError(
                    f"{self._machine}: too little room to go on at {limit.words}, less than {self._settings.stop.text}",
                    limit.hint,
                )
        for room in rooms:
            found = exhaustion(room)
            if found is not None:
                return CheckError(f"{self._machine}: {found.words}", found.hint)
        return None


def _exhausted(machine: str, rooms: Sequence[Room]) -> Iterator[Finding]:
    told: set[str] = set()
    for room in rooms:
        found = exhaustion(room)
        if found is not None and room.filesystem not in told:
            told.add(room.filesystem)
            yield Finding(
                severity=Severity.BLOCKING, machine=machine, message=f"{machine}: {found.words}", hint=found.hint
            )


def _scarcest(limits: Sequence[Limit]) -> Limit | None:
    return min(limits, key=lambda limit: limit.free / limit.total, default=None)


def _blocking(machine: str, message: str, limit: Limit) -> Finding:
    return Finding(severity=Severity.BLOCKING, machine=machine, message=message, hint=limit.hint)
