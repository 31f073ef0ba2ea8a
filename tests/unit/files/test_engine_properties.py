"""Random pairs of trees: after a sync they are equal, nothing is left to do, what is excluded is untouched."""

from __future__ import annotations

import os
import shutil
import stat
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

NAMES = [
    b"a",
    b"b",
    b"c d",
    b"n\nl",
    b"-dash",
    b"\xff\xfe",
    b"x" * 255,
    b"*?[",
    b"db",
    b"db-wal",
    b"db-shm",
    b"db-journal",
]
EXCLUDED = b"excluded"
DIRECTORIES = NAMES[:4]
LARGE = b"large"
"""Stands for a content of 70,000 bytes."""
SECOND = 1_700_000_000


@attrs.frozen
class Node:
    """What stands at a path: its kind, content, and attributes."""

    kind: str
    content: bytes = b""
    mode: int = 0o644
    owner: tuple[int, int] = (0, 0)
    mtime_ns: int = SECOND * 10**9
    xattrs: tuple[tuple[str, bytes], ...] = ()


ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", tag, permission, number)
    for tag, permission, number in (
        (1, 6, 0xFFFFFFFF),
        (2, 4, 1000),
        (4, 4, 0xFFFFFFFF),
        (16, 6, 0xFFFFFFFF),
        (32, 0, 0xFFFFFFFF),
    )
)

xattrs = st.lists(
    st.sampled_from(
        [("user.a", b"1"), ("trusted.t", b"\0\xff"), ("user.long", b"y" * 300), ("system.posix_acl_access", ACL)]
    ),
    max_size=2,
    unique_by=lambda pair: pair[0],
).map(tuple)
times = st.sampled_from([SECOND * 10**9, SECOND * 10**9 + 1, SECOND * 10**9 + 999_999_999, -(10**9), 0])
owners = st.sampled_from([(0, 0), (1000, 1000), (1000, 100)])
modes = st.sampled_from([0o644, 0o600, 0o4755, 0o000, 0o777, 0o2755])
files = st.builds(Node, st.just("file"), st.sampled_from([b"", b"1", b"2", LARGE]), modes, owners, times, xattrs)
others = st.one_of(
    st.builds(
        Node, st.just("symlink"), st.sampled_from([b"nowhere", b"/", b"a", b"../a"]), st.just(0o777), owners, times
    ),
    st.builds(Node, st.just("fifo"), st.just(b""), modes, owners, times),
    st.builds(Node, st.just("device"), st.just(b""), modes, owners, times),
    st.builds(Node, st.just("link"), st.binary(min_size=1, max_size=1)),
    st.builds(Node, st.just("socket"), st.just(b""), st.just(0o755)),
)
directories = st.builds(
    Node, st.just("directory"), st.just(b""), st.sampled_from([0o755, 0o700, 0o1777, 0o2775]), owners, times, xattrs
)
paths = st.tuples(st.lists(st.sampled_from(DIRECTORIES), max_size=3), st.sampled_from([*NAMES, EXCLUDED])).map(
    lambda pair: b"/".join((*pair[0], pair[1]))
)
trees = st.dictionaries(paths, st.one_of(files, files, directories, others), max_size=14)


def build(root: Path, tree: dict[bytes, Node]) -> None:
    """Make the tree; a path whose parent is no directory is left out, parents are made as needed."""
    base = os.fsencode(root)
    made: list[bytes] = []
    for path, node in sorted(tree.items()):
        full = os.path.join(base, path)
        if make_parents(base, path) and not os.path.lexists(full):
            make(full, node, made)
    for directory, names, _ in os.walk(base, topdown=False):
        for name in names:
            full = os.path.join(directory, name)
            node = tree.get(os.path.relpath(full, base))
            if os.path.islink(full):
                continue
            ns = node.mtime_ns if node is not None and node.kind == "directory" else 1
            os.utime(full, ns=(0, ns))
    os.utime(base, ns=(0, 5 * 10**9))


def make_parents(base: bytes, path: bytes) -> bool:
    """Make the directories above a path; False where something else stands, so that no symlink is ever followed.

    Symlinks to / are among what is generated: going through one would write outside of the test.
    """
    current = base
    for name in path.split(b"/")[:-1]:
        current += b"/" + name
        if not os.path.lexists(current):
            os.mkdir(current)
        elif not stat.S_ISDIR(os.lstat(current).st_mode):
            return False
    return True


def make(full: bytes, node: Node, made: list[bytes]) -> None:
    """Make one node."""
    assert os.path.realpath(os.path.dirname(full)) == os.path.dirname(full), "outside of the test"
    if node.kind == "link":
        candidates = [path for path in made if stat.S_IFMT(os.lstat(path).st_mode) != stat.S_IFDIR]
        if candidates:
            os.link(candidates[node.content[0] % len(candidates)], full, follow_symlinks=False)
            made.append(full)
        return
    if node.kind == "socket":
        with suppress(FileExistsError):
            os.mknod(full, stat.S_IFSOCK | 0o755)
        return
    makers = {
        "file": lambda: Path(os.fsdecode(full)).write_bytes(node.content * (14000 if node.content == LARGE else 1)),
        "directory": lambda: os.mkdir(full),
        "symlink": lambda: os.symlink(node.content, full),
        "fifo": lambda: os.mkfifo(full),
        "device": lambda: os.mknod(full, stat.S_IFCHR | 0o600, os.makedev(1, 3)),
    }
    makers[node.kind]()
    os.chown(full, *node.owner, follow_symlinks=False)
    if node.kind != "symlink":
        os.chmod(full, node.mode)
        if node.kind in {"file", "directory"}:
            for name, value in node.xattrs:
                os.setxattr(full, name, value)
    os.utime(full, ns=(0, node.mtime_ns), follow_symlinks=False)
    made.append(full)


@contextmanager
def two_trees() -> Iterator[tuple[Path, Path]]:
    base = Path(tempfile.mkdtemp(prefix="pcs-engine-", dir="/dev/shm"))
    try:
        (base / "atlas").mkdir()
        (base / "vega").mkdir()
        yield base / "atlas", base / "vega"
    finally:
        shutil.rmtree(base)


def is_out_of_scope(path: bytes, seen: dict[bytes, tuple]) -> bool:
    """Excluded by rule, a socket, or a database's shared memory beside it."""
    if EXCLUDED in path.split(b"/") or stat.S_ISSOCK(seen[path][0]):
        return True
    if not path.endswith(b"-shm"):
        return False
    database = seen.get(path[:-4])
    return stat.S_ISREG(seen[path][0]) and database is not None and stat.S_ISREG(database[0])


@settings(
    max_examples=int(os.environ.get("PC_SWITCHER_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(source_tree=trees, target_tree=trees, shared=trees)
def test_a_sync_makes_random_trees_equal_and_leaves_nothing_to_do(engine, source_tree, target_tree, shared):
    """F1, F2, F5; faults rows 12, 15, 16, 17."""
    with two_trees() as (source, target):
        build(source, {**shared, **source_tree})
        build(target, {**shared, **target_tree})
        before_source, before_target = engine.look(source), engine.look(target)
        pair = engine.pair(source, target, engine.rules(EXCLUDED.decode()))
        outcome = pair.sync()
        note(repr(outcome.delta))
        after_source, after_target = engine.look(source), engine.look(target)
        assert outcome.report.failed == ()
        assert outcome.report.warnings == ()
        assert outcome.differences == ()
        assert outcome.again.changes == ()
        assert outcome.again.problems == outcome.delta.problems
        assert before_source == after_source
        check_equal(outcome, after_source, after_target, before_target)
        scoped = [path for path in after_source if not is_out_of_scope(path, after_source)]
        if not outcome.delta.problems:
            assert groups(engine.link_groups(source), scoped) == groups(engine.link_groups(target), scoped)


def groups(found: set[frozenset[bytes]], scoped: list[bytes]) -> set[frozenset[bytes]]:
    inside = {group & set(scoped) for group in found}
    return {group for group in inside if len(group) > 1}


def check_equal(outcome, source, target, before) -> None:
    problems = {problem.path for problem in outcome.delta.problems}

    def excused(path: bytes) -> bool:
        return any(path == problem or path.startswith(problem + b"/") for problem in problems)

    def shielded(path: bytes) -> bool:
        """What the source leaves out protects the path and all below it on the target."""
        parts = path.split(b"/")
        above = [b"/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        return any(one in source and is_out_of_scope(one, source) for one in above)

    for path in source:
        if (
            not is_out_of_scope(path, source)
            and not excused(path)
            and not (path in before and is_out_of_scope(path, before))
        ):
            assert path in target, path
            assert target[path][:6] == source[path][:6], path
            assert target[path][7] == source[path][7], path
    for path in before:
        if is_out_of_scope(path, before) and not path.endswith(b"-shm"):
            assert path in target, path
            assert target[path][:6] == before[path][:6], path
            assert target[path][7] == before[path][7], path
    for path in target:
        kept = path in outcome.delta.kept or excused(path) or shielded(path)
        if path not in source and not is_out_of_scope(path, target) and not kept:
            raise AssertionError(f"{path!r} should be gone")
