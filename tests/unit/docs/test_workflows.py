"""The workflows of the forge: what it understands, safe, and nothing is merged that the lab did not see (T7)."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML  # comes with check-jsonschema

ROOT = Path(__file__).parents[3]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(name: str) -> dict[str, Any]:
    return YAML(typ="safe").load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "checker",
    [
        ("check-jsonschema", "--builtin-schema", "vendor.github-workflows"),
        ("zizmor", "--offline", "--no-progress", "--quiet", "--strict-collection"),
    ],
    ids=lambda checker: checker[0],
)
def test_a_linter_finds_nothing(checker: tuple[str, ...]) -> None:
    """T7: the published schema of workflow files, and an auditor of their safety (pinned actions, injections)."""
    assert len(WORKFLOWS) == 3
    program = Path(sys.executable).with_name(checker[0])
    done = subprocess.run([program, *checker[1:], *WORKFLOWS], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_push_runs_lint_types_and_unit_tests() -> None:
    """T7."""
    checks = read("checks.yml")
    assert checks["on"]["push"] is None
    assert {"run": "make lint unit"} in checks["jobs"]["checks"]["steps"]


def test_every_python_that_is_promised_is_checked() -> None:
    """T7."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    promised = [each.rpartition(" ")[2] for each in project["classifiers"] if ":: Python :: 3." in each]
    assert promised == read("checks.yml")["jobs"]["checks"]["strategy"]["matrix"]["python"]
    assert project["requires-python"] == f">={promised[0]}"


def test_every_fault_strikes_at_every_point_at_night() -> None:
    """T7: the whole loop takes hours, so that it runs by itself; sudo hands on what makes it whole."""
    faults = read("nightly.yml")["jobs"]["faults"]
    assert faults["env"]["PC_SWITCHER_FAULT_POINTS"] == "all"
    assert faults["timeout-minutes"] == 350
    (loop,) = (step["run"] for step in faults["steps"] if "tests/faults/test_loop.py" in step.get("run", ""))
    assert "--preserve-env=PC_SWITCHER_FAULT_POINTS," in loop


def test_a_merge_candidate_runs_the_lab() -> None:
    """T7."""
    merge = read("merge.yml")
    assert {"run": "make lab-test"} in merge["jobs"]["lab"]["steps"]
    assert merge["jobs"]["lab"]["if"].startswith("github.event_name == 'merge_group' || ")
    assert {"pull_request", "merge_group"} == merge["on"].keys()
    assert "labeled" in merge["on"]["pull_request"]["types"]


def test_the_required_check_reports_always_and_waits_for_all() -> None:
    """T7: a job that is left out would count as passed."""
    jobs = read("merge.yml")["jobs"]
    required = jobs.pop("may-merge")
    assert required["if"] == "always()"
    assert set(required["needs"]) == jobs.keys()


@pytest.mark.parametrize(
    ("checks", "lab", "event", "queue", "merged"),
    [
        ("success", "success", "merge_group", "true", True),
        ("success", "success", "pull_request", "", True),
        ("success", "skipped", "pull_request", "true", True),
        ("success", "skipped", "pull_request", "", False),
        ("success", "skipped", "merge_group", "true", False),
        ("success", "failure", "pull_request", "true", False),
        ("success", "cancelled", "merge_group", "true", False),
        ("failure", "skipped", "pull_request", "true", False),
        ("failure", "success", "merge_group", "true", False),
        ("cancelled", "success", "pull_request", "", False),
    ],
)
def test_only_what_passed_everything_may_be_merged(checks: str, lab: str, event: str, queue: str, merged: bool) -> None:
    """T7: a pull request may wait for the lab only where a merge queue will run it."""
    (step,) = read("merge.yml")["jobs"]["may-merge"]["steps"]
    assert step["env"].keys() == {"CHECKS", "LAB", "EVENT", "QUEUE"}
    values = {"CHECKS": checks, "LAB": lab, "EVENT": event, "QUEUE": queue}
    done = subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        env={"PATH": os.environ["PATH"], **values},
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )
    assert (done.returncode == 0) is merged
    assert bool(done.stdout) is not merged
