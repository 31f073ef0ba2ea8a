"""A run of the tests may leave out only what is pinned, with its reason, and in CI nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
TESTS = Path(__file__).parents[1]
PINNED = """
import pytest

def test_pinned(): pytest.skip("no lab here: systemd-nspawn is missing")
"""
OTHERS = """
import pytest

def test_another_reason(): pytest.skip("not today")

@pytest.mark.skip(reason="no lab here: but this is no test of the lab")
def test_another_place(): pass

@pytest.mark.xfail(reason="known")
def test_expected_to_fail(): assert False

def test_plain(): pass
"""
MODULE = """
import pytest

pytest.importorskip("there_is_no_such_module")
"""


def run_pytest(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a process of its own on a tree that has our conftest and our list."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    for name in ("conftest.py", "may_skip.toml"):
        shutil.copy(TESTS / name, folder / "tests" / name)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PC_SWITCHER", "CI", "PYTEST"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "tests"],
        capture_output=True,
        text=True,
        check=False,
        env={**kept, **environment},
        cwd=folder,
        timeout=60,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder in ("lab", "unit"):
        (tmp_path / "tests" / folder).mkdir(parents=True)
    (tmp_path / "tests" / "lab" / "test_pinned.py").write_text(PINNED)
    return tmp_path


def test_a_pinned_skip_is_a_skip(tree: Path) -> None:
    done = run_pytest(tree)
    assert done.returncode == 0, done.stdout
    assert "1 skipped" in done.stdout


def test_in_ci_nothing_is_skipped(tree: Path) -> None:
    """T7: what cannot run there is a failure, not a skip."""
    done = run_pytest(tree, CI="true")
    assert done.returncode == 1
    assert "= 1 failed in " in done.stdout


def test_every_other_skip_fails_and_says_where_to_pin_it(tree: Path) -> None:
    (tree / "tests" / "unit" / "test_others.py").write_text(OTHERS)
    done = run_pytest(tree)
    assert done.returncode == 1
    assert "2 failed, 1 passed, 1 skipped, 1 error in" in done.stdout
    for reason in ("not today", "no lab here: but this is no test of the lab", "known"):
        assert f"left out without being in tests/may_skip.toml: {reason}" in done.stdout


def test_a_module_that_skips_itself_fails_too(tree: Path) -> None:
    (tree / "tests" / "unit" / "test_module.py").write_text(MODULE)
    done = run_pytest(tree)
    assert done.returncode != 0
    assert "left out without being in tests/may_skip.toml: could not import" in done.stdout
