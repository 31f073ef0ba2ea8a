"""What a job is: one kind of state that is made the same on both machines. The one module a job's author imports.

A job is found by its entry point (group ``pcswitcher.jobs``), ours and third parties' alike. The run knows no job
by name. For each run it makes the job with its settings and asks it, in this order:

==============  ==========================================================  =======================================
``check``       what would stop it on either machine                        reads only
``capture``     the state of each machine, as one typed value               reads only, from this run's snapshots
``diff``        (source, target, base) → changes and conflicts              pure; may run in a thread of its own
``narrow``      what is left of a plan when some items stay as they are     pure
``apply``       the target becomes what the plan says                       may be repeated after any interruption
``verify``      what was applied, read back and compared                    reads only
==============  ==========================================================  =======================================

The *base* is the captured state that both machines had in common when they last ran together. With it a job tells
what the source removed from what the target added, and what the target changed itself: its conflicts. After a run
that was cut short the target may hold some of what it brought; that is no edit of the target's (``States.known``).

A job knows no screen: it tells events (``World.log``, ``World.progress``). It runs programs and functions only
through the two machines it is given, so that whatever it started ends with it, on both. The conformance suite
``pcswitcher.jobs.conformance`` holds every job to this page.
"""

from __future__ import annotations

import abc
import asyncio
import hashlib
from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, TypeVar

import attrs

from pcswitcher.machine.api import (
    AgentLog,
    Completed,
    Context,
    Exposed,
    Listener,
    Machine,
    MachineFacts,
    ProgressReport,
    exposed,
)
from pcswitcher.machine.durable import write_file
from pcswitcher.machine.ssh import RemoteShell
from pcswitcher.model.codec import dumps, loads
from pcswitcher.model.errors import ApplyError, CheckError, FormatError, PcSwitcherError, SettingsError
from pcswitcher.model.events import Event, Level, LogLine, Outcome, Progress
from pcswitcher.model.plan import Action, Change, Decision, Finding, Gate, Risk, Severity
from pcswitcher.model.settings import JobSettings, Reaction, Threshold, setting
from pcswitcher.model.text import escape, human_count, human_size, unescape
from pcswitcher.snapshots.folder import Snapshot
from pcswitcher.snapshots.layout import Layout
from pcswitcher.snapshots.snapshots import snapshot_path

__all__ = [
    "Action",
    "AgentLog",
    "ApplyError",
    "Change",
    "CheckError",
    "Completed",
    "Context",
    "Decision",
    "Details",
    "Explanation",
    "Exposed",
    "Finding",
    "FormatError",
    "Gate",
    "Job",
    "JobPlan",
    "JobReport",
    "JobSettings",
    "Level",
    "Listener",
    "Machine",
    "MachineFacts",
    "Outcome",
    "PcSwitcherError",
    "ProgressReport",
    "Reaction",
    "Risk",
    "SettingsError",
    "Severity",
    "Side",
    "States",
    "Threshold",
    "World",
    "escape",
    "exposed",
    "human_count",
    "human_size",
    "setting",
    "unescape",
    "write_file",
]

S = TypeVar("S", bound=JobSettings)
"""The settings of a job."""
T = TypeVar("T")
"""What a job captures on one machine: an attrs class of plain values."""
D = TypeVar("D")
"""What a job's diff hands to its apply."""


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
        """Write a line into the run's log. CRITICAL stops the whole run, like a person's Ctrl-C."""
        self.tell(LogLine(level=level, job=job, machine=machine, message=message, fields=fields))

    def progress(self, job: str, machine: str, done: int, total: int, unit: str, **more: str) -> None:
        """Tell how far a job is. ``more``: the item worked on."""
        self.tell(Progress(job=job, machine=machine, done=done, total=total, unit=unit, item=more.get("item", "")))


@attrs.frozen(kw_only=True)
class States(Generic[T]):
    """The state of both machines, and what they last had in common (None: nothing is known)."""

    source: T
    target: T
    base: T | None = None
    brought: tuple[T, ...] = ()
    """What runs since then were bringing to the target and may not have finished, oldest first."""

    @property
    def known(self) -> tuple[T, ...]:
        """What of it the target has nobody made there: the base, and what was brought. Empty without a base.

        An item of the target that is as in none of them is the target's own: to change it is a conflict.
        """
        return () if self.base is None else (self.base, *self.brought)


@attrs.frozen(kw_only=True)
class JobPlan(Generic[D]):
    """What a job would do: as changes for people, and as data for its own apply."""

    data: D
    changes: Sequence[Change] = ()
    """Every change; none: nothing to do. May be a lazy sequence where there are very many."""
    problems: tuple[str, ...] = ()
    """Items that differ and will not be made equal, each with its reason, safe for a terminal."""
    stuck: frozenset[str] = frozenset()
    """The same items, as changes would name them: nothing about them is agreed by this run."""
    findings: tuple[Finding, ...] = ()


@attrs.frozen(kw_only=True)
class JobReport:
    """How an apply went."""

    outcome: Outcome
    items: int
    """Items that are as planned."""
    reason: str = ""
    failures: tuple[str, ...] = ()
    """Items that are not, each with its reason, safe for a terminal."""
    failed: frozenset[str] = frozenset()
    """The same items, as their changes name them."""


@attrs.frozen
class Explanation:
    """Whether an item travels, and in words which rule says so."""

    item: str
    travels: bool
    words: str


@attrs.frozen(kw_only=True)
class Details:
    """More about one change, for a person who looks at it in the review. Text is safe for a terminal."""

    rows: tuple[tuple[str, str, str], ...] = ()
    """What differs: name, the target's value, the source's value."""
    difference: tuple[str, ...] = ()
    """Lines of a unified diff of text, from the target's to the source's."""
    rule: str = ""
    """Which rule lets it travel."""


class Job(abc.ABC, Generic[S, T, D]):
    """One kind of state. Made once per run, with its settings."""

    name: ClassVar[str]
    """One word, as people type it: ``--only files``. Its entry point has the same."""
    title: ClassVar[str]
    """How the screens call it."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Jobs whose changes must be applied before this one's. Others may be applied at the same time."""
    settings_type: ClassVar[type[JobSettings]] = JobSettings
    """The job's own table in the settings file, ``[jobs.NAME]``."""
    holds_snapshots: ClassVar[bool] = False
    """Whether the snapshots of its trees belong to its base, and are kept as long as that is."""
    state_version: ClassVar[int] = 1
    """Raise it when the form of the captured state changes, and read the old forms in ``decode_state``."""

    def __init__(self, settings: S) -> None:
        self.settings = settings

    @abc.abstractmethod
    def trees(self) -> tuple[bytes, ...]:
        """Absolute paths of the directories it reads: the subvolumes that hold them get snapshots."""

    async def check(self, world: World) -> tuple[Finding, ...]:
        """Look for what would stop it on either machine. Reads only; gathers everything it finds."""
        return ()

    @abc.abstractmethod
    async def capture(self, side: Side, world: World) -> T:
        """Read the state of one machine from its snapshots."""

    async def capture_both(self, world: World) -> tuple[T, T]:
        """Read source and target at once. Replace it only where the one decides how the other is read."""
        reading = asyncio.create_task(self.capture(world.source, world))
        other = asyncio.create_task(self.capture(world.target, world))
        try:
            source, target = await asyncio.gather(reading, other)
        finally:  # when one fails the other ends too: its snapshot may be deleted then
            reading.cancel()
            other.cancel()
            await asyncio.gather(reading, other, return_exceptions=True)
        return source, target

    @property
    @abc.abstractmethod
    def state_type(self) -> type[T]:
        """What ``capture`` gives."""

    def encode_state(self, state: T) -> bytes:
        """A captured state as bytes: equal states give equal bytes. The base is kept in this form."""
        return dumps(state).encode("ascii")

    def decode_state(self, version: int, data: bytes) -> T:
        """Read a state that ``encode_state`` of this or an older ``state_version`` wrote.

        Raises FormatError for a version that is too old or too new to be read: the run then goes on without a base.
        """
        if version != self.state_version:
            raise FormatError(f"it is of version {version}, this program knows {self.state_version}")
        return loads(self.state_type, data)

    def state_digest(self, state: T) -> str:
        """What binds a plan to a captured state: SHA-256, in hexadecimal."""
        return hashlib.sha256(self.encode_state(state)).hexdigest()

    @abc.abstractmethod
    def diff(self, states: States[T]) -> JobPlan[D]:
        """Compare. Pure: no machine is asked, nothing is kept; equal states give no change."""

    @abc.abstractmethod
    def narrow(self, plan: JobPlan[D], refused: frozenset[str]) -> JobPlan[D]:
        """The plan when the ``refused`` items stay as they are, and with them what cannot be done without them.

        Pure. Which more are left out shows in the changes of the result.
        """

    def agree(self, states: States[T], left: frozenset[str]) -> T:
        """What both machines have in common after a run that left the items ``left`` as they were: the next base.

        That is the source's state, but of these items the base's, nothing where there is none: an edit of the target
        among them must stay an edit. Pure. Replace it where there may be several items.
        """
        return states.source if states.base is None or not left else states.base

    @abc.abstractmethod
    async def apply(self, world: World, plan: JobPlan[D]) -> JobReport:
        """Make the target what the plan says. Repeating it, after it was cut short anywhere, is harmless."""

    @abc.abstractmethod
    async def verify(self, world: World, plan: JobPlan[D], report: JobReport) -> tuple[str, ...]:
        """Read back what was applied; give every difference in words."""

    async def clean_up(self, machine: Machine) -> None:
        """Remove what an apply that was cut short left on ``machine``. Harmless when there is nothing."""
        return

    async def inspect(self, world: World, plan: JobPlan[D], change: Change) -> Details:
        """Tell more about one change of the plan. Reads only."""
        return Details(rows=(("", change.before, change.after),))

    def explain(self, item: str) -> Explanation | None:
        """Say whether ``item``, as a person typed it, travels and why; None when it is none of this job's."""
        return None

    async def gone(self, machine: Machine, items: Sequence[str]) -> frozenset[str]:
        """Those of ``items``, which may be very many, that are proved not to be on ``machine`` any more."""
        return frozenset()
