"""The job ``files``: home folders and other trees, with everything a file has."""

from __future__ import annotations

import os
from collections import Counter

import attrs

from pcswitcher.files import engine
from pcswitcher.files.change import Action, FileChange, TreeDelta
from pcswitcher.files.engine import ApplyProgress, ApplyReport, TreePlace
from pcswitcher.files.guards import GuardFinding, GuardKind, GuardLimits, check_delta
from pcswitcher.files.manifest import Capture
from pcswitcher.files.rule import RuleTexts
from pcswitcher.files.rules import explain
from pcswitcher.jobs.api import Explanation, Finding, Gate, Job, JobPlan, JobReport, Severity, World
from pcswitcher.jobs.files.rules import load_rule_texts
from pcswitcher.jobs.files.why import decide
from pcswitcher.model.events import Level, Outcome, Progress
from pcswitcher.model.settings import FilesSettings, Settings, TreeSettings
from pcswitcher.model.text import escape, human_count, human_size


@attrs.frozen
class Tree:
    """One synced tree: its live path on both machines and its rules."""

    path: bytes
    rules: RuleTexts


@attrs.frozen
class CapturedTree:
    """One tree as it is on both machines."""

    tree: Tree
    place: TreePlace
    source: Capture
    target: Capture


@attrs.frozen
class PlannedTree:
    """One tree and what differs."""

    tree: Tree
    place: TreePlace
    delta: TreeDelta


Captured = tuple[CapturedTree, ...]
Planned = tuple[PlannedTree, ...]


class FilesJob(Job[Captured, Planned]):
    """Makes directory trees on the target equal to the source's, except for what rules keep apart."""

    name = "files"
    title = "Files"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._settings: FilesSettings = settings.files
        self._trees = tuple(_tree(each) for each in self._settings.trees)

    def trees(self) -> tuple[bytes, ...]:
        """See Job."""
        return tuple(tree.path for tree in self._trees)

    def explain(self, item: str) -> Explanation | None:
        """See Job. Every path below a tree is an item."""
        path = os.path.abspath(os.path.expanduser(os.fsencode(item)))
        verdict = decide(path, [(tree.path, tree.rules) for tree in self._trees])
        if verdict is None:
            return None
        return Explanation(item=escape(path), travels=not verdict.rule_class.excludes, words=explain(verdict))

    async def check(self, world: World) -> tuple[Finding, ...]:
        """See Job. What it needs beyond the layout is seen in the captures, by the guards."""
        return ()

    async def capture(self, world: World) -> Captured:
        """See Job. Both machines are read at once, tree after tree."""
        entries: Counter[str] = Counter()
        captured: list[CapturedTree] = []
        for tree in self._trees:
            place = TreePlace(
                source_directory=world.source.directory(tree.path),
                target_directory=world.target.directory(tree.path),
                target_tree=tree.path,
            )
            before = entries.copy()

            def progress(machine: str, count: int, before: Counter[str] = before) -> None:
                entries[machine] = before[machine] + count
                world.progress(self.name, machine, entries[machine], 0, "entries")

            source, target = await engine.capture_both(
                world.source.machine, world.target.machine, place, tree.rules, progress=progress
            )
            captured.append(CapturedTree(tree, place, source, target))
        return tuple(captured)

    async def diff(self, captured: Captured) -> JobPlan[Planned]:
        """See Job."""
        planned = [PlannedTree(each.tree, each.place, await engine.diff(each.source, each.target)) for each in captured]
        return plan_of(tuple(planned), self._settings)

    async def apply(self, world: World, plan: JobPlan[Planned]) -> JobReport:
        """See Job."""
        reports: list[tuple[PlannedTree, ApplyReport]] = []
        for planned in plan.delta:
            if planned.delta.empty:
                continue
            report = await engine.apply(
                planned.delta,
                world.source.machine,
                world.target.machine,
                planned.place,
                run=world.run,
                shell=world.shell,
                progress=lambda step: _tell_progress(world, self.name, step),
            )
            for warning in report.warnings:
                world.log(self.name, Level.WARNING, world.target.machine.name, warning)
            reports.append((planned, report))
        failures = [
            f"{shown(planned.tree, problem.path)}: {problem.reason}"
            for planned, report in reports
            for problem in (*planned.delta.problems, *report.failed)
        ]
        return JobReport(
            outcome=Outcome.PARTIAL if failures else Outcome.DONE,
            items=sum(report.done for _, report in reports),
            reason=human_count(len(failures), "item") + " could not be applied" if failures else "",
            failures=tuple(failures),
            failed_paths=frozenset(
                planned.tree.path + b"/" + problem.path for planned, report in reports for problem in report.failed
            ),
        )

    async def verify(self, world: World, plan: JobPlan[Planned], report: JobReport) -> tuple[str, ...]:
        """See Job."""
        found: list[str] = []
        for planned in plan.delta:
            if planned.delta.empty:
                continue
            prefix = planned.tree.path + b"/"
            failed = frozenset(path.removeprefix(prefix) for path in report.failed_paths if path.startswith(prefix))
            differences = await engine.verify(planned.delta, world.target.machine, planned.place, failed)
            found += [f"{shown(planned.tree, each.path)}: {', '.join(each.why)}" for each in differences]
        return tuple(found)


def plan_of(planned: Planned, settings: FilesSettings) -> JobPlan[Planned]:
    """Put what differs in all trees into words and findings."""
    changes = [(each.tree, change) for each in planned for change in each.delta.changes]
    findings: list[Finding] = []
    for each in planned:
        findings += [_finding(each.tree, found) for found in check_delta(each.delta, _limits(settings))]
    return JobPlan(
        delta=planned,
        items=len(changes),
        size=sum(each.delta.bytes_to_move for each in planned),
        summary=_summary([change for _, change in changes]),
        removals=tuple(shown(tree, change.path) for tree, change in changes if change.action is Action.DELETE),
        problems=tuple(
            f"{shown(each.tree, problem.path)} stays as it is: {problem.reason}"
            for each in planned
            for problem in each.delta.problems
        ),
        findings=tuple(findings),
        details=tuple(_detail(tree, change) for tree, change in changes),
    )


def _limits(settings: FilesSettings) -> GuardLimits:
    return GuardLimits(max_deletions=settings.max_deletions, max_deletion_percent=settings.max_deletion_percent)


def _finding(tree: Tree, found: GuardFinding) -> Finding:
    place = shown(tree, b"")
    if found.kind is GuardKind.EMPTY_SOURCE:
        return Finding(
            severity=Severity.BLOCKING,
            machine="",
            message=f"{place} is empty here and holds {found.entries:,} entries there",
            hint=f"is it mounted? see: findmnt {place}",
        )
    return Finding(
        severity=Severity.BLOCKING,
        machine="",
        message=f"{found.deletions:,} of the {found.entries:,} entries in {place} would be removed, unusually many",
        hint="see them with --dry-run; if it is right, add --allow mass-deletion",
        gate=Gate.MASS_DELETION,
    )


def shown(tree: Tree, path: bytes) -> str:
    """A path of a tree as people read it."""
    return escape(tree.path + b"/" + path if path else tree.path)


WORDS = {
    Action.CREATE: "new",
    Action.UPDATE: "changed",
    Action.RETYPE: "replaced by another kind",
    Action.LINK: "linked differently",
    Action.METADATA: "with other metadata",
    Action.DELETE: "removed",
}


def _summary(changes: list[FileChange]) -> tuple[str, ...]:
    counts = Counter(change.action for change in changes)
    sizes: Counter[Action] = Counter()
    for change in changes:
        sizes[change.action] += change.carried_bytes
    return tuple(
        f"{counts[action]:,} {words}" + (f" ({human_size(sizes[action])})" if sizes[action] else "")
        for action, words in WORDS.items()
        if counts[action]
    )


def _detail(tree: Tree, change: FileChange) -> str:
    why = f" ({', '.join(change.why)})" if change.why else ""
    return f"{change.action} {shown(tree, change.path)}{why}"


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


def _tree(settings: TreeSettings) -> Tree:
    path = os.fsencode(settings.path.rstrip("/"))
    return Tree(path, load_rule_texts(path, settings.homes))
