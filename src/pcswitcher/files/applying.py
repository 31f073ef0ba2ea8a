"""Applying a delta from the driver: transfer into the stage, then the steps, then metadata.

Until the transfer is complete the target has nothing but the stage. Afterwards each path changes by one
rename or unlink; one that cannot be changed is reported and stops nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Callable

import attrs

from pcswitcher.files.apply import perform_steps
from pcswitcher.files.change import PathProblem, TreeDelta
from pcswitcher.files.metadata import set_metadata
from pcswitcher.files.place import TreePlace
from pcswitcher.files.planning import ApplyPlan, plan
from pcswitcher.files.rsync import Frame
from pcswitcher.files.stage import prepare_stage, remove_stage
from pcswitcher.files.steps import Area, FileStep, MetadataStep
from pcswitcher.files.transfer import Transfer, TransferSink, batches, transfer
from pcswitcher.machine.api import Machine
from pcswitcher.machine.ssh import RemoteShell
from pcswitcher.model.errors import ApplyError, ConnectionLostError
from pcswitcher.model.text import escape

_BATCH = 256 * 1024
PROGRESS_INTERVAL = 0.1
"""Least seconds between two reports of one phase: rsync names every file, and each report goes through the program."""
_RUN = re.compile(r"[A-Za-z0-9-]{1,60}")


@attrs.frozen
class ApplyProgress:
    """How far an apply is.

    ``phase``: "list" (``unit`` "paths": rsync is told what to carry), "prepare" ("paths": it looks at that),
    "transfer" ("bytes"), "apply" or "metadata" ("paths"); ``item``: the path worked on, or what is done before
    there is one, safe to show; ``rate``: bytes per second, 0 when not known; ``paths`` of ``paths_total`` have
    travelled.
    """

    phase: str
    done: int
    total: int
    unit: str
    item: str = ""
    rate: float = 0.0
    paths: int = 0
    paths_total: int = 0


ProgressSink = Callable[[ApplyProgress], None]


@attrs.define
class PacedProgress:
    """Passes on a report every PROGRESS_INTERVAL, and the last one of each phase. ``clock``: seconds, only forward."""

    _sink: ProgressSink
    _clock: Callable[[], float] = time.monotonic
    _told_at: float = -PROGRESS_INTERVAL
    _phase: str = ""
    _waiting: ApplyProgress | None = None

    def tell(self, step: ApplyProgress) -> None:
        """Take a report."""
        if step.phase != self._phase:
            self.flush()
        elif self._clock() - self._told_at < PROGRESS_INTERVAL:
            self._waiting = step
            return
        self._phase, self._waiting, self._told_at = step.phase, None, self._clock()
        self._sink(step)

    def flush(self) -> None:
        """Pass on what is waiting."""
        if self._waiting is not None:
            step, self._waiting = self._waiting, None
            self._sink(step)


@attrs.frozen
class ApplyReport:
    """What an apply did: how many paths are as planned, which are not and why, words from rsync."""

    done: int
    failed: tuple[PathProblem, ...]
    moved_bytes: int
    warnings: tuple[str, ...] = ()


async def apply(
    delta: TreeDelta,
    source: Machine,
    target: Machine,
    place: TreePlace,
    *,
    run: str,
    shell: RemoteShell | None = None,
    progress: ProgressSink | None = None,
) -> ApplyReport:
    """Make the target's live tree what the delta says.

    ``run`` is the run's label (letters, digits, dash). ``shell`` None: both trees are on one machine (tests).
    Paths that changed since the delta was made are left alone and reported. Raises ApplyError when the
    transfer failed (disk full, rsync unusable), ConnectionLostError when the link went away; during the
    transfer nothing is changed on the target but the stage, which the next run removes.
    """
    if not _RUN.fullmatch(run):
        raise ApplyError(f"{run!r} can be no label of a run")
    paced = PacedProgress(progress or _silent)
    try:
        return await _Applying(delta, source, target, place, run, shell, paced.tell).apply()
    finally:
        paced.flush()


def _silent(_: ApplyProgress) -> None:
    return None


@attrs.frozen
class _Applying:
    delta: TreeDelta
    source: Machine
    target: Machine
    place: TreePlace
    run: str
    shell: RemoteShell | None
    progress: ProgressSink

    async def apply(self) -> ApplyReport:
        # A plan of some hundred thousand paths takes seconds, and an agent gives up when it hears nothing for long.
        todo = await asyncio.to_thread(plan, self.delta)
        size = await asyncio.to_thread(lambda: self.delta.bytes_to_move)
        stage = b""
        warnings: tuple[str, ...] = ()
        try:
            if any(todo.carried.values()):
                stage = await self.target.call(prepare_stage, self.place.target_tree, self.run)
                warnings = await self._transfer(todo, stage, size)
            failed = await self._steps(todo, stage)
            failed |= await self._metadata([step for step in todo.metadata if step.entry.path not in failed])
        finally:
            if stage:
                # When the target itself is lost, the next run removes the stage.
                with contextlib.suppress(ConnectionLostError):
                    await self.target.call(remove_stage, self.place.target_tree, stage)
        problems = tuple(PathProblem(path, reason) for path, reason in failed.items())
        done = len(self.delta.changes) - len(problems)
        return ApplyReport(done, problems, size, warnings)

    async def _transfer(self, todo: ApplyPlan, stage: bytes, total: int) -> tuple[str, ...]:
        warnings: list[str] = []
        total_paths = sum(map(len, todo.carried.values()))
        before = last = named = prepared = 0
        rate = 0.0
        item = ""

        def tell() -> None:
            done = min(before + last, total)
            self.progress(
                ApplyProgress("transfer", done, total, "bytes", item, rate, min(named, total_paths), total_paths)
            )

        def written(count: int) -> None:
            self.progress(ApplyProgress("list", prepared + count, total_paths, "paths", "list of what travels"))

        def listed(count: int) -> None:
            self.progress(ApplyProgress("prepare", prepared + count, total_paths, "paths", "preparing the transfer"))

        def frame(told: Frame) -> None:
            nonlocal last, rate
            last, rate = told.done, told.rate
            tell()

        def name(text: str) -> None:
            nonlocal item, named
            item = text
            named += 1
            tell()

        for area in Area:
            paths = todo.carried[area]
            if not paths:
                continue
            destination = self.place.target_tree + b"/" + stage + b"/" + area.value.encode()
            label = f"{self.run}-{area.value}-{stage[-8:].decode()}"
            job = Transfer(
                self.source,
                self.target,
                self.place.source_directory,
                destination,
                self.place.target_tree,
                label,
                self.shell,
            )
            warnings += await transfer(job, paths, TransferSink(written=written, listed=listed, name=name, frame=frame))
            before, last, prepared = before + last, 0, prepared + len(paths)
        return tuple(warnings)

    async def _steps(self, todo: ApplyPlan, stage: bytes) -> dict[bytes, str]:
        failed: dict[bytes, str] = {}
        done = 0
        for batch in batches(todo.steps, _step_weight, _BATCH):
            item = escape(batch[0].path)
            self.progress(ApplyProgress("apply", done, len(todo.steps), "paths", item))
            problems = await self.target.call(perform_steps, self.place.target_tree, stage, batch)
            failed.update((problem.path, problem.reason) for problem in problems)
            done += len(batch)
        if failed:
            for path, top in todo.along.items():
                if top in failed:
                    failed[path] = f"{escape(top)}: {failed[top]}"
        return failed

    async def _metadata(self, steps: list[MetadataStep]) -> dict[bytes, str]:
        failed: dict[bytes, str] = {}
        done = 0
        for batch in batches(steps, _metadata_weight, _BATCH):
            item = escape(batch[0].entry.path)
            self.progress(ApplyProgress("metadata", done, len(steps), "paths", item))
            problems = await self.target.call(set_metadata, self.place.target_tree, batch, self.delta.flag_mask)
            failed.update((problem.path, problem.reason) for problem in problems)
            done += len(batch)
        return failed


def _step_weight(step: FileStep) -> int:
    return len(step.path) + len(step.unit) + 300


def _metadata_weight(step: MetadataStep) -> int:
    return len(step.entry.path) + sum(len(name) + len(value) for name, value in step.entry.xattrs) + 300
