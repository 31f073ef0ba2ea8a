"""Laws about an apply that is cut short, at every moment it has."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

import attrs

from pcswitcher.jobs.api import (
    Completed,
    Exposed,
    JobPlan,
    JobReport,
    Listener,
    Machine,
    Outcome,
    PcSwitcherError,
    World,
)
from pcswitcher.jobs.conformance.subject import D, S, Scene, Subject, T, items
from pcswitcher.machine.api import OutputListener, P, R
from pcswitcher.machine.fake import FakeMachine
from pcswitcher.model.errors import ConnectionLostError
from pcswitcher.model.secret import Secret

PATIENCE = 30.0
"""Seconds an apply that was told to stop may take, as ``[run] grace`` has it."""
AMIDST = 0.002
"""Seconds after a request's beginning: it is under way on its machine, and few are done by then."""
MOMENTS = 1000
"""More than any apply has here; one that never ends is found by it."""


class Blow(StrEnum):
    """What cuts an apply short."""

    STOP = "told to stop before a request"
    STOP_AMIDST = "told to stop amidst a request"
    ANSWER = "the target vanishes with an answer"
    CRASH = "the target vanishes"
    LOSS = "the source vanishes"


@attrs.define
class Fate:
    """Strikes at one moment: a request to a machine, counted over both."""

    blow: Blow
    moment: int
    machines: tuple[FakeMachine, FakeMachine]
    apply: asyncio.Task[JobReport] | None = None
    struck: bool = False
    _passed: int = 0

    async def pass_moment(self) -> None:
        """Be asked before each request."""
        self._passed += 1
        if self._passed != self.moment:
            return
        self.struck = True
        source, target = self.machines
        assert self.apply is not None
        match self.blow:
            case Blow.STOP:
                self.apply.cancel()
                await asyncio.sleep(0)
            case Blow.STOP_AMIDST:
                asyncio.get_running_loop().call_later(AMIDST, self.apply.cancel)
            case Blow.ANSWER:
                pass
            case Blow.CRASH:
                await target.crash()
            case Blow.LOSS:
                await source.crash()

    async def pass_answer(self) -> None:
        """Be asked with each answer: the one to the request of the moment may be the one that gets lost."""
        if self.blow is Blow.ANSWER and self.struck:
            await self.machines[1].crash()
            raise ConnectionLostError(f"{self.machines[1].name}: the connection broke", "start the same command again")


class FatedMachine(Machine):
    """A machine whose every request is a moment."""

    def __init__(self, inner: Machine, fate: Fate) -> None:
        self.name = inner.name
        self.facts = inner.facts
        self._inner = inner
        self._fate = fate

    async def call_listening(self, listener: Listener, function: Exposed[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """See Machine."""
        await self._fate.pass_moment()
        result = await self._inner.call_listening(listener, function, *args, **kwargs)
        await self._fate.pass_answer()
        return result

    async def run(
        self,
        arguments: Sequence[str | bytes],
        *,
        stdin: bytes = b"",
        timeout: float | None = None,
        environment: Mapping[str, str | Secret] | None = None,
        directory: str | None = None,
        listener: OutputListener | None = None,
    ) -> Completed:
        """See Machine."""
        await self._fate.pass_moment()
        completed = await self._inner.run(
            arguments, stdin=stdin, timeout=timeout, environment=environment, directory=directory, listener=listener
        )
        await self._fate.pass_answer()
        return completed

    async def close(self) -> None:
        """See Machine."""
        await self._inner.close()


class InterruptionLaws(Subject[S, T, D]):
    """Laws of an apply that does not come to its end."""

    def test_a_stopped_apply_can_be_repeated(self, tmp_path: Path) -> None:
        """Told to stop at any moment, it ends in time; what is left to do can be done (J6)."""
        self._hold_at_every_moment(tmp_path / "before", Blow.STOP)
        self._hold_at_every_moment(tmp_path / "amidst", Blow.STOP_AMIDST)

    def test_an_apply_whose_target_vanished_can_be_repeated(self, tmp_path: Path) -> None:
        """As after a power cut or a pulled cable: a crash is only a delay (promise 6)."""
        self._hold_at_every_moment(tmp_path, Blow.CRASH)

    def test_an_apply_that_lost_an_answer_can_be_repeated(self, tmp_path: Path) -> None:
        """A step was done and nobody was told: doing it once more is harmless (faults row 6)."""
        self._hold_at_every_moment(tmp_path, Blow.ANSWER)

    def test_an_apply_whose_source_vanished_can_be_repeated(self, tmp_path: Path) -> None:
        """The same for the machine beside the person."""
        self._hold_at_every_moment(tmp_path, Blow.LOSS)

    def _hold_at_every_moment(self, place: Path, blow: Blow) -> None:
        for moment in range(1, MOMENTS):
            if not asyncio.run(self._hold_at(place / str(moment), blow, moment)):
                assert moment > 1, "the apply asks nothing of the machines"
                return
        raise AssertionError(f"the apply has more than {MOMENTS} moments")

    async def _hold_at(self, place: Path, blow: Blow, moment: int) -> bool:
        """Cut the apply at one moment and repeat it; False when it has no such moment."""
        async with self.edited(place) as (scene, world, plan):
            fate = Fate(blow, moment, scene.bench.machines)
            told = await _apply_fated(scene, world, plan, fate)
            if not fate.struck:
                return False
            await scene.bench.close()
            await scene.bench.open()
            where = f"{blow}, moment {moment}"
            if told is not None and told.outcome is Outcome.DONE:
                _, rest = await scene.bench.plan(scene.job)
                assert not items(rest), f"{where}: it said that all was done"
            await scene.job.clean_up(scene.bench.machines[1])
            await self._check_old_or_new(scene, plan, where)
            _left_nothing(scene, world, where)
            await self._repeat_old_plan(scene, world, plan, where)
            again, rest = await scene.bench.plan(scene.job, scene.base)
            report = await scene.job.apply(again, rest)
            assert report.outcome is Outcome.DONE, f"{where}: {report}"
            _, nothing = await scene.bench.plan(scene.job, scene.base)
            assert not items(nothing), f"{where}: {sorted(items(nothing))} cannot be made equal any more"
            return True

    async def _check_old_or_new(self, scene: Scene[S, T, D], plan: JobPlan[D], where: str) -> None:
        """Each item is what it was or what it shall be: none else differs, and none is new to both (promise 4)."""
        _, rest = await scene.bench.plan(scene.job, scene.base)
        assert items(rest) <= items(plan), f"{where}: {sorted(items(rest) - items(plan))} differ only since then"
        half = [change for change in rest.changes if change.conflict]
        assert not half, f"{where}: neither old nor new: {half}"

    async def _repeat_old_plan(self, scene: Scene[S, T, D], world: World, plan: JobPlan[D], where: str) -> None:
        """The same plan once more, in its own snapshots: it may leave things undone, it does no harm."""
        source, target = scene.bench.machines
        world = attrs.evolve(
            world,
            source=attrs.evolve(world.source, machine=source),
            target=attrs.evolve(world.target, machine=target),
        )
        await scene.job.apply(world, plan)
        await self._check_old_or_new(scene, plan, f"{where}, the same plan again")


async def _apply_fated(scene: Scene[S, T, D], world: World, plan: JobPlan[D], fate: Fate) -> JobReport | None:
    """Apply with machines that fail when fate has it; how the job says it went, None when it was cut short."""
    fated = attrs.evolve(
        world,
        source=attrs.evolve(world.source, machine=FatedMachine(world.source.machine, fate)),
        target=attrs.evolve(world.target, machine=FatedMachine(world.target.machine, fate)),
    )
    fate.apply = asyncio.ensure_future(scene.job.apply(fated, plan))
    done, _ = await asyncio.wait({fate.apply}, timeout=PATIENCE)
    assert done, f"{fate.blow}, moment {fate.moment}: the apply goes on for more than {PATIENCE:g} s"
    error = asyncio.CancelledError() if fate.apply.cancelled() else fate.apply.exception()
    if error is None:
        return fate.apply.result()
    assert fate.struck, f"an undisturbed apply ends with {error!r}"
    foreseen = isinstance(error, asyncio.CancelledError | PcSwitcherError)
    assert foreseen, f"{fate.blow}, moment {fate.moment}: {error!r}"
    return None


def _left_nothing(scene: Scene[S, T, D], world: World, where: str) -> None:
    """Nothing of the cut apply's own is left on the target: it has names of before or of the source, and no others."""
    before = Path(os.fsdecode(world.target.snapshots[0].path))
    left = _names(scene.bench.target) - _names(scene.bench.source) - _names(before)
    assert not left, f"{where}: left behind after clean_up: {sorted(left)}"


def _names(root: Path) -> set[str]:
    return {
        os.path.relpath(os.path.join(directory, name), root)
        for directory, directories, files in os.walk(root)
        for name in (*directories, *files)
    }
