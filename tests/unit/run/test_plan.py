"""Plans in files, and machines that moved on since."""

from __future__ import annotations

import stat
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.model.errors import CheckError, SettingsError
from pcswitcher.model.plan import (
    Action,
    Change,
    Decision,
    Finding,
    Gate,
    Plan,
    Risk,
    Section,
    Severity,
    Totals,
)
from pcswitcher.run.plan import load_plan, refuse_stale, refused_items, save_plan

NOTE = Change(item="/home/sam/note", action=Action.CHANGE, before="file, 3 B", after="file, 4 B", why="size", size=4)
GONE = Change(item="/home/sam/old", action=Action.REMOVE, before="file, 1 B", conflict="changed it, removed here")
SECTION = Section(job="files", title="Files", source_state="a" * 64, target_state="b" * 64, changes=(NOTE, GONE))
PLAN = Plan(
    host="vega",
    source="atlas",
    target="vega",
    source_id="1",
    target_id="2",
    version="0.1.0",
    sections=(SECTION,),
    findings=(Finding(severity=Severity.WARNING, machine="vega", message="first", gate=Gate.FIRST_SYNC),),
    decisions={"files": {GONE.item: Decision.KEEP}},
)


def test_a_plan_comes_back_from_its_file_as_it_was_and_nobody_else_reads_it(tmp_path: Path) -> None:
    """Promise 9: it names files."""
    path = tmp_path / "plan.json"
    save_plan(PLAN, path)
    read = load_plan(path)
    assert attrs.evolve(read, sections=()) == attrs.evolve(PLAN, sections=())
    assert list(read.sections[0].changes) == [NOTE, GONE]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


texts = st.text(max_size=20)
changes = st.builds(
    Change,
    item=texts,
    action=st.sampled_from(Action),
    before=texts,
    after=texts,
    why=texts,
    size=st.integers(0, 2**60),
    risk=st.sampled_from(Risk),
    conflict=texts,
)


@given(st.lists(changes, max_size=5, unique_by=lambda change: change.item))
def test_any_plan_survives_its_file(tmp_path_factory: pytest.TempPathFactory, found: list[Change]) -> None:
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    plan = attrs.evolve(PLAN, sections=(attrs.evolve(SECTION, changes=found),), decisions={})
    save_plan(plan, path)
    assert list(load_plan(path).sections[0].changes) == found
    refuse_stale(load_plan(path), plan)


@pytest.mark.parametrize("text", ["", "{", "{}", "[1]", '{"format": 1}'])
def test_what_is_no_plan_is_refused_with_the_way_to_make_one(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match="no plan") as caught:
        load_plan(path)
    assert "pc-switcher plan" in caught.value.hint


def test_a_plan_of_another_format_and_one_that_is_not_there_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    save_plan(attrs.evolve(PLAN, format=99), path)
    with pytest.raises(SettingsError, match="format 99"):
        load_plan(path)
    with pytest.raises(SettingsError, match="cannot be read"):
        load_plan(tmp_path / "none.json")
    with pytest.raises(SettingsError, match="cannot be written"):
        save_plan(PLAN, tmp_path / "no" / "plan.json")


@pytest.mark.parametrize(("field", "named"), [("source_state", "Files on atlas"), ("target_state", "Files on vega")])
def test_a_machine_that_moved_on_makes_the_plan_stale(field: str, named: str) -> None:
    """Promise 3."""
    now = attrs.evolve(PLAN, sections=(attrs.evolve(SECTION, **{field: "c" * 64}),))
    with pytest.raises(CheckError, match=named):
        refuse_stale(PLAN, now)


def test_another_machine_a_missing_job_and_other_rules_make_it_stale_too() -> None:
    """Promise 3, faults row 27."""
    with pytest.raises(CheckError, match="installed again"):
        refuse_stale(PLAN, attrs.evolve(PLAN, target_id="3"))
    with pytest.raises(CheckError, match="Files on atlas"):
        refuse_stale(PLAN, attrs.evolve(PLAN, sections=()))
    other = attrs.evolve(PLAN, sections=(attrs.evolve(SECTION, changes=(NOTE,)),))
    with pytest.raises(CheckError, match="rules, settings or marks"):
        refuse_stale(PLAN, other)
    refuse_stale(PLAN, PLAN)


def test_skipped_kept_and_unanswered_items_stay_as_they_are() -> None:
    """Promise 7: a conflict that nobody answered is never applied."""
    assert refused_items(PLAN, "files") == {GONE.item}
    assert refused_items(attrs.evolve(PLAN, decisions={}), "files") == {GONE.item}
    applied = PLAN.deciding("files", [GONE.item], Decision.APPLY)
    assert refused_items(applied, "files") == frozenset()
    assert refused_items(applied.deciding("files", [NOTE.item], Decision.SKIP), "files") == {NOTE.item}


def test_a_summary_counts_by_action_and_adds_sizes() -> None:
    totals = Totals.of((NOTE, GONE, attrs.evolve(NOTE, item="x", size=2048)))
    assert totals.words == ("2 changed (2.0 KiB)", "1 removed")
    assert (totals.size, totals.removals, totals.conflicts) == (2052, (GONE,), (GONE,))
    assert Totals.of(()).words == ()
