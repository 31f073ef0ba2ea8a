"""Names of runs, subvolumes and snapshots."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pcswitcher.model.errors import SnapshotError
from pcswitcher.snapshots.names import (
    Moment,
    check_run,
    entry_name,
    is_run,
    parse_entry,
    subvolume_name,
    subvolume_path,
)

PART = st.binary(min_size=1, max_size=12).filter(
    lambda part: not {0, ord("/")} & set(part) and part not in {b".", b".."}
)
SUBVOLUME_PATH = st.lists(PART, max_size=3).map(b"/".join)


@pytest.mark.parametrize(
    ("moment", "name", "entry"),
    [
        (Moment.PRE, "@home", b"pre-@home"),
        (Moment.POST, "@", b"post-@"),
        (Moment.PRE, "root/home", b"pre-root%2Fhome"),
        (Moment.PRE, "root%2Fhome", b"pre-root%252Fhome"),
        (Moment.PRE, "/", b"pre-%2F"),
        (Moment.POST, "a b-c", b"post-a%20b-c"),
        (Moment.PRE, "x\\xe9", b"pre-x%E9"),
    ],
)
def test_a_snapshot_is_named_after_moment_and_subvolume(moment: Moment, name: str, entry: bytes) -> None:
    """S2."""
    assert entry_name(moment, name) == entry
    assert parse_entry(entry) == (moment, name)


@given(moment=st.sampled_from(Moment), path=SUBVOLUME_PATH)
def test_every_subvolume_has_a_name_that_can_be_read_back(moment: Moment, path: bytes) -> None:
    """S2, faults row 12."""
    name = subvolume_name(path)
    assert subvolume_path(name) == path
    entry = entry_name(moment, name)
    assert b"/" not in entry
    assert all(0x20 < byte < 0x7F for byte in entry)
    assert parse_entry(entry) == (moment, name)


@given(one=SUBVOLUME_PATH, other=SUBVOLUME_PATH)
def test_two_subvolumes_never_share_a_name(one: bytes, other: bytes) -> None:
    """S2."""
    assume(one != other)
    assert entry_name(Moment.PRE, subvolume_name(one)) != entry_name(Moment.PRE, subvolume_name(other))


@given(st.binary(max_size=40) | st.binary(max_size=20).map(lambda rest: b"pre-" + rest))
def test_any_directory_name_is_ours_or_not(entry: bytes) -> None:
    """Faults row 22: only names we give ourselves are ours."""
    parsed = parse_entry(entry)
    if parsed is not None:
        assert entry_name(*parsed) == entry


@pytest.mark.parametrize(
    "entry", [b"pre-", b"pre", b"old-@", b"pre-a%2f", b"pre-a b", b"pre-%2E%2E", b"pre-..", b"@home"]
)
def test_names_of_others_are_not_taken_for_ours(entry: bytes) -> None:
    """Faults row 22."""
    assert parse_entry(entry) is None


@pytest.mark.parametrize("name", ["", "..", "a/../b", "/etc", "a//b", "a/", ".", "a\\x00b", "stray\\"])
def test_a_subvolume_name_that_leads_elsewhere_is_refused(name: str) -> None:
    """Faults row 22: hostile answers."""
    with pytest.raises(SnapshotError):
        subvolume_path(name)
    with pytest.raises(SnapshotError):
        entry_name(Moment.PRE, name)


def test_a_path_too_long_for_a_name_is_refused_with_what_mends_it() -> None:
    """S1."""
    with pytest.raises(SnapshotError) as caught:
        entry_name(Moment.PRE, "x" * 252)
    assert caught.value.hint
    assert len(entry_name(Moment.PRE, "x" * 251)) == 255


@pytest.mark.parametrize("run", ["../x", "..", ".", "", "a/b", "/", "-rf", "a\n", "a b", "x" * 65, ".hidden", "0007\0"])
def test_a_hostile_run_label_is_refused(run: str) -> None:
    """Faults row 22."""
    with pytest.raises(SnapshotError):
        check_run(run)
    assert not is_run(run.encode())


@given(st.text(max_size=20))
def test_a_run_label_never_leaves_its_directory(run: str) -> None:
    """Faults row 22."""
    try:
        checked = check_run(run)
    except SnapshotError:
        return
    assert checked == run
    assert "/" not in run
    assert run not in {".", ".."}
    assert is_run(run.encode())
