"""Comparing the settings files of two machines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.jobs.api import Action, States
from pcswitcher.jobs.settings.diff import Move, diff, difference, narrow
from pcswitcher.jobs.settings.state import ABSENT, ITEM, Kind, SettingsFile
from pcswitcher.model.text import printable


def text(content: str) -> SettingsFile:
    return SettingsFile(kind=Kind.TEXT, content=content)


ELSEWHERE = SettingsFile(kind=Kind.ELSEWHERE)
BROKEN = SettingsFile(kind=Kind.UNREADABLE, content="vega: it is no file")
LINK = SettingsFile(kind=Kind.LINK, content="../x")
FILES = st.one_of(st.sampled_from([ABSENT, ELSEWHERE, BROKEN, LINK]), st.text(max_size=30).map(text))


@pytest.mark.parametrize(
    ("here", "there", "action"),
    [
        (text("a"), ABSENT, Action.ADD),
        (text("a"), text("b"), Action.CHANGE),
        (text("a"), LINK, Action.CHANGE),
        (LINK, ABSENT, Action.ADD),
        (text("a"), ELSEWHERE, Action.CHANGE),
        (ABSENT, text("b"), Action.REMOVE),
        (text("a"), text("a"), None),
        (ABSENT, ABSENT, None),
        (ELSEWHERE, text("b"), None),
        (ELSEWHERE, ABSENT, None),
        (ABSENT, ELSEWHERE, None),
    ],
)
def test_absent_is_shown_different_is_asked_same_is_silent(
    here: SettingsFile, there: SettingsFile, action: Action | None
) -> None:
    """D4."""
    plan = diff(States(source=here, target=there))
    assert [change.action for change in plan.changes] == ([action] if action else [])
    assert plan.data == (Move(before=there, after=here) if action else None)
    assert plan.problems == ()
    assert all(change.item == ITEM for change in plan.changes)


def test_what_cannot_be_read_is_a_problem_and_changes_nothing() -> None:
    """Promise 8."""
    for here, there in ((BROKEN, text("b")), (text("a"), BROKEN), (BROKEN, BROKEN)):
        plan = diff(States(source=here, target=there))
        assert (plan.data, plan.changes) == (None, ())
        assert plan.problems
        assert all("vega: it is no file" in problem for problem in plan.problems)


@given(FILES, FILES, st.one_of(st.none(), FILES))
def test_only_what_the_target_changed_itself_is_a_conflict(
    here: SettingsFile, there: SettingsFile, base: SettingsFile | None
) -> None:
    """Promise 7."""
    plan = diff(States(source=here, target=there, base=base))
    for change in plan.changes:
        assert bool(change.conflict) == (base is not None and there != base)
    assert len(plan.changes) == (plan.data is not None)
    assert narrow(plan, frozenset({ITEM})).data is None
    assert narrow(plan, frozenset({ITEM})).problems == plan.problems
    assert narrow(plan, frozenset({"other"})) == plan


def test_the_diff_goes_from_theirs_to_ours() -> None:
    """D4."""
    move = Move(before=text("[run]\ngrace = 5\n"), after=text("[run]\ngrace = 9\n"))
    assert difference(move, "atlas", "vega") == (
        f"--- {ITEM} on vega",
        f"+++ {ITEM} on atlas",
        "@@ -1,3 +1,3 @@",
        " [run]",
        "-grace = 5",
        "+grace = 9",
        " ",
    )


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_diff_may_be_shown_whatever_the_files_hold(before: str, after: str) -> None:
    """Faults row 12."""
    for line in difference(Move(before=text(before), after=text(after)), "atlas", "vega"):
        assert printable(line) == line
        assert "\n" not in line
