"""Comparing the trees of two machines with what they last agreed on. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pcswitcher.files import narrowing
from pcswitcher.files.conflicts import find_conflicts
from pcswitcher.files.delta import compare
from pcswitcher.files.guards import GuardFinding, GuardKind, GuardLimits, check_delta
from pcswitcher.files.manifest import Capture
from pcswitcher.files.rule import RuleClass
from pcswitcher.files.rules import RuleSet
from pcswitcher.files.splicing import splice
from pcswitcher.jobs.api import Finding, Gate, JobPlan, Severity, States, unescape
from pcswitcher.jobs.files.changes import FileChanges, PlannedTree, Tree
from pcswitcher.jobs.files.settings import FilesSettings
from pcswitcher.jobs.files.state import FilesState, TreeState

Planned = tuple[PlannedTree, ...]


def diff(trees: Sequence[Tree], states: States[FilesState], settings: FilesSettings) -> JobPlan[Planned]:
    """Compare tree by tree. Raises FormatError for a malformed state."""
    planned: list[PlannedTree] = []
    for tree, source, target in zip(trees, states.source.trees, states.target.trees, strict=True):
        delta = compare(source.capture, target.capture)
        base, *brought = (state.tree(tree.path) for state in states.known) if states.known else (None,)
        if base is None or delta.empty:
            planned.append(PlannedTree(tree, delta))
        else:
            volatile = partial(_volatile, _rules(tree, source.capture))
            conflicts = find_conflicts(delta, base, volatile, tuple(filter(None, brought)))
            planned.append(PlannedTree(tree, delta, conflicts))
    return plan_of(tuple(planned), settings)


def narrow(plan: JobPlan[Planned], refused: frozenset[str], settings: FilesSettings) -> JobPlan[Planned]:
    """The plan without the ``refused`` items; the guards look at what is left."""
    left: list[PlannedTree] = []
    for planned in plan.data:
        delta = narrowing.narrow(planned.delta, planned.paths_of(refused))
        left.append(PlannedTree(planned.tree, delta, planned.conflicts))
    return plan_of(tuple(left), settings)


def agree(states: States[FilesState], left: frozenset[str]) -> FilesState:
    """The source's trees, with the entries of the items ``left`` as the base has them. Raises FormatError."""
    paths = sorted(map(unescape, left))
    found: list[TreeState] = []
    for tree in states.source.trees:
        start = tree.path + b"/"
        inside = [path[len(start) :] for path in paths if path == tree.path or path.startswith(start)]
        base = states.base.tree(tree.path) if states.base else None
        found.append(TreeState(tree.path, splice(tree.capture, base, inside)) if inside else tree)
    return FilesState(tuple(found))


def plan_of(planned: Planned, settings: FilesSettings) -> JobPlan[Planned]:
    """Put what differs in all trees into lines and findings."""
    limits = GuardLimits(max_deletions=settings.max_deletions, max_deletion_percent=settings.max_deletion_percent)
    return JobPlan(
        data=planned,
        changes=FileChanges(planned),
        problems=tuple(
            f"{each.tree.shown(problem.path)} stays as it is: {problem.reason}"
            for each in planned
            for problem in each.delta.problems
        ),
        stuck=frozenset(each.tree.shown(problem.path) for each in planned for problem in each.delta.problems),
        findings=tuple(_finding(each.tree, found) for each in planned for found in check_delta(each.delta, limits)),
    )


def _rules(tree: Tree, source: Capture) -> RuleSet:
    rules = RuleSet.build(tree.rules)
    for file in source.directory_files():
        rules = rules.with_directory_file(file.directory, file.content)
    return rules


def _volatile(rules: RuleSet, path: bytes, directory: bool) -> bool:  # noqa: FBT001 - as RuleSet.decide
    return rules.decide(path, directory).rule_class is RuleClass.VOLATILE


def _finding(tree: Tree, found: GuardFinding) -> Finding:
    place = tree.shown(b"")
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
