"""Two pretended machines with trees of their own, their snapshots, and a job between them."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, TypeVar

from pcswitcher.jobs.api import Job, JobPlan, JobSettings, Side, States, World
from pcswitcher.machine.api import Machine
from pcswitcher.machine.fake import FakeMachine, FakeProgram, open_fake
from pcswitcher.machine.process import Program, Sink, run_program
from pcswitcher.machine.ssh import RemoteShell
from pcswitcher.model.events import Event
from pcswitcher.snapshots.folder import Snapshot
from pcswitcher.snapshots.layout import Layout, PlacedTree, PlaceKind, SnapshotsPlace
from pcswitcher.snapshots.names import Moment

SOURCE = "atlas"
TARGET = "vega"
RUN = "conformance-1"
SUBVOLUME = "@"

S = TypeVar("S", bound=JobSettings)
T = TypeVar("T")
D = TypeVar("D")

LOCAL_SHELL = RemoteShell(command=("env",), host=f"MACHINE={TARGET}", rsync_path="rsync")
"""Leads to this very machine: rsync(1) puts its host before the command, which env(1) takes for a variable."""


async def really(program: Program, sink: Sink) -> int:
    """Run a program for true, on this machine: a value for ``programs``."""
    return (await run_program("this machine", program, sink)).status


class Bench(Generic[S, T, D]):
    """Two machines, *atlas* and *vega*, below one directory. Use it with ``async with``.

    ``source`` and ``target`` stand for ``/`` on them. A job applies to the live trees of the target, and reads both
    from copies that are made anew for each world. Functions of ``packages`` may be called.
    """

    def __init__(self, place: Path, programs: Mapping[str, FakeProgram], packages: frozenset[str]) -> None:
        self.source = place / SOURCE
        self.target = place / TARGET
        self.events: list[Event] = []
        self.machines: tuple[FakeMachine, FakeMachine]
        self._snapshots = place / "snapshots"
        self._numbers = itertools.count(1)
        self._programs = programs
        self._packages = packages
        for directory in (self.source, self.target, self._snapshots):
            directory.mkdir(parents=True)

    async def __aenter__(self) -> Bench[S, T, D]:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Start both machines, anew after they crashed."""
        self.machines = (await self._open(SOURCE), await self._open(TARGET))

    async def _open(self, name: str) -> FakeMachine:
        return await open_fake(name, self._programs, packages=self._packages)

    async def close(self) -> None:
        """End both machines."""
        for machine in self.machines:
            await machine.close()

    async def world(self, job: Job[S, T, D]) -> World:
        """A world with snapshots of both machines as they are now."""
        number = next(self._numbers)
        source, target = self.machines
        return World(
            run=RUN,
            source=await self._side(job, source, self.source, number),
            target=await self._side(job, target, self.target, number),
            shell=LOCAL_SHELL,
            tell=self.events.append,
        )

    async def states(self, job: Job[S, T, D], base: T | None = None) -> tuple[World, States[T]]:
        """The state of both machines now, and the world it was captured in."""
        world = await self.world(job)
        source, target = await job.capture_both(world)
        return world, States(source=source, target=target, base=base)

    async def plan(self, job: Job[S, T, D], base: T | None = None) -> tuple[World, JobPlan[D]]:
        """What the job would do now, and the world in which."""
        world, states = await self.states(job, base)
        return world, job.diff(states)

    async def restore_target(self, world: World) -> None:
        """Make the target what it was when ``world`` was made: a rollback."""
        await asyncio.to_thread(shutil.rmtree, self.target)
        await asyncio.to_thread(copy_tree, Path(os.fsdecode(world.target.snapshots[0].path)), self.target)

    async def _side(self, job: Job[S, T, D], machine: Machine, root: Path, number: int) -> Side:
        copy = self._snapshots / str(number) / root.name
        copy.parent.mkdir(exist_ok=True)
        await asyncio.to_thread(copy_tree, root, copy)
        # A job knows its trees by their live paths on the target; below the source's root they are at the same place.
        above = os.fsencode(self.target) + b"/"
        trees = [PlacedTree(tree=tree, subvolume=SUBVOLUME, inside=tree.removeprefix(above)) for tree in job.trees()]
        outside = [tree.tree for tree in trees if not tree.tree.startswith(above)]
        assert not outside, f"trees() must give what lies below the root that make_job was given, not {outside}"
        return Side(machine=machine, layout=_layout(self._snapshots, tuple(trees)), snapshots=(_snapshot(copy),))


def copy_tree(origin: Path, copy: Path) -> None:
    """Copy a tree with everything a file has: what btrfs does in an instant."""
    subprocess.run(["cp", "-a", "--reflink=auto", str(origin), str(copy)], check=True, timeout=120)


def _layout(snapshots: Path, trees: tuple[PlacedTree, ...]) -> Layout:
    return Layout(
        snapshots=SnapshotsPlace(path=os.fsencode(snapshots), kind=PlaceKind.SUBVOLUME),
        top_level=None,
        trees=trees,
        subvolumes=(),
        uncovered=(),
        problems=(),
    )


def _snapshot(copy: Path) -> Snapshot:
    return Snapshot(
        run=RUN,
        moment=Moment.PRE,
        subvolume=SUBVOLUME,
        path=os.fsencode(copy),
        uuid=f"copy-{copy.parent.name}-{copy.name}",
        source_uuid=copy.name,
        created=datetime(2026, 1, 1, tzinfo=UTC),
        generation=int(copy.parent.name),
        read_only=True,
    )
