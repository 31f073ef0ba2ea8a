"""What the dummies are for: taking time, saying things in that time, failing and being stubborn (J4 to J8)."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import attrs
import pytest

from pcswitcher.jobs.api import Action, JobPlan, Level, Outcome, States, World
from pcswitcher.jobs.conformance import Bench
from pcswitcher.jobs.dummies import practice
from pcswitcher.jobs.dummies.diff import NOTE, PRACTICE, Planned, diff, narrow
from pcswitcher.jobs.dummies.job import Dummy, DummyCritical, DummyFailing, DummySuccess
from pcswitcher.jobs.dummies.settings import CriticalSettings, DummySettings, FailingSettings
from pcswitcher.jobs.dummies.state import Note
from pcswitcher.machine.process import Program, Sink
from pcswitcher.model.errors import ProgramError
from pcswitcher.model.events import LogLine, Progress

S = TypeVar("S", bound=DummySettings)
FOREVER = 3600.0


class Sleepers:
    """Pretended `sleep` programs: which were started, and how each ended."""

    def __init__(self, status: int = 0) -> None:
        self.started: list[bytes] = []
        self.ended: list[bytes] = []
        self.status = status

    async def __call__(self, program: Program, sink: Sink) -> int:
        self.started.append(program.arguments[1])
        try:
            await asyncio.sleep(float(program.arguments[1]))
        finally:
            self.ended.append(program.arguments[1])
        return self.status


@attrs.define
class Stage:
    """A dummy between two machines, with its plan."""

    job: Dummy[DummySettings]
    world: World
    plan: JobPlan[Planned]
    bench: Bench[DummySettings, Note, Planned]
    sleepers: Sleepers

    def lines(self) -> list[tuple[str, Level]]:
        """What was logged, by machine, in order."""
        return [(each.machine, each.level) for each in self.bench.events if isinstance(each, LogLine)]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(10):
            while not holds():  # noqa: ASYNC110 - what is waited for rings no bell
                await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def quick_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is looked at often."""
    monkeypatch.setattr(practice, "TICK", 0.01)


def play(
    place: Path, kind: type[Dummy[S]], settings: S, act: Callable[[Stage], Awaitable[None]], status: int = 0
) -> Stage:
    """Let a dummy act on a stage of its own."""

    async def playing() -> Stage:
        sleepers = Sleepers(status)
        bench = Bench[DummySettings, Note, Planned](place, {"sleep": sleepers}, frozenset())
        (bench.target / "root").mkdir()
        (bench.source / "root").mkdir()
        async with bench:
            job: Dummy[DummySettings] = kind(settings)  # type: ignore[assignment]
            job.home = str(bench.target).encode() + job.home
            world, plan = await bench.plan(job)
            stage = Stage(job, world, plan, bench, sleepers)
            await act(stage)
            return stage

    return asyncio.run(playing())


async def apply(stage: Stage) -> None:
    """Let it do its work, to the end."""
    report = await stage.job.apply(stage.world, stage.plan)
    assert report.outcome is Outcome.DONE
    assert report.items == 1


def test_success_takes_time_on_both_and_says_all_levels_on_both(tmp_path: Path) -> None:
    """J4, J8: INFO, WARNING and ERROR from each machine, in order, and it succeeds; a program runs on each."""
    stage = play(tmp_path, DummySuccess, DummySettings(source_seconds=0.1, target_seconds=0.2), apply)
    levels = (Level.INFO, Level.WARNING, Level.ERROR)
    assert stage.lines() == [(machine, level) for machine in ("atlas", "vega") for level in levels]
    assert all(event.job == "dummy_success" for event in stage.bench.events if isinstance(event, LogLine | Progress))
    assert stage.sleepers.ended == [b"0.1", b"0.2"]


def test_its_progress_runs_from_nothing_to_all_over_both_machines(tmp_path: Path) -> None:
    """J4: done of total, in seconds, never backwards; the first half is the source's."""
    stage = play(tmp_path, DummySuccess, DummySettings(source_seconds=1.2, target_seconds=0.1), apply)
    told = [event for event in stage.bench.events if isinstance(event, Progress)]
    assert {event.total for event in told} == {3}
    assert {event.unit for event in told} == {"seconds"}
    done = [event.done for event in told]
    assert done == sorted(done)
    assert [event.machine for event in told] == sorted(event.machine for event in told)
    assert {event.machine for event in told} == {"atlas", "vega"}


def test_critical_says_so_from_the_target_and_goes_on(tmp_path: Path) -> None:
    """J5, J8: the line comes part-way; only the run ends it, and then everything it started."""

    async def act(stage: Stage) -> None:
        doing = asyncio.ensure_future(apply(stage))
        await stage.until(lambda: ("vega", Level.CRITICAL) in stage.lines())
        await asyncio.sleep(0.05)
        assert not doing.done()
        doing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await doing
        assert stage.sleepers.started == [b"0", b"3600"]
        assert stage.sleepers.ended == stage.sleepers.started

    settings = CriticalSettings(source_seconds=0, target_seconds=FOREVER, critical_after=0.05)
    stage = play(tmp_path, DummyCritical, settings, act)
    assert ("atlas", Level.CRITICAL) not in stage.lines()


def test_failing_raises_part_way_without_a_word(tmp_path: Path) -> None:
    """J5, J8: what a mistake in a job looks like; the run must tell, and what it started ends."""

    async def act(stage: Stage) -> None:
        with pytest.raises(RuntimeError, match="dummy_failing fails on purpose"):
            await stage.job.apply(stage.world, stage.plan)
        assert stage.sleepers.started == [b"3600"]
        assert stage.sleepers.ended == [b"3600"]

    settings = FailingSettings(source_seconds=FOREVER, target_seconds=0, fail_after=0.1)
    stage = play(tmp_path, DummyFailing, settings, act)
    assert stage.lines() == [("atlas", Level.INFO)]


def test_told_to_stop_it_ends_at_once_with_what_it_started(tmp_path: Path) -> None:
    """J6: on the machine where it is."""

    async def act(stage: Stage) -> None:
        doing = asyncio.ensure_future(apply(stage))
        await stage.until(lambda: stage.sleepers.started == [b"3600"])
        doing.cancel()
        async with asyncio.timeout(5):
            await asyncio.wait({doing})
        assert doing.cancelled()
        assert stage.sleepers.ended == [b"3600"]

    play(tmp_path, DummySuccess, DummySettings(source_seconds=FOREVER, target_seconds=0), act)


def test_a_stubborn_one_goes_on_when_told_to_stop_and_ends_with_its_machine(tmp_path: Path) -> None:
    """J6: it must be killed: nothing but the loss of its machine ends it."""

    async def act(stage: Stage) -> None:
        doing = asyncio.ensure_future(apply(stage))
        await stage.until(lambda: ("atlas", Level.INFO) in stage.lines())
        for _ in range(3):
            doing.cancel()
            await asyncio.sleep(0.05)
            assert not doing.done()
        await stage.until(lambda: stage.lines().count(("atlas", Level.WARNING)) == 3)
        await stage.world.source.machine.close()
        with pytest.raises(Exception, match="connection is closed"):
            await doing

    play(tmp_path, DummySuccess, DummySettings(source_seconds=2, target_seconds=0, stubborn=True), act)


def test_a_program_that_fails_there_is_a_failure_of_the_job(tmp_path: Path) -> None:
    """J5: nothing is passed over."""

    async def act(stage: Stage) -> None:
        with pytest.raises(ProgramError, match="atlas: sleep ended with status 1"):
            await stage.job.apply(stage.world, stage.plan)

    play(tmp_path, DummySuccess, DummySettings(source_seconds=0, target_seconds=0), act, status=1)


def states(source: str | None, target: str | None, base: str | None = None) -> States[Note]:
    """Two notes and what both had."""
    return States(source=Note(source), target=Note(target), base=Note(base))


@pytest.mark.parametrize(
    ("source", "target", "base", "action", "conflict"),
    [
        ("new", None, None, Action.ADD, False),
        ("new", "old", "old", Action.CHANGE, False),
        (None, "old", "old", Action.REMOVE, False),
        ("old", "own", "old", Action.CHANGE, True),
        (None, "own", None, Action.REMOVE, True),
        ("old", None, "old", Action.ADD, True),
    ],
)
def test_a_note_is_compared_three_ways(
    source: str | None, target: str | None, base: str | None, action: Action, *, conflict: bool
) -> None:
    """The real state of a dummy: what the target did itself is a conflict."""
    (change,) = diff(states(source, target, base), "").changes
    assert (change.item, change.action, bool(change.conflict)) == (NOTE, action, conflict)


def test_with_repeat_there_is_something_to_do_at_every_sync() -> None:
    """J8: usable by anyone, again and again; without it equal notes need nothing."""
    assert not diff(states("same", "same"), "").changes
    (change,) = diff(states("same", "same"), "20 s").changes
    assert (change.item, change.after) == (PRACTICE, "20 s")
    assert DummySettings().repeat


def test_practice_can_be_had_without_the_note_but_no_note_without_practice() -> None:
    """Narrowing says what it leaves out."""
    plan = diff(states("new", "old"), "20 s")
    assert narrow(plan, frozenset({NOTE})).data == Planned(practice=True, note=None)
    assert narrow(plan, frozenset({PRACTICE})).data == Planned(practice=True, note=Note("new"))
    assert narrow(plan, frozenset({NOTE, PRACTICE})).data.empty


def test_a_note_that_cannot_be_read_is_not_no_note(tmp_path: Path) -> None:
    """Promise 8: a folder, or what is no text, in its place is an error that names it."""

    async def act(stage: Stage) -> None:
        place = stage.bench.source / "root/.local/state/pc-switcher/dummies"
        place.mkdir(parents=True)
        for make in (
            lambda path: path.mkdir(),
            lambda path: path.write_bytes(b"\xff"),
            lambda path: path.write_text("x" * 5000),
            lambda path: path.symlink_to("/etc/hostname"),
        ):
            path = place / "dummy_success"
            make(path)
            with pytest.raises(Exception, match=r"dummies/dummy_success (is no text|cannot be read)"):
                await stage.bench.plan(stage.job)
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()

    play(tmp_path, DummySuccess, DummySettings(source_seconds=0, target_seconds=0), act)


def test_the_page_about_them_names_every_setting_with_its_default() -> None:
    """J8: what a person reads is what happens."""
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "try-a-run.md").read_text("utf-8")
    shown = tomllib.loads(page.split("```toml")[1].split("```")[0])["jobs"]
    common = attrs.asdict(DummySettings())
    assert {"enabled": False, **shown["dummy_success"]} == common
    assert {**common, **shown["dummy_critical"]} == attrs.asdict(CriticalSettings())
    assert {**common, **shown["dummy_failing"]} == attrs.asdict(FailingSettings())
