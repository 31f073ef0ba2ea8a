"""Two small trees on one disk, synced by the real engine through real agents, and looked at independently."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TypeVar

import attrs
import pytest

from pcswitcher.files.change import TreeDelta
from pcswitcher.files.engine import (
    ApplyProgress,
    ApplyReport,
    Difference,
    TreePlace,
    apply,
    capture_both,
    diff,
    verify,
)
from pcswitcher.files.manifest import Capture
from pcswitcher.files.rule import TreeKind
from pcswitcher.files.rules import Rule, RuleClass, RuleScope, RuleTexts
from pcswitcher.files.scan import scan_tree
from pcswitcher.machine.fake import FakeMachine, FakeProgram, open_fake
from pcswitcher.machine.process import Program, Sink, run_program

T = TypeVar("T")


def never(pattern: str) -> Rule:
    """A rule that keeps ``pattern`` out, counted from the tree's root."""
    return Rule(pattern, RuleClass.NEVER, "for the test", "test", 1, scope=RuleScope.TREE)


NO_RULES = RuleTexts(b"/home", TreeKind.HOMES, ())


class QuietContext:
    """A context for calling exposed functions directly."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    def progress(self, *_: object) -> None:
        """Nobody listens."""

    def log(self, *_: object, **_fields: str) -> None:
        """Nobody reads."""

    def send(self, chunk: bytes) -> None:
        """Keep a chunk."""
        assert len(chunk) <= 1024 * 1024
        self.chunks.append(chunk)

    def check_cancelled(self) -> None:
        """Never cancelled."""


def scan(root: Path, rules: RuleTexts = NO_RULES) -> Capture:
    """Capture a tree in this process."""
    context = QuietContext()
    summary = scan_tree(context, os.fsencode(root), rules, None)
    return Capture(tuple(context.chunks), summary)


@attrs.frozen
class Outcome:
    """What one sync of the pair did."""

    delta: TreeDelta
    report: ApplyReport
    differences: tuple[Difference, ...]
    again: TreeDelta


async def real_rsync(program: Program, sink: Sink) -> int:
    """Run rsync for true."""
    return (await run_program("here", program, sink)).status


@attrs.frozen
class Pair:
    """The source's and the target's tree."""

    source: Path
    target: Path
    rules: RuleTexts = NO_RULES

    @property
    def place(self) -> TreePlace:
        """Where the engine finds both."""
        return TreePlace(os.fsencode(self.source), os.fsencode(self.target), os.fsencode(self.target))

    def delta(self) -> TreeDelta:
        """What differs now."""
        return self.run(self._delta)

    def sync(
        self,
        between: Callable[[], None] = lambda: None,
        rsync: FakeProgram = real_rsync,
        progress: Callable[[ApplyProgress], None] | None = None,
    ) -> Outcome:
        """Capture, diff, (``between``), apply, verify, and diff again."""

        async def steps(source: FakeMachine, target: FakeMachine) -> Outcome:
            delta = await self._delta(source, target)
            between()
            report = await apply(delta, source, target, self.place, run="test-1", progress=progress)
            failed = frozenset(problem.path for problem in report.failed)
            differences = await verify(delta, target, self.place, failed)
            return Outcome(delta, report, differences, await self._delta(source, target))

        return self.run(steps, rsync)

    async def _delta(self, source: FakeMachine, target: FakeMachine) -> TreeDelta:
        return await diff(*await capture_both(source, target, self.place, self.rules))

    def run(
        self, steps: Callable[[FakeMachine, FakeMachine], Coroutine[object, object, T]], rsync: FakeProgram = real_rsync
    ) -> T:
        """Run a coroutine with two machines."""

        async def inside() -> T:
            source = await open_fake("atlas", {"rsync": rsync})
            target = await open_fake("vega")
            try:
                return await steps(source, target)
            finally:
                await source.close()
                await target.close()

        return asyncio.run(inside())


def look(root: Path) -> dict[bytes, tuple[object, ...]]:
    """Everything about a tree that must be equal after a sync, by means of os alone; inodes as first paths."""
    seen: dict[bytes, tuple[object, ...]] = {}
    inodes: dict[int, bytes] = {}
    base = os.fsencode(root)
    for directory, directories, files in os.walk(base):
        directories.sort()
        names = [b"."] if directory == base else []
        for name in sorted([*names, *directories, *files]):
            path = os.path.join(directory, name)
            seen[os.path.relpath(path, base)] = _look_at(path, inodes)
    return seen


def _look_at(path: bytes, inodes: dict[int, bytes]) -> tuple[object, ...]:
    found = os.lstat(path)
    mode = found.st_mode
    content: bytes | None = None
    if stat.S_ISREG(mode):
        content = Path(os.fsdecode(path)).read_bytes()
    elif stat.S_ISLNK(mode):
        content = os.readlink(path)
    group = b"" if stat.S_ISDIR(mode) or found.st_nlink == 1 else inodes.setdefault(found.st_ino, path)
    xattrs = {
        name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)
    }
    device = found.st_rdev if stat.S_ISBLK(mode) or stat.S_ISCHR(mode) else 0
    return (mode, found.st_uid, found.st_gid, found.st_mtime_ns, device, content, bool(group), xattrs)


def link_groups(root: Path) -> set[frozenset[bytes]]:
    """The hard-link groups of a tree."""
    groups: dict[int, set[bytes]] = {}
    base = os.fsencode(root)
    for directory, _, files in os.walk(base):
        for name in files:
            path = os.path.join(directory, name)
            groups.setdefault(os.lstat(path).st_ino, set()).add(os.path.relpath(path, base))
    return {frozenset(paths) for paths in groups.values() if len(paths) > 1}


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    """Two empty trees."""
    source, target = tmp_path / "atlas", tmp_path / "vega"
    source.mkdir()
    target.mkdir()
    return Pair(source, target)


class Engine:
    """What property tests need, where a function-scoped fixture cannot be used."""

    look = staticmethod(look)
    link_groups = staticmethod(link_groups)
    scan = staticmethod(scan)

    @staticmethod
    def pair(source: Path, target: Path, rules: RuleTexts = NO_RULES) -> Pair:
        """Two trees that exist."""
        return Pair(source, target, rules)

    @staticmethod
    def rules(*patterns: str) -> RuleTexts:
        """Rules that keep these out."""
        return RuleTexts(b"/home", TreeKind.HOMES, tuple(never(pattern) for pattern in patterns))


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine's test bench."""
    return Engine()
