"""What a job is: one kind of state that is made the same on both machines.

A job is found by its entry point (group ``pcswitcher.jobs``), ours and third parties' alike. The run knows no
job by name: it asks each to check, capture, diff, apply and verify, in that order, and tells people what it
answers. A job knows no screen: it tells events.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from enum import StrEnum
from typing import ClassVar, Generic, TypeVar

import attrs

from pcswitcher.machine.api import Machine
from pcswitcher.machine.ssh import RemoteShell
from pcswitcher.model.events import Event, Level, LogLine, Outcome, Progress
from pcswitcher.model.settings import Settings
from pcswitcher.snapshots.folder import Snapshot
from pcswitcher.snapshots.layout import Layout
from pcswitcher.snapshots.snapshots import snapshot_path

C = TypeVar("C")
"""What a job captures: the state of both machines."""
D = TypeVar("D")
"""What a job's diff gives: everything its apply needs."""


class Gate(StrEnum):
    """What ``--yes`` does not accept: each needs its own word (``--allow``)."""

    FIRST_SYNC = "first-sync"
    MASS_DELETION = "mass-deletion"


class Severity(StrEnum):
    """Whether a finding stops the run, belongs in front of the person, or only into `doctor`."""

    ADVICE = "advice"
    WARNING = "warning"
    BLOCKING = "blocking"


@attrs.frozen(kw_only=True)
class Finding:
    """Something a check found: on which machine, what and why, and the command that mends it."""

    severity: Severity
    machine: str
    message: str
    hint: str = ""
    gate: Gate | None = None
    """The word that accepts it; None: it cannot be accepted."""


@attrs.frozen(kw_only=True)
class Side:
    """One machine of a run and where its state is read from: its snapshots, once they are taken."""

    machine: Machine
    layout: Layout
    snapshots: tuple[Snapshot, ...] = ()

    def directory(self, tree: bytes) -> bytes:
        """Where the files of a synced tree are in this run's snapshots. Raises SnapshotError."""
        subvolume = self.layout.place_of(tree).subvolume
        snapshot = next(each for each in self.snapshots if each.subvolume == subvolume)
        return snapshot_path(self.layout, snapshot, tree)


@attrs.frozen(kw_only=True)
class World:
    """What a job is given for one run."""

    run: str
    """The run's label: letters, digits and dashes."""
    source: Side
    target: Side
    shell: RemoteShell
    tell: Callable[[Event], None]

    def log(self, job: str, level: Level, machine: str, message: str, **fields: str) -> None:
        """Write a line into the run's log."""
        self.tell(LogLine(level=level, job=job, machine=machine, message=message, fields=fields))

    def progress(self, job: str, machine: str, done: int, total: int, unit: str, **more: str) -> None:
        """Tell how far a job is. ``more``: the item worked on."""
        self.tell(Progress(job=job, machine=machine, done=done, total=total, unit=unit, item=more.get("item", "")))


@attrs.frozen(kw_only=True)
class JobPlan(Generic[D]):
    """What a job would do, in words for people and as data for its own apply."""

    delta: D
    items: int
    """How many items would change; 0: nothing to do."""
    size: int = 0
    """Bytes that would travel."""
    summary: tuple[str, ...] = ()
    """The changes in words: "12 new files (3.4 MiB)"."""
    removals: tuple[str, ...] = ()
    """What would be removed on the target, one by one, safe for a terminal."""
    problems: tuple[str, ...] = ()
    """Items that differ and will not be made equal, each with its reason, safe for a terminal."""
    findings: tuple[Finding, ...] = ()
    details: tuple[str, ...] = ()
    """Every change as one line, for the log."""


@attrs.frozen(kw_only=True)
class JobReport:
    """How an apply went."""

    outcome: Outcome
    items: int
    """Items that are as planned."""
    reason: str = ""
    failures: tuple[str, ...] = ()
    """Items that are not, each with its reason, safe for a terminal."""
    failed_paths: frozenset[bytes] = frozenset()
    """The same items as the job's own verify knows them."""


@attrs.frozen(kw_only=True)
class Explanation:
    """Whether an item travels, and in words which rule says so."""

    item: str
    travels: bool
    words: str


class Job(abc.ABC, Generic[C, D]):
    """One kind of state. A subclass is made once per run, with all settings."""

    name: ClassVar[str]
    """One word, as people type it: ``--only files``."""
    title: ClassVar[str]
    """How the screens call it."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Jobs whose changes must be applied before this one's."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def explain(self, item: str) -> Explanation | None:
        """Say whether ``item``, as a person typed it, travels and why; None when it is none of this job's."""
        return None

    @abc.abstractmethod
    def trees(self) -> tuple[bytes, ...]:
        """Absolute paths of the directories it reads: the subvolumes that hold them get snapshots."""

    @abc.abstractmethod
    async def check(self, world: World) -> tuple[Finding, ...]:
        """Look for what would stop it on either machine. Reads only; gathers everything it finds."""

    @abc.abstractmethod
    async def capture(self, world: World) -> C:
        """Read the state of both machines from their snapshots."""

    @abc.abstractmethod
    async def diff(self, captured: C) -> JobPlan[D]:
        """Compare what was captured. Pure: no machine is asked."""

    @abc.abstractmethod
    async def apply(self, world: World, plan: JobPlan[D]) -> JobReport:
        """Make the target what the plan says."""

    @abc.abstractmethod
    async def verify(self, world: World, plan: JobPlan[D], report: JobReport) -> tuple[str, ...]:
        """Read back what was applied; give every difference in words."""
