"""What counts as a conflict: three states of a path, and of whole trees on disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.files.conftest import scan

from pcswitcher.files import conflicts
from pcswitcher.files.conflicts import conflict_of, find_conflicts
from pcswitcher.files.delta import compare
from pcswitcher.files.entry import Entry, Kind

OLD = Entry(b"f", Kind.FILE, 0o644, 1000, 1000, 3, 10**18)
NEW = attrs.evolve(OLD, size=4, mtime_ns=10**18 + 1)
OTHER = attrs.evolve(OLD, size=5, mtime_ns=10**18 + 2)


@pytest.mark.parametrize(
    ("target", "source", "base", "expected"),
    [
        (OLD, NEW, OLD, None),
        (OLD, None, OLD, None),
        (None, NEW, None, None),
        (NEW, OLD, OLD, conflicts.CHANGED_THERE),
        (NEW, OTHER, OLD, conflicts.CHANGED_BOTH),
        (NEW, None, OLD, conflicts.CHANGED_THERE_REMOVED_HERE),
        (NEW, None, None, conflicts.ADDED_THERE),
        (NEW, OTHER, None, conflicts.ADDED_BOTH),
        (None, OLD, OLD, conflicts.REMOVED_THERE),
        (None, NEW, OLD, conflicts.REMOVED_THERE_CHANGED_HERE),
        (attrs.evolve(OLD, kind=Kind.FIFO, size=0), OLD, OLD, conflicts.CHANGED_THERE),
        (attrs.evolve(OLD, mode=0o600), NEW, OLD, conflicts.CHANGED_BOTH),
    ],
)
def test_the_table_of_three_states(target: Entry | None, source: Entry | None, base: Entry | None, expected) -> None:
    """F4, promise 7."""
    assert conflict_of(target, source, base, 0) is expected


def test_the_time_of_a_directory_is_nobodys_edit() -> None:
    """Its time follows what is made in it; each of those is judged on its own."""
    directory = Entry(b"d", Kind.DIRECTORY, 0o755, 0, 0, 0, 1)
    touched = attrs.evolve(directory, mtime_ns=2)
    assert conflict_of(touched, attrs.evolve(directory, mtime_ns=3), directory, 0) is None
    closed = attrs.evolve(touched, mode=0o700)
    assert conflict_of(closed, directory, directory, 0) is conflicts.CHANGED_THERE


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Base, source, target: three equal trees."""
    found = []
    for name in ("base", "source", "target"):
        root = tmp_path / name
        (root / "d").mkdir(parents=True)
        for path in ("kept", "d/deep", "d/other"):
            (root / path).write_bytes(b"same")
            os.utime(root / path, ns=(0, 10**18))
        found.append(root)
    return found[0], found[1], found[2]


def test_edits_of_both_sides_are_told_from_those_of_one(trees) -> None:
    """F4: by content and metadata against the base, deep in the tree too."""
    base, source, target = trees
    (source / "mine").write_bytes(b"1")
    (source / "d" / "deep").write_bytes(b"mine")
    (target / "d" / "deep").write_bytes(b"theirs!")
    (target / "d" / "other").unlink()
    (target / "theirs").write_bytes(b"2")
    (target / "kept").chmod(0o600)
    found = find_conflicts(compare(scan(source), scan(target)), scan(base))
    assert found == {
        b"d/deep": conflicts.CHANGED_BOTH,
        b"d/other": conflicts.REMOVED_THERE,
        b"theirs": conflicts.ADDED_THERE,
        b"kept": conflicts.CHANGED_THERE,
    }


def test_what_runs_cut_short_brought_is_not_the_targets_own(trees, tmp_path: Path) -> None:
    """Faults rows 1, 3, 4: half of it came; the source went on; only what was typed there too is a conflict."""
    base, source, target = trees
    first, second = tmp_path / "first", tmp_path / "second"
    for brought, content in ((first, b"1"), (second, b"22")):
        shutil.copytree(base, brought)
        (brought / "kept").write_bytes(content)
        (brought / "new").write_bytes(content)
        (brought / "d" / "other").unlink()
    for path, come_from in (("kept", first), ("new", second)):
        shutil.copy2(come_from / path, target / path)
    (target / "d" / "other").unlink()
    (target / "d" / "deep").write_bytes(b"theirs!")
    for path in ("kept", "d/other", "d/deep"):
        (source / path).write_bytes(b"went on")
    delta = compare(scan(source), scan(target))
    assert find_conflicts(delta, scan(base), brought=(scan(first), scan(second))) == {b"d/deep": conflicts.CHANGED_BOTH}
    assert find_conflicts(delta, scan(base), brought=(scan(first),)).keys() == {b"d/deep", b"new"}


def test_volatile_paths_never_conflict(trees) -> None:
    """F3."""
    base, source, target = trees
    (target / "kept").write_bytes(b"theirs")
    delta = compare(scan(source), scan(target))
    assert find_conflicts(delta, scan(base), lambda path, directory: path == b"kept" and not directory) == {}


@given(data=st.data())
def test_what_only_the_source_did_is_never_a_conflict_and_what_the_target_did_always_is(data, tmp_path_factory) -> None:
    """F4, promise 7: for any edits of either side."""
    names = [b"a", b"b", b"c/x", b"c/y"]
    top = tmp_path_factory.mktemp("trees")
    content = {name: data.draw(st.sampled_from([None, b"1"])) for name in names}
    edits = st.dictionaries(st.sampled_from(names), st.sampled_from([None, b"22", b"333"]))
    here, there = data.draw(edits), data.draw(edits)
    for root, state in (("base", content), ("source", content | here), ("target", content | there)):
        for name, value in state.items():
            path = os.path.join(os.fsencode(top / root), name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if value is not None:
                Path(os.fsdecode(path)).write_bytes(value)
                os.utime(path, ns=(0, 10**18))
        os.makedirs(top / root / "c", exist_ok=True)
    delta = compare(scan(top / "source"), scan(top / "target"))
    found = find_conflicts(delta, scan(top / "base"))
    for change in delta.changes:
        if change.path not in content:
            continue
        edited = there.get(change.path, content[change.path]) != content[change.path]
        assert (change.path in found) == edited
