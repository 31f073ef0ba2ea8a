"""What the author of a job gives to the laws, and how a law gets its two machines."""

from __future__ import annotations

import abc
import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

import attrs

from pcswitcher.jobs.api import Job, JobPlan, JobSettings, States, World
from pcswitcher.jobs.conformance.bench import SOURCE, TARGET, Bench
from pcswitcher.machine.fake import FakeProgram
from pcswitcher.model.text import printable

S = TypeVar("S", bound=JobSettings)
T = TypeVar("T")
D = TypeVar("D")


@attrs.frozen(kw_only=True)
class Scene(Generic[S, T, D]):
    """A job, two machines that were equal once, and that state."""

    job: Job[S, T, D]
    bench: Bench[S, T, D]
    base: T


class Subject(abc.ABC, Generic[S, T, D]):
    """A job under test."""

    programs: ClassVar[Mapping[str, FakeProgram]] = {}
    """The programs that the job may run on either machine, pretended or ``really`` run; any other is missing there."""

    holds_inodes: ClassVar[bool] = False
    """Whether its state holds numbers of inodes: snapshots have those of the live tree, the copies here have not."""

    @abc.abstractmethod
    def make_job(self, root: bytes) -> Job[S, T, D]:
        """Make the job, new, with settings that let it end at once. ``root``, a directory, stands for ``/``."""

    @abc.abstractmethod
    def fill(self, root: Path) -> None:
        """Make what both machines have to begin with, with more than one item. ``root`` is empty."""

    @abc.abstractmethod
    def edit(self, root: Path, word: str) -> None:
        """Change one item at least, best also add and remove some. ``word`` goes into what is new.

        The same word makes the same, in both roots; other words make the same items differ.
        """

    def on_scene(self, place: Path, law: Callable[[Scene[S, T, D]], Coroutine[object, object, None]]) -> None:
        """Hold the job to a law, between two machines below ``place`` that are equal to begin with."""

        async def holding() -> None:
            async with self.scene(place) as scene:
                await law(scene)

        asyncio.run(holding())

    @asynccontextmanager
    async def scene(self, place: Path) -> AsyncGenerator[Scene[S, T, D]]:
        """Two machines with what ``fill`` makes, and their common state."""
        job = self.make_job(os.fsencode(place / TARGET))
        # The job's own package is called into, as an agent does with those of installed jobs.
        package = type(job).__module__.partition(".")[0]
        async with Bench[S, T, D](place, self.programs, frozenset({package})) as bench:
            for root in (bench.source, bench.target):
                self.fill(root)
            world, plan = await bench.plan(job)
            if plan.changes:
                await job.apply(world, plan)  # what was made twice may differ in its times: one sync makes it equal
            _, states = await bench.states(job)
            yield Scene(job=job, bench=bench, base=states.source)

    @asynccontextmanager
    async def edited(self, place: Path) -> AsyncGenerator[tuple[Scene[S, T, D], World, JobPlan[D]]]:
        """The same after an edit on the source, with the plan that is due."""
        async with self.scene(place) as scene:
            self.edit(scene.bench.source, SOURCE)
            world, plan = await scene.bench.plan(scene.job, scene.base)
            assert plan.changes, "edit must make a difference that the job sees"
            yield scene, world, plan

    def on_edited(
        self, place: Path, law: Callable[[Scene[S, T, D], World, JobPlan[D]], Coroutine[object, object, None]]
    ) -> None:
        """Hold the job to a law, after an edit on the source."""

        async def holding() -> None:
            async with self.edited(place) as (scene, world, plan):
                await law(scene, world, plan)

        asyncio.run(holding())

    def assert_equal(self, job: Job[S, T, D], one: T, other: T) -> None:
        """Two captured states, of different copies, are equal."""
        equal = job.encode_state(one) == job.encode_state(other)
        if not equal and self.holds_inodes:
            equal = not job.diff(States(source=one, target=other)).changes
        assert equal, f"{str(one)[:200]} is not {str(other)[:200]}"

    def edit_target(self, scene: Scene[S, T, D]) -> None:
        """Edit the target otherwise than the source."""
        self.edit(scene.bench.target, TARGET)


def items(plan: JobPlan[D]) -> set[str]:
    """The items that a plan would change."""
    return {change.item for change in plan.changes}


def is_safe(text: str) -> bool:
    """Whether a text may stand on one line of a terminal."""
    return "\n" not in text and printable(text) == text


Fingerprint = Mapping[bytes, tuple[object, ...]]


def fingerprint(root: Path) -> Fingerprint:
    """Everything about a tree that somebody who only reads leaves as it was."""
    found: dict[bytes, tuple[object, ...]] = {}
    for directory, directories, files in os.walk(os.fsencode(root)):
        for name in (b"", *directories, *files):
            path = os.path.join(directory, name)
            status = os.lstat(path)
            found[path] = (status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return found
