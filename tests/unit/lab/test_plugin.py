"""The pytest plugin where there is no lab: T3, T6, one clear reason."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TESTS = """
import pytest

def test_first(atlas): pass

def test_second(vega): pass

@pytest.mark.lab_only
def test_power(atlas): pass

def test_third_pc(lyra): pass

def test_plain(): pass
"""


def run_pytest(folder: Path, environment: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    """Run the tests above in a process of their own, with nothing of ours in its environment but what is given."""
    (folder / "test_it.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PC_SWITCHER", "CI", "PYTEST"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", *options, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**kept, **environment},
        cwd=folder,
        timeout=60,
    )


NO_PROGRAMS = {"PATH": "/nonexistent"}
"""A box without the lab's programs: the ones in /usr/bin are not found."""


def test_where_no_lab_can_be_its_tests_skip_with_one_reason(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, NO_PROGRAMS)
    assert done.returncode == 0, done.stdout
    assert "1 passed, 4 skipped" in done.stdout
    assert done.stdout.count("no lab here: ") == 1
    assert "systemd-nspawn is missing" in done.stdout


def test_in_ci_a_lab_that_cannot_be_is_a_failure(tmp_path: Path) -> None:
    """CI fails when they skip."""
    done = run_pytest(tmp_path, {**NO_PROGRAMS, "CI": "true"})
    assert done.returncode == 1
    assert "1 passed, 4 errors" in done.stdout
    assert "skipped" not in done.stdout


def test_a_missing_name_of_a_real_machine_stops_the_run(tmp_path: Path) -> None:
    """T3."""
    done = run_pytest(tmp_path, {"PC_SWITCHER_TEST_PC1_HOST": "one", "PC_SWITCHER_TEST_USER": "me"})
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "PC_SWITCHER_TEST_PC2_HOST must be set too" in done.stderr


def test_real_machines_leave_out_by_name_what_only_the_lab_can_do(tmp_path: Path) -> None:
    named = {
        "PC_SWITCHER_TEST_PC1_HOST": "one.invalid",
        "PC_SWITCHER_TEST_PC2_HOST": "two.invalid",
        "PC_SWITCHER_TEST_USER": "me",
    }
    done = run_pytest(tmp_path, named)
    assert "2 deselected" in done.stdout
    assert "left out, needs the lab: test_it.py::test_power" in done.stdout
    assert "left out, needs the lab: test_it.py::test_third_pc" in done.stdout


def test_both_unreachable_machines_are_told_together_and_not_skipped(tmp_path: Path) -> None:
    """T3."""
    named = {
        "PC_SWITCHER_TEST_PC1_HOST": "one.invalid",
        "PC_SWITCHER_TEST_PC2_HOST": "two.invalid",
        "PC_SWITCHER_TEST_USER": "me",
    }
    done = run_pytest(tmp_path, named)
    assert done.returncode == 1
    assert "one.invalid: cannot be reached" in done.stdout
    assert "two.invalid: cannot be reached" in done.stdout
    assert "1 passed, 2 deselected, 2 errors" in done.stdout
