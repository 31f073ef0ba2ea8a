"""The example as a third party has it: built, installed, found, and held to the suite (J1, design §4)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pcswitcher.machine.deployed import read_manifest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "pc-switcher-hosts"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, built by its own build system, without the network."""
    place = tmp_path_factory.mktemp("wheel")
    shutil.copytree(EXAMPLE, place / "source")
    pip(["wheel", "--no-build-isolation", "--wheel-dir", str(place), str(place / "source")])
    (built,) = place.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it is installed, beside nothing else."""
    place = tmp_path_factory.mktemp("packages")
    pip(["install", "--target", str(place), str(wheel)])
    return place


def pip(words: list[str]) -> None:
    """Run pip in this environment; it has nothing to fetch."""
    command = [sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check", words[0], "--no-deps"]
    run([*command, "--no-index", *words[1:]], None)


def run(command: list[str], packages: Path | None, status: int = 0, **environment: str) -> str:
    """Run a command with the example's package installed, and give what it said."""
    surroundings = {**os.environ, **environment}
    if packages:
        surroundings["PYTHONPATH"] = str(packages)
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env=surroundings)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def program(packages: Path, *words: str, status: int = 0, **environment: str) -> str:
    """Run our command line with it."""
    return run([sys.executable, "-m", "pcswitcher", *words], packages, status, **environment)


def test_installed_it_is_a_job_like_ours(installed: Path, tmp_path: Path) -> None:
    """J1, C3: its settings are shown with ours, its name is known, and nothing of ours was changed for it."""
    shown = tomllib.loads(program(installed, "config", "show", XDG_CONFIG_HOME=str(tmp_path)))
    assert shown["jobs"]["hosts"] == {"enabled": True, "block": "shared", "max_removals": 10}
    said = program(installed, "sync", "nowhere.invalid", "--only", "host", status=2, XDG_CONFIG_HOME=str(tmp_path))
    assert "did you mean hosts?" in said


def test_its_settings_are_checked_like_ours(installed: Path, tmp_path: Path) -> None:
    """J2, C2: a value out of range, and a key that is none, are told with file and line, before anything runs."""
    place = tmp_path / "pc-switcher"
    place.mkdir()
    for line, complaint in (("max_removals = -1", "at least 0"), ("blocks = 'x'", "did you mean block?")):
        (place / "config.toml").write_text(f"[jobs.hosts]\n{line}\n")
        said = program(installed, "config", "check", status=10, XDG_CONFIG_HOME=str(tmp_path))
        assert "line 2" in said
        assert complaint in said


def test_without_its_package_its_settings_are_unknown(tmp_path: Path) -> None:
    """J2: so a job that is not installed is never passed over in silence."""
    place = tmp_path / "pc-switcher"
    place.mkdir()
    (place / "config.toml").write_text("[jobs.hosts]\nblock = 'mine'\n")
    said = run([sys.executable, "-m", "pcswitcher", "config", "check"], None, 10, XDG_CONFIG_HOME=str(tmp_path))
    assert "hosts" in said
    assert "line 1" in said


def test_it_passes_the_suite_for_jobs_as_it_is_installed(installed: Path, tmp_path: Path) -> None:
    """Design §4: its own tests, on the installed package, without a setting of ours."""
    tests = shutil.copytree(EXAMPLE / "tests", tmp_path / "tests")
    said = run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tests}", str(tests)], installed
    )
    assert "passed" in said


def test_it_is_carried_to_the_other_pc(installed: Path, tmp_path: Path) -> None:
    """J1, D3: the one file that is built where it is installed holds it; alone, it shows its settings."""
    bundle = tmp_path / "dist" / "pc-switcher"
    run([sys.executable, "-m", "pcswitcher.machine.bundle", str(bundle)], installed)
    run([sys.executable, "-m", "pcswitcher.machine.bundle", str(tmp_path / "without")], None)
    assert read_manifest(str(bundle)) != read_manifest(str(tmp_path / "without"))
    said = run([sys.executable, "-I", "-S", str(bundle), "config", "show"], None, XDG_CONFIG_HOME=str(tmp_path))
    assert "[jobs.hosts]" in said
