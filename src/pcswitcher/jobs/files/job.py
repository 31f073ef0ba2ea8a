"""The job ``files``: home folders and other trees, with everything a file has."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from pcswitcher.files import engine
from pcswitcher.files.engine import ApplyProgress, ApplyReport, TreePlace
from pcswitcher.files.rules import Verdict, explain
from pcswitcher.files.stage import SHARED_ROOT, SHARED_ROOT_HINT, is_shared, remove_stages
from pcswitcher.jobs.api import (
    Change,
    Details,
    Explanation,
    Finding,
    FormatError,
    Job,
    JobPlan,
    JobReport,
    Level,
    Machine,
    Outcome,
    Severity,
    Side,
    States,
    World,
    escape,
    human_count,
    unescape,
)
from pcswitcher.jobs.files.changes import PlannedTree, Tree, find
from pcswitcher.jobs.files.diff import Planned, agree, diff, narrow
from pcswitcher.jobs.files.inspect import find_missing, look
from pcswitcher.jobs.files.rules import load_rule_texts
from pcswitcher.jobs.files.settings import FilesSettings, TreeSettings
from pcswitcher.jobs.files.state import FilesState, TreeState, decode, encode
from pcswitcher.jobs.files.why import decide
from pcswitcher.model.errors import GuardError
from pcswitcher.model.events import Progress


class FilesJob(Job[FilesSettings, FilesState, Planned]):
    """Makes directory trees on the target equal to the source's, except for what rules keep apart."""

    name = "files"
    title = "Files"
    settings_type = FilesSettings
    holds_snapshots = True

    def __init__(self, settings: FilesSettings) -> None:
        super().__init__(settings)
        self._trees = tuple(_tree(each) for each in settings.trees)

    def trees(self) -> tuple[bytes, ...]:
        """See Job."""
        return tuple(tree.path for tree in self._trees)

    async def check(self, world: World) -> tuple[Finding, ...]:
        """See Job. A tree that others may write to on the target is no safe place to prepare content in."""
        target = world.target.machine
        found = [await _check_root(target, tree) for tree in self._trees]
        return tuple(finding for finding in found if finding is not None)

    @property
    def state_type(self) -> type[FilesState]:
        """See Job."""
        return FilesState

    def encode_state(self, state: FilesState) -> bytes:
        """See Job."""
        return encode(state)

    def decode_state(self, version: int, data: bytes) -> FilesState:
        """See Job."""
        if version != self.state_version:
            raise FormatError(f"it is of version {version}, this program knows {self.state_version}")
        return decode(data)

    async def capture(self, side: Side, world: World) -> FilesState:
        """See Job. The tree's own ``.pcswitcherignore`` files govern it."""
        count = _Counter(world, self.name)
        return FilesState(
            tuple(
                [
                    TreeState(
                        tree.path,
                        await engine.capture(
                            side.machine, side.directory(tree.path), tree.rules, progress=count.of(side.machine)
                        ),
                    )
                    for tree in self._trees
                ]
            )
        )

    async def capture_both(self, world: World) -> tuple[FilesState, FilesState]:
        """See Job. The source's ``.pcswitcherignore`` files govern both, so the trees are read in pairs."""
        count = _Counter(world, self.name)
        mine: list[TreeState] = []
        theirs: list[TreeState] = []
        for tree in self._trees:
            source, target = await engine.capture_both(
                world.source.machine, world.target.machine, _place(world, tree), tree.rules, progress=count.next_tree()
            )
            mine.append(TreeState(tree.path, source))
            theirs.append(TreeState(tree.path, target))
        return FilesState(tuple(mine)), FilesState(tuple(theirs))

    def diff(self, states: States[FilesState]) -> JobPlan[Planned]:
        """See Job."""
        return diff(self._trees, states, self.settings)

    def narrow(self, plan: JobPlan[Planned], refused: frozenset[str]) -> JobPlan[Planned]:
        """See Job."""
        return narrow(plan, refused, self.settings)

    def agree(self, states: States[FilesState], left: frozenset[str]) -> FilesState:
        """See Job."""
        return agree(states, left)

    async def apply(self, world: World, plan: JobPlan[Planned]) -> JobReport:
        """See Job."""
        reports: list[tuple[PlannedTree, ApplyReport]] = []
        for planned in _touched(plan):
            report = await engine.apply(
                planned.delta,
                world.source.machine,
                world.target.machine,
                _place(world, planned.tree),
                run=world.run,
                shell=world.shell,
                progress=lambda step: _tell_progress(world, self.name, step),
            )
            for warning in report.warnings:
                world.log(self.name, Level.WARNING, world.target.machine.name, warning)
            reports.append((planned, report))
        failed = [(planned, problem) for planned, report in reports for problem in report.failed]
        problems = [(planned, problem) for planned, _ in reports for problem in planned.delta.problems]
        failures = tuple(f"{planned.tree.shown(each.path)}: {each.reason}" for planned, each in (*problems, *failed))
        return JobReport(
            outcome=Outcome.PARTIAL if failures else Outcome.DONE,
            items=sum(report.done for _, report in reports),
            reason=human_count(len(failures), "item") + " could not be applied" if failures else "",
            failures=failures,
            failed=frozenset(planned.tree.shown(problem.path) for planned, problem in failed),
        )

    async def verify(self, world: World, plan: JobPlan[Planned], report: JobReport) -> tuple[str, ...]:
        """See Job."""
        found: list[str] = []
        for planned in _touched(plan):
            failed = await asyncio.to_thread(planned.paths_of, report.failed) if report.failed else frozenset[bytes]()
            differences = await engine.verify(planned.delta, world.target.machine, _place(world, planned.tree), failed)
            found += [f"{planned.tree.shown(each.path)}: {', '.join(each.why)}" for each in differences]
        return tuple(found)

    async def clean_up(self, machine: Machine) -> None:
        """See Job."""
        for tree in self._trees:
            await machine.call(remove_stages, tree.path)

    async def inspect(self, world: World, plan: JobPlan[Planned], change: Change) -> Details:
        """See Job."""
        planned, found = await asyncio.to_thread(find, plan.data, change.item)
        place = _place(world, planned.tree)
        verdict = self._verdict(unescape(change.item))
        return await look(
            (world.source.machine, place.source_directory),
            (world.target.machine, place.target_directory),
            found,
            explain(verdict) if verdict else "",
        )

    def explain(self, item: str) -> Explanation | None:
        """See Job. Every path below a tree is an item."""
        path = os.path.abspath(os.path.expanduser(os.fsencode(item)))
        verdict = self._verdict(path)
        if verdict is None:
            return None
        return Explanation(item=escape(path), travels=not verdict.rule_class.excludes, words=explain(verdict))

    def _verdict(self, path: bytes) -> Verdict | None:
        return decide(path, [(tree.path, tree.rules) for tree in self._trees])

    async def gone(self, machine: Machine, items: Sequence[str]) -> frozenset[str]:
        """See Job."""
        return await find_missing(machine, [tree.path for tree in self._trees], items)


class _Counter:
    """Adds up the entries read on each machine, over all trees."""

    def __init__(self, world: World, job: str) -> None:
        self._world = world
        self._job = job
        self._before: Counter[str] = Counter()
        self._now: Counter[str] = Counter()

    def next_tree(self) -> _Tell:
        """A place for the counts of one tree, which begin at nothing."""
        self._before = self._now.copy()
        return self._tell

    def of(self, machine: Machine) -> _TellOne:
        """The same for one machine."""
        tell = self.next_tree()
        return lambda count: tell(machine.name, count)

    def _tell(self, machine: str, count: int) -> None:
        self._now[machine] = self._before[machine] + count
        self._world.progress(self._job, machine, self._now[machine], 0, "entries")


_Tell = Callable[[str, int], None]
_TellOne = Callable[[int], None]


def _touched(plan: JobPlan[Planned]) -> Iterator[PlannedTree]:
    return (planned for planned in plan.data if not planned.delta.empty)


def _place(world: World, tree: Tree) -> TreePlace:
    return TreePlace(
        source_directory=world.source.directory(tree.path),
        target_directory=world.target.directory(tree.path),
        target_tree=tree.path,
    )


def _tell_progress(world: World, job: str, step: ApplyProgress) -> None:
    world.tell(
        Progress(
            job=job,
            machine=world.target.machine.name,
            done=step.done,
            total=step.total,
            unit=step.unit,
            item=step.item,
            rate=step.rate,
            items=step.paths,
            items_total=step.paths_total,
        )
    )


async def _check_root(target: Machine, tree: Tree) -> Finding | None:
    try:
        if not await target.call(is_shared, tree.path):
            return None
        message, hint = f"{escape(tree.path)} {SHARED_ROOT}", SHARED_ROOT_HINT
    except GuardError as error:
        message, hint = error.message, error.hint
    return Finding(severity=Severity.BLOCKING, machine=target.name, message=f"{target.name}: {message}", hint=hint)


def _tree(settings: TreeSettings) -> Tree:
    path = os.fsencode(settings.path.rstrip("/"))
    return Tree(path, load_rule_texts(path, settings.homes))
