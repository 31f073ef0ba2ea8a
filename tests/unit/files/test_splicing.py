"""What two trees have in common when some of what differs was left as it was."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.files.conftest import scan

from pcswitcher.files.conflicts import find_conflicts
from pcswitcher.files.delta import compare
from pcswitcher.files.entry import Entry, parent_of, split_records, unpack_record
from pcswitcher.files.manifest import Capture
from pcswitcher.files.splicing import splice
from pcswitcher.model.errors import FormatError


def entries(capture: Capture) -> dict[bytes, Entry]:
    found: dict[bytes, Entry] = {}
    for block in capture.blocks():
        for name, record in split_records(block.entries, root=not block.path):
            path = b"/".join(filter(None, (block.path, name)))
            found[path] = unpack_record(record, path)
    return found


def make(root: Path, **files: str) -> Capture:
    root.mkdir()
    for path, content in files.items():
        place = root / path.replace("__", "/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
    for place in (*root.rglob("*"), root):
        os.utime(place, (1, 1))
    return scan(root)


@pytest.fixture
def base(tmp_path: Path) -> Capture:
    return make(tmp_path / "base", both="1", gone="1", only__deep__there="1", only__other="1")


def test_chosen_paths_are_as_in_the_other_and_nothing_else_is(tmp_path: Path, base: Capture) -> None:
    """Promise 7: changed, new, removed, and in a directory that only the other has."""
    source = make(tmp_path / "source", both="22", new="1", left="1", kept__x="1")
    chosen = [b"both", b"new", b"gone", b"only", b"only/deep", b"only/deep/there"]
    common = splice(source, base, chosen)
    theirs, mine, found = entries(base), entries(source), entries(common)
    assert found == {
        **{p: e for p, e in mine.items() if p not in chosen},
        **{p: theirs[p] for p in chosen if p in theirs},
    }
    assert b"only/other" not in found
    assert b"new" not in found
    assert common.summary.flag_mask == source.summary.flag_mask


def test_without_another_the_chosen_are_not_there(tmp_path: Path) -> None:
    source = make(tmp_path / "source", one="1", two="1", folder__three="1")
    found = entries(splice(source, None, [b"one", b"folder/three"]))
    assert set(found) == {b"", b"two", b"folder"}


def test_of_no_paths_the_capture_is_the_same(base: Capture, tmp_path: Path) -> None:
    other = make(tmp_path / "other", both="other")
    assert entries(splice(base, other, [])) == entries(base)
    assert entries(splice(base, other, [b"not/there"])) == entries(base)


def test_a_damaged_base_is_no_answer(tmp_path: Path, base: Capture) -> None:
    """Promise 8."""
    source = make(tmp_path / "source", both="22")
    with pytest.raises(FormatError):
        splice(source, Capture(base.chunks[:-1], base.summary), [b"both"])


WORDS = st.sampled_from(["", "1", "22", "333"])
TREES = st.dictionaries(st.sampled_from(["a", "b", "d__a", "d__b", "d__e__a", "f__a"]), WORDS.filter(bool))


@settings(max_examples=60, deadline=None)
@given(TREES, TREES, TREES, st.data())
def test_every_edit_that_was_left_is_a_conflict_again(
    tmp_path_factory: pytest.TempPathFactory,
    base: dict[str, str],
    source: dict[str, str],
    target: dict[str, str],
    data: st.DataObject,
) -> None:
    """Promise 7: whatever was left, what the target had changed of it is its own edit in the next run too."""
    place = tmp_path_factory.mktemp("trees")
    common, here, there = (make(place / name, **files) for name, files in (("b", base), ("s", source), ("t", target)))
    shutil.rmtree(place)
    delta = compare(here, there)
    own = find_conflicts(delta, common)
    left = data.draw(st.sets(st.sampled_from([change.path for change in delta.changes] or [b"x"])))
    again = find_conflicts(delta, splice(here, common, left))
    assert {path for path in own if path in left} == {path for path in again if path in left}
    assert all(parent_of(path) in {parent_of(change.path) for change in delta.changes} for path in again)
