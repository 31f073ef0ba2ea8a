"""The lines of the plan and the paths they stand for."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.files import engine
from pcswitcher.files.change import Action, FileChange, TreeDelta
from pcswitcher.files.entry import order_key
from pcswitcher.files.rule import RuleTexts, TreeKind
from pcswitcher.jobs.api import JobPlan, JobReport, Outcome
from pcswitcher.jobs.files import job as job_module
from pcswitcher.jobs.files.changes import FileChanges, PlannedTree, Tree, find
from pcswitcher.jobs.files.diff import Planned
from pcswitcher.jobs.files.job import FilesJob
from pcswitcher.jobs.files.settings import FilesSettings

NAMES = st.binary(min_size=1, max_size=4).filter(
    lambda name: not set(name) & {0, ord("/")} and name not in {b".", b".."}
)
PATHS = st.lists(NAMES, max_size=3).map(b"/".join)


def tree_of(place: bytes, *paths: bytes) -> PlannedTree:
    changes = tuple(FileChange(path, Action.DELETE, None, None) for path in sorted(paths, key=order_key))
    return PlannedTree(Tree(place, RuleTexts(place, TreeKind.HOMES, ())), TreeDelta(changes))


@given(st.sets(PATHS), st.sets(PATHS))
def test_every_line_leads_back_to_its_path(here: set[bytes], there: set[bytes]) -> None:
    trees = (tree_of(b"/home", *here), tree_of(b"/root", *there))
    lines = [change.item for change in FileChanges(trees)]
    found = [find(trees, item) for item in lines]
    assert [(planned.tree.path, change.path) for planned, change in found] == [
        (planned.tree.path, change.path) for planned in trees for change in planned.delta.changes
    ]
    assert trees[0].paths_of(lines) == here
    assert trees[1].paths_of(lines) == there


def test_what_is_in_no_tree_is_not_found_and_what_is_no_path_is_none() -> None:
    trees = (tree_of(b"/home", b"sam", b"sam/a"),)
    for item in ("/home/sam/b", "/homes/sam", "/root/sam", "/home", ""):
        with pytest.raises(KeyError):
            find(trees, item)
    assert trees[0].paths_of(["/home/sam/\\q", "/home/sam/a", "/root/sam/a"]) == {b"sam/a"}


def test_a_line_is_found_without_looking_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """P3: the review asks for each line a person looks at; there may be a million."""
    monkeypatch.setattr(Tree, "shown", pytest.fail)
    trees = (tree_of(b"/home", *(b"%06d" % number for number in range(5000))),)
    assert find(trees, "/home/004321")[1].path == b"004321"


def no_place(*_: object) -> None:
    """The trees are nowhere."""


@pytest.mark.parametrize("failed", [frozenset[str](), frozenset({"/home/sam/a", "/root/x"})])
def test_what_failed_is_looked_up_in_a_thread_and_only_then(
    failed: frozenset[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """P3: an agent gives up when it hears nothing for 20 s."""
    threads: list[int] = []
    real = PlannedTree.paths_of

    def paths_of(planned: PlannedTree, items: frozenset[str]) -> frozenset[bytes]:
        threads.append(threading.get_ident())
        return real(planned, items)

    seen: list[frozenset[bytes]] = []

    async def verify(*given: Any) -> tuple[object, ...]:
        seen.append(given[3])
        return ()

    monkeypatch.setattr(Tree, "shown", pytest.fail)
    monkeypatch.setattr(PlannedTree, "paths_of", paths_of)
    monkeypatch.setattr(engine, "verify", verify)
    monkeypatch.setattr(job_module, "_place", no_place)
    world: Any = type("World", (), {"target": type("Side", (), {"machine": None})})
    report = JobReport(outcome=Outcome.PARTIAL, items=1, failed=failed)
    plan: JobPlan[Planned] = JobPlan(data=(tree_of(b"/home", b"sam/a", b"sam/b"),))
    assert asyncio.run(FilesJob(FilesSettings()).verify(world, plan, report)) == ()
    assert seen == [frozenset({b"sam/a"}) if failed else frozenset()]
    assert len(threads) == bool(failed)
    assert threading.get_ident() not in threads
