"""A delta without some of its paths."""

from __future__ import annotations

import os

import attrs
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.files.change import Action, FileChange, TreeDelta
from pcswitcher.files.entry import Entry, Kind, is_below, order_key
from pcswitcher.files.narrowing import narrow


def entry(path: bytes, kind: Kind = Kind.FILE) -> Entry:
    return Entry(path, kind, 0o644, 0, 0, 1 if kind is Kind.FILE else 0, 1)


def create(path: bytes, kind: Kind = Kind.FILE) -> FileChange:
    return FileChange(path, Action.CREATE, None, entry(path, kind))


def delete(path: bytes, kind: Kind = Kind.FILE) -> FileChange:
    return FileChange(path, Action.DELETE, entry(path, kind), None)


def retype(path: bytes, before: Kind, after: Kind) -> FileChange:
    return FileChange(path, Action.RETYPE, entry(path, before), entry(path, after))


def delta(*changes: FileChange) -> TreeDelta:
    return TreeDelta(tuple(sorted(changes, key=lambda change: order_key(change.path))))


def paths(found: TreeDelta) -> list[bytes]:
    return [change.path for change in found.changes]


def test_nothing_refused_leaves_the_delta_as_it_is() -> None:
    given_delta = delta(create(b"a"))
    assert narrow(given_delta, []) is given_delta
    assert narrow(given_delta, [b"unknown"]) is given_delta


def test_without_a_directory_nothing_comes_below_it() -> None:
    whole = delta(create(b"d", Kind.DIRECTORY), create(b"d/e", Kind.DIRECTORY), create(b"d/e/f"), create(b"x"))
    assert paths(narrow(whole, [b"d"])) == [b"x"]


def test_a_directory_that_keeps_something_stays_and_so_does_all_above_it() -> None:
    whole = delta(delete(b"d", Kind.DIRECTORY), delete(b"d/e", Kind.DIRECTORY), delete(b"d/e/f"), delete(b"d/g"))
    assert paths(narrow(whole, [b"d/e/f"])) == [b"d/g"]


def test_a_directory_that_does_not_become_a_file_keeps_what_is_in_it() -> None:
    whole = delta(retype(b"d", Kind.DIRECTORY, Kind.FILE), delete(b"d/a"), delete(b"d/b"))
    assert paths(narrow(whole, [b"d/a"])) == []
    assert paths(narrow(whole, [b"d"])) == []


def test_a_database_is_left_out_whole() -> None:
    """F5."""
    whole = delta(*(attrs.evolve(create(path), unit=b"p.db") for path in (b"p.db", b"p.db-wal")), create(b"q"))
    assert paths(narrow(whole, [b"p.db-wal"])) == [b"q"]


def test_a_group_of_hard_links_goes_on_under_its_next_name() -> None:
    """F1: its bytes travel with the first path that is left."""
    whole = delta(*(attrs.evolve(create(path), group=b"a") for path in (b"a", b"b", b"c")))
    left = narrow(whole, [b"a"])
    assert [(change.path, change.group) for change in left.changes] == [(b"b", b"b"), (b"c", b"b")]
    assert left.bytes_to_move == 1
    alone = narrow(whole, [b"a", b"b"])
    assert [(change.path, change.group) for change in alone.changes] == [(b"c", b"")]


@given(st.data())
def test_what_is_left_can_be_applied_and_what_was_refused_is_not_in_it(data: st.DataObject) -> None:
    names = st.sampled_from([b"a", b"b"])
    found = data.draw(st.sets(st.lists(names, min_size=1, max_size=4).map(b"/".join), min_size=1, max_size=12))
    changes: dict[bytes, FileChange] = {}
    for path in sorted(found, key=order_key):
        above = changes.get(os.path.dirname(path))
        if above is not None and above.action is Action.CREATE:
            kinds = [create(path), create(path, Kind.DIRECTORY)]
        elif above is not None and above.action is Action.DELETE:
            kinds = [delete(path), delete(path, Kind.DIRECTORY)]
        else:
            kinds = [
                create(path),
                create(path, Kind.DIRECTORY),
                delete(path),
                delete(path, Kind.DIRECTORY),
                retype(path, Kind.DIRECTORY, Kind.FILE),
                retype(path, Kind.FILE, Kind.DIRECTORY),
            ]
        changes[path] = data.draw(st.sampled_from(kinds))
    whole = delta(*changes.values())
    refused = data.draw(st.sets(st.sampled_from(sorted(changes))))
    left = {change.path: change for change in narrow(whole, refused).changes}
    out = changes.keys() - left.keys()
    assert refused <= out
    for path, change in left.items():
        parent = os.path.dirname(path)
        if parent in out:
            assert changes[parent].action is Action.DELETE
        was_directory = change.before is not None and change.before.kind is Kind.DIRECTORY
        if was_directory and change.action in {Action.DELETE, Action.RETYPE}:
            assert not any(is_below(each, path) for each in out)
