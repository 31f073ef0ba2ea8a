"""The design pages speak of the code as it is: what they name exists, and what they show stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DESIGN = ROOT / "docs" / "design"
PATTERNS = (DESIGN / "patterns.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"```python\n(.*?)```", PATTERNS, flags=re.DOTALL)


def lines(text: str) -> set[str]:
    """The lines of some code without their indentation and comments."""
    return {stripped for line in text.splitlines() if (stripped := line.partition("  #")[0].strip())}


def named(page: Path) -> list[str]:
    return re.findall(
        r"`((?:src|tests|docs|lab)?/?[a-z_]+(?:/[\w.]+)+\.(?:py|toml))`", page.read_text(encoding="utf-8")
    )


@pytest.mark.parametrize("page", sorted(DESIGN.glob("**/*.md")), ids=lambda page: page.stem)
def test_files_that_a_design_page_names_exist(page: Path) -> None:
    places = (ROOT, ROOT / "src" / "pcswitcher")
    assert [each for each in named(page) if not any((place / each).is_file() for place in places)] == []


def test_every_pattern_has_a_wrong_and_a_right_one() -> None:
    assert len(SHOWN) == len(re.findall(r"^## \d+\. ", PATTERNS, flags=re.MULTILINE)) > 12
    assert all("# wrong" in each and "# right" in each for each in SHOWN)


@pytest.mark.parametrize("example", SHOWN, ids=range(1, len(SHOWN) + 1))
def test_what_is_shown_as_right_stands_in_our_code(example: str) -> None:
    """At least one line of it, in a file that is named there."""
    _, _, right = example.partition("# right")
    files = re.findall(r"[a-z_/]+\.py", right.partition("):")[0])
    shown = {line for line in lines(right) if not line.startswith(("#", "("))} - {"..."}
    code = {line for name in files for line in lines((ROOT / "src" / "pcswitcher" / name).read_text(encoding="utf-8"))}
    assert not files or shown & code, f"none of these is in {files}: {shown}"


def test_the_threat_model_asks_what_an_adversary_could_do() -> None:
    """Each threat has what stands in its way, or says that nothing does."""
    text = (DESIGN / "threat-model.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| an adversary")]
    assert text.count("| an adversary could… | what stands in the way |") == 5
    assert len(rows) > 20
    assert all(len(cell.strip()) > 8 for row in rows for cell in row.strip("|").split("|"))


def test_every_decision_is_listed_once_and_says_what_it_costs() -> None:
    pages = {each.name for each in (DESIGN / "decisions").glob("*.md")} - {"README.md"}
    listed = re.findall(r"\]\(([\w-]+\.md)\)", (DESIGN / "decisions" / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(pages)
    for name in pages:
        text = (DESIGN / "decisions" / name).read_text(encoding="utf-8")
        missing = [part for part in ("About", "We do", "Looked at", "Costs") if f"**{part}.**" not in text]
        assert missing == [], name
