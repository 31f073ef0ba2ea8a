"""Applying a delta from the driver: transfer into the stage, then the steps, then metadata.

Until the transfer is complete the target has nothing but the stage. Afterwards each path changes by one
rename or unlink; one that cannot be changed is reported and stops nothing else.
"""

from __future__ import annotations

import contextlib
import re
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
from pcswitcher.files.transfer import Transfer, batches, transfer
from pcswitcher.machine.api import Machine
from pcswitcher.machine.ssh import RemoteShell
from pcswitcher.model.errors import ApplyError, ConnectionLostError
from pcswitcher.model.text import escape

_BATCH = 256 * 1024
_RUN = re.compile(r"[A-Za-z0-9-]{1,60}")


@attrs.frozen
class ApplyProgress:
    """How far an apply is.

    ``phase``: "transfer" (``unit`` "bytes"), "apply" or "metadata" ("paths"); ``item``: the path worked on,
    safe to show; ``rate``: bytes per second, 0 when not known; ``paths`` of ``paths_total`` have travelled.
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
    return await _Applying(delta, source, target, place, run, shell, progress or _silent).apply()


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
        todo = plan(self.delta)
        stage = b""
        warnings: tuple[str, ...] = ()
        try:
            if any(todo.carried.values()):
                stage = await self.target.call(prepare_stage, self.place.target_tree, self.run)
                warnings = await self._transfer(todo, stage)
            failed = await self._steps(todo, stage)
            failed |= await self._metadata([step for step in todo.metadata if step.entry.path not in failed])
        finally:
            if stage:
                # When the target itself is lost, the next run removes the stage.
                with contextlib.suppress(ConnectionLostError):
                    await self.target.call(remove_stage, self.place.target_tree, stage)
        problems = tuple(PathProblem(path, reason) for path, reason in failed.items())
        done = len(self.delta.changes) - len(problems)
        return ApplyReport(done, problems, self.delta.bytes_to_move, warnings)

    async def _transfer(self, todo: ApplyPlan, stage: bytes) -> tuple[str, ...]:
        warnings: list[str] = []
        total = self.delta.bytes_to_move
        total_paths = sum(map(len, todo.carried.values()))
        before = last = named = 0
        rate = 0.0
        item = ""

        def tell() -> None:
            done = min(before + last, total)
            self.progress(
                ApplyProgress("transfer", done, total, "bytes", item, rate, min(named, total_paths), total_paths)
            )

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
            warnings += await transfer(job, paths, frame, name)
            before, last = before + last, 0
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
