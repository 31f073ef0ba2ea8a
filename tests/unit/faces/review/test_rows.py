"""The tree of the review as rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.faces.review.filtering import Filter, Order
from pcswitcher.faces.review.model import Kind, Review, View
from pcswitcher.faces.review.rows import UNFOLD_ALL, Branch, Leaves, Rows
from pcswitcher.jobs.api import Action, Change
from pcswitcher.model.plan import Plan, Section

NAMES = st.sampled_from(["a", "b", "a-b", "a.b", "ä", "z0"])
PATHS = st.lists(NAMES, min_size=1, max_size=5).map(lambda names: "/" + "/".join(names))
ITEMS = st.lists(st.one_of(PATHS, NAMES), min_size=1, max_size=60, unique=True)
JOB = ("files", "", "")
NEW = ("files", Kind.NEW, "")


def views_of(*items: str, shown: Filter | None = None) -> list[View]:
    section = Section(
        job="files",
        title="Files",
        source_state="",
        target_state="",
        changes=tuple(Change(item=item, action=Action.ADD) for item in items),
    )
    plan = Plan(source="atlas", target="vega", source_id="", target_id="", version="", sections=(section,))
    return (shown or Filter()).views(Review.of(plan, frozenset()))


def many(number: int) -> list[str]:
    return [f"/home/sam/Pictures/{each:06}.jpg" for each in range(number)]


def labels(rows: Rows) -> list[str]:
    found = (rows.row(line) for line in range(len(rows)))
    return ["  " * row.entry.depth + row.label for row in found]


def unfold_everything(rows: Rows) -> None:
    line = 0
    while line < len(rows):
        branch = rows.row(line).branch
        if branch and not branch.unfolded:
            rows.toggle(line)
        line += 1


@given(ITEMS)
def test_unfolded_everything_is_there_once_in_its_folder(items: list[str]) -> None:
    rows = Rows(views_of(*items), set())
    unfold_everything(rows)
    seen = []
    above: list[Branch] = []
    for line in range(len(rows)):
        row = rows.row(line)
        above = above[: row.entry.depth]
        if row.branch:
            above.append(row.branch)
            continue
        assert row.span
        item = row.span.view.items[row.span.first]
        seen.append(item)
        folders = [branch.label for branch in above[2:]]
        assert "".join(folders) + row.label == item or (row.label == "." and "".join(folders) == item + "/")
        for branch in above[2:]:
            assert branch.span
            assert branch.span.first <= row.span.first < branch.span.end
            below = [each for each in items if each == branch.prefix[:-1] or each.startswith(branch.prefix)]
            assert branch.span.count == len(below) > 1
    assert sorted(seen) == sorted(items)


@given(ITEMS, st.data())
def test_any_item_can_be_shown_from_any_state(items: list[str], data: st.DataObject) -> None:
    views = views_of(*items)
    rows = Rows(views, set())
    for line in data.draw(st.lists(st.integers(0, 80), max_size=5)):
        if line < len(rows):
            rows.toggle(line)
    place = data.draw(st.integers(0, len(views[0].items) - 1))
    row = rows.row(rows.reveal(views[0], place))
    assert row.branch is None
    assert row.span is not None
    assert row.span.first == place
    assert rows.find(row.key) == rows.reveal(views[0], place)


def test_a_folder_with_nothing_but_a_folder_is_joined_with_it() -> None:
    rows = Rows(views_of("/home/sam/a/b/1", "/home/sam/a/b/2", "/home/sam/c/only", "/home/sam/d"), {JOB, NEW})
    unfold_everything(rows)
    assert labels(rows) == [
        "Files",
        "  New",
        "    /home/sam/",
        "      a/b/",
        "        1",
        "        2",
        "      c/only",
        "      d",
    ]


def test_a_folder_that_changes_itself_stands_in_itself() -> None:
    rows = Rows(views_of("/home/sam/x", "/home/sam/x/1", "/home/sam/x-ray"), {JOB, NEW})
    unfold_everything(rows)
    assert labels(rows)[2:] == ["    /home/sam/", "      x/", "        .", "        1", "      x-ray"]


def test_names_that_are_no_paths_have_no_folders() -> None:
    rows = Rows(views_of("ppa/mesa", "ppa/other", "gimp"), {JOB, NEW})
    assert labels(rows)[2:] == ["    gimp", "    ppa/mesa", "    ppa/other"]


def test_a_few_items_are_all_shown_at_once_and_many_are_not() -> None:
    assert len(Rows(views_of(*many(UNFOLD_ALL)), set())) == UNFOLD_ALL + 3
    assert len(Rows(views_of(*many(UNFOLD_ALL + 1)), set())) == 1


def test_50_000_items_of_a_folder_are_one_entry() -> None:
    """Issue 3 section 2: only what is looked at is made."""
    rows = Rows(views_of(*many(50_000)), {JOB})
    rows.toggle(1)  # the folder that is all there is unfolds with the group
    assert len(rows) == 50_003
    assert len(rows._entries) == 4
    assert isinstance(rows._entries[-1], Leaves)
    assert rows.row(3).label == "000000.jpg"
    assert rows.row(50_002).label == "049999.jpg"
    assert rows.row(25_003).key == ("files", Kind.NEW, "/home/sam/Pictures/025000.jpg")


def test_folding_takes_everything_below_away_and_unfolding_brings_it_back() -> None:
    items = [*many(50), "/root/a/1", "/root/a/2", "/root/b"]
    unfolded = {JOB, NEW}
    rows = Rows(views_of(*items), unfolded)
    unfold_everything(rows)
    before = labels(rows)
    rows.toggle(0)
    assert labels(rows) == ["Files"]
    rows.toggle(0)
    assert labels(rows) == before
    assert labels(Rows(views_of(*items), unfolded)) == before


def test_the_row_above_is_found() -> None:
    rows = Rows(views_of("/home/sam/a/1", "/home/sam/a/2", "/home/sam/b"), {JOB, NEW})
    unfold_everything(rows)
    assert labels(rows)[5].strip() == "2"
    assert labels(rows)[rows.parent(5)].strip() == "a/"
    assert labels(rows)[rows.parent(6)].strip() == "/home/sam/"
    assert rows.parent(0) == 0


@pytest.mark.parametrize("order", [Order.SIZE, Order.RISK])
def test_in_another_order_there_are_no_folders(order: Order) -> None:
    rows = Rows(views_of("/a/1", "/a/2", "/b", shown=Filter(order=order)), {JOB, NEW})
    assert sorted(each.strip() for each in labels(rows)[2:]) == ["/a/1", "/a/2", "/b"]


def test_wide_names_count_their_cells() -> None:
    narrow, wide = Rows(views_of("/a/xx"), {JOB, NEW}), Rows(views_of("/a/日本"), {JOB, NEW})
    assert wide.width == narrow.width + 2


def test_no_rows_are_no_error() -> None:
    rows = Rows([], set())
    assert len(rows) == 0
    assert rows.find(JOB) is None
    assert rows.width == 0
