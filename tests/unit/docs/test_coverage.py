"""Every requirement and every fault has a test that names it, and the page that says so is true."""

from __future__ import annotations

import os
import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GENERATOR = ROOT / "docs" / "reference" / "generate_coverage.py"
MADE = runpy.run_path(os.fspath(GENERATOR))
COUNTS = {"J": 9, "D": 4, "S": 8, "L": 5, "U": 5, "I": 4, "K": 3, "C": 3, "F": 6, "P": 5, "E": 5, "T": 8, "row ": 39}


def names() -> list[str]:
    return [each.name for each in MADE["wanted"]()]


def test_no_requirement_and_no_fault_is_lost() -> None:
    assert names() == [f"{letter}{number}" for letter, count in COUNTS.items() for number in range(1, count + 1)]
    assert all(len(each.words) > 30 for each in MADE["wanted"]())


def test_every_requirement_and_every_fault_has_a_test_or_a_reason_why_later() -> None:
    assert MADE["missing"]() == ()


def test_what_comes_later_is_wanted_and_is_none_of_what_must_be_there() -> None:
    later = MADE["LATER"]
    assert later.keys() <= set(names())
    assert all(len(reason) > 20 for reason in later.values())
    assert not [name for name in later if re.match(r"[JDLUIKCT]|S[1-578]$", name)]


def test_no_test_names_what_does_not_exist() -> None:
    known = set(names())
    assert [each for each in MADE["namings"]() if each.wanted not in known] == []


def test_the_page_is_current() -> None:
    """Mend with: python docs/reference/generate_coverage.py."""
    assert MADE["page"]() == MADE["PAGE"].read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Says nothing.", set()),
        ("J1, promise 2: so.", {"J1"}),
        ("I1, I3; faults row 39.", {"I1", "I3", "row 39"}),
        ("Faults row 3, row 4.", {"row 3", "row 4"}),
        ("Faults rows 12, 13, 15 to 17, 20 and 21: all.", {f"row {n}" for n in (12, 13, 15, 16, 17, 20, 21)}),
        ("Rows of a table, 20 rows, the rows: 3.", set()),
        ("S1 to S3, L1-L2.", {"S1", "S2", "S3", "L1", "L2"}),
        ("PC1, x86, UTF-8, V2G.", set()),
    ],
)
def test_docstrings_are_read_as_people_write_them(text: str, named: set[str]) -> None:
    assert MADE["named_in"](text) == named


def test_only_what_runs_as_a_test_counts(tmp_path: Path) -> None:
    folder = tmp_path / "tests" / "unit"
    folder.mkdir(parents=True)
    (folder / "test_it.py").write_text(
        '"""Module: D1."""\n'
        'def helper():\n    """J1."""\n'
        'class TestIt:\n    """K1."""\n    async def test_first(self):\n        """S1."""\n'
        'def test_second():\n    """Row 7."""\n    inner = """L1"""\n'
        "def test_third(): pass  # U1\n"
    )
    (folder / "conftest.py").write_text('def test_no():\n    """J1."""\n')
    found = {(each.wanted, each.what) for each in MADE["namings"](tmp_path)}
    assert found == {("D1", ""), ("K1", "all of TestIt"), ("S1", "first"), ("row 7", "second")}
