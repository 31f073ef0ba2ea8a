"""Jobs that raise where they are told to, two machines that do what they are asked, and a run's book without a disk."""

from __future__ import annotations

from types import SimpleNamespace
from typing import ClassVar, cast

from pcswitcher.jobs.api import (
    Action,
    Change,
    Finding,
    Job,
    JobPlan,
    JobReport,
    JobSettings,
    Machine,
    Outcome,
    Side,
    States,
    World,
)
from pcswitcher.jobs.registry import AnyJob
from pcswitcher.machine.lock import Role
from pcswitcher.machine.ssh import RemoteShell
from pcswitcher.model.events import Event, JobFinished, Level, LogLine, now
from pcswitcher.run.bases import Common
from pcswitcher.run.book import Book
from pcswitcher.run.bus import Bus
from pcswitcher.run.marks import Marks
from pcswitcher.run.record import RunDetails, RunRecord
from pcswitcher.snapshots.layout import Layout

NOTHING_IN_COMMON = Common(states={}, heads={}, known=True)
NO_MARKS = (Marks(), Marks())


class Flawed(Job[JobSettings, str, str]):
    """Makes one item as on the source; raises ``errors[step]`` in the step of that name."""

    name: ClassVar[str] = "flawed"
    title: ClassVar[str] = "Flawed"

    def __init__(self, name: str, needs: tuple[str, ...] = (), **errors: BaseException) -> None:
        super().__init__(JobSettings())
        self.name = name  # type: ignore[misc]
        self.title = name.title()  # type: ignore[misc]
        self.needs = needs  # type: ignore[misc]
        self.errors = errors
        self.done: list[str] = []
        self.report = JobReport(outcome=Outcome.DONE, items=1)

    def _step(self, step: str) -> None:
        self.done.append(step)
        if step in self.errors:
            raise self.errors[step]

    def trees(self) -> tuple[bytes, ...]:
        return ()

    async def check(self, world: World) -> tuple[Finding, ...]:
        self._step("check")
        return ()

    async def capture(self, side: Side, world: World) -> str:
        self._step("capture")
        return side.machine.name

    @property
    def state_type(self) -> type[str]:
        return str

    def encode_state(self, state: str) -> bytes:
        self._step("encode")
        return super().encode_state(state)

    def diff(self, states: States[str]) -> JobPlan[str]:
        self._step("diff")
        return JobPlan(data="", changes=(Change(item="item", action=Action.ADD, after="new", size=3),))

    def narrow(self, plan: JobPlan[str], refused: frozenset[str]) -> JobPlan[str]:
        self._step("narrow")
        return JobPlan(data="", changes=tuple(each for each in plan.changes if each.item not in refused))

    def agree(self, states: States[str], left: frozenset[str]) -> str:
        self._step("agree")
        return states.source

    async def apply(self, world: World, plan: JobPlan[str]) -> JobReport:
        self._step("apply")
        return self.report

    async def verify(self, world: World, plan: JobPlan[str], report: JobReport) -> tuple[str, ...]:
        self._step("verify")
        return ()


def flawed(name: str, *needs: str, **errors: BaseException) -> tuple[AnyJob, Flawed]:
    """A job as the run knows it, and as the test does."""
    job = Flawed(name, needs, **errors)
    return cast("AnyJob", job), job


class Kept:
    """A Sink that keeps everything."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def take(self, event: Event) -> None:
        self.events.append(event)

    def lines(self, level: Level) -> list[str]:
        """What was told at this level, with its job."""
        return [f"{e.job}: {e.message}" for e in self.events if isinstance(e, LogLine) and e.level is level]

    def ends(self) -> list[tuple[str, Outcome]]:
        """How the jobs ended."""
        return [(each.job, each.outcome) for each in self.events if isinstance(each, JobFinished)]


class DeskBook(Book):
    """Written nowhere."""

    def __init__(self, bus: Bus) -> None:
        super().__init__(bus)
        self.label = "0007"
        self.record = RunRecord(
            label="0007",
            role=Role.SOURCE,
            source="atlas",
            target="vega",
            source_id="a",
            target_id="v",
            user="sam",
            version="1",
            started=now(),
        )

    @property
    def ids(self) -> tuple[str, str]:
        return "a", "v"

    async def write(self, *, outcome: Outcome | None = None, message: str = "") -> None:
        pass

    async def write_details(self, details: RunDetails) -> None:
        pass


def world(bus: Bus) -> World:
    """Two machines that answer everything with nothing."""

    async def call(function: object, *arguments: object) -> None:
        pass

    def side(name: str) -> Side:
        machine, layout = SimpleNamespace(name=name, call=call), SimpleNamespace(trees=())
        return Side(machine=cast("Machine", machine), layout=cast("Layout", layout))

    shell = cast("RemoteShell", SimpleNamespace())
    return World(run="0007", source=side("atlas"), target=side("vega"), shell=shell, tell=bus.tell)
