"""The rules of the house that no other checker holds."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pcswitcher import __version__

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*ROOT.glob("src/**/*.py"), *ROOT.glob("lab/src/**/*.py")])
# Put together here, so that this file does not hold them itself.
WORDS = ["pypi" + ".org", "pythonhosted" + ".org", "/root/" + ".pyenv", "/work" + "/main", "/work" + "/shared"]
TEXTS = {".py", ".md", ".toml", ".sh", ".txt", ".yml", ".yaml", ""}


def committed() -> list[Path]:
    """Every text file under version control; without git (a source archive), every one that would be."""
    git = shutil.which("git")
    if git and (ROOT / ".git").exists():
        # The tests may run as root in somebody else's checkout, which git distrusts unless told.
        program = [git, "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
        names = subprocess.run(program, cwd=ROOT, capture_output=True, check=True, timeout=60).stdout.split(b"\0")
        found = [ROOT / name.decode() for name in names if name]
    else:
        found = [path for top in ("src", "lab", "tests", "docs", "tools") for path in (ROOT / top).rglob("*")]
    return [path for path in found if path.is_file() and path.suffix in TEXTS and "__pycache__" not in path.parts]


def test_arrows_between_layers_point_downwards() -> None:
    """Design §4."""
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_registry_and_no_place_of_a_workshop_is_named() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in committed()
        for word in WORDS
        if word in path.read_text(encoding="utf-8", errors="replace")
    ]
    assert wrong == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is_and_can_be_read_in_a_sitting(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "no docstring"
    assert len(text.splitlines()) < 400


def test_the_changelog_has_this_version() -> None:
    assert f"\n## {__version__}\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_make_commands_that_are_advised_exist(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    text = (ROOT / page).read_text(encoding="utf-8")
    advised = set(re.findall(r"(?:^ {4}|`)make ([a-z-]+)", text, flags=re.MULTILINE))
    assert advised
    assert advised <= targets


def test_ci_runs_what_the_readme_advises() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
