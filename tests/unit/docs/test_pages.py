"""Pages that are made from the program are what it would make today, and links lead somewhere."""

from __future__ import annotations

import os
import re
import runpy
from pathlib import Path

import pytest

from pcswitcher.model.errors import ExitCode

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "docs" / "reference"
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


@pytest.mark.parametrize("name", ["cli", "settings"])
def test_a_reference_page_is_current(name: str) -> None:
    """Mend with: python docs/reference/generate_NAME.py."""
    made = runpy.run_path(os.fspath(REFERENCE / f"generate_{name}.py"))
    assert made["page"]() == (REFERENCE / f"{name}.md").read_text(encoding="utf-8")


def test_every_exit_code_is_explained() -> None:
    assert set(runpy.run_path(os.fspath(REFERENCE / "generate_cli.py"))["CODES"]) == set(ExitCode)


def test_the_picture_shows_what_the_screen_shows_today() -> None:
    """Mend with: python docs/images/make_screen.py. Compared by its words: how textual draws them may change."""
    made = runpy.run_path(os.fspath(ROOT / "docs" / "images" / "make_screen.py"))
    committed = (ROOT / "docs" / "images" / "screen.svg").read_text(encoding="utf-8")
    assert made["words"](made["draw"]()) == made["words"](committed)
    assert "@font-face" not in committed
    assert "terminal-" not in committed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text)):
        path, _, heading = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), link
        if heading:
            titles = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert heading in {re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in titles}, link


def test_diagrams_set_no_colours() -> None:
    """They must read well in light and dark."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    diagrams = re.findall(r"```mermaid\n(.*?)```", text, flags=re.DOTALL)
    assert len(diagrams) == 18
    assert not [each for each in diagrams if re.search(r"#[0-9a-f]{3,6}\b|\bstyle\b|classDef|fill:|rgb", each)]


def test_no_line_of_a_sequence_diagram_is_cut_by_a_semicolon() -> None:
    """To Mermaid it ends a statement there, also within a message; the whole diagram is then not drawn."""
    diagrams = [each for page in PAGES for each in re.findall(r"```mermaid\n(.*?)```", page.read_text(), re.DOTALL)]
    sequences = [each for each in diagrams if each.startswith("sequenceDiagram\n")]
    assert sequences
    assert not [line for each in sequences for line in each.splitlines() if re.search(r";(?!$)", line)]


def test_tests_named_by_the_promises_exist() -> None:
    text = (ROOT / "docs" / "design" / "promises.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)`", text)
    assert len(named) > 10
    assert [each for each in named if not (ROOT / each).is_file()] == []
