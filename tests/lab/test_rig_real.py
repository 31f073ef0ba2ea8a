"""Two machines named by the environment, played by two lab PCs: T3, T6."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pclab import keys, ssh
from pclab.machine import LabMachine
from pclab.session import LabSession

pytestmark = pytest.mark.lab_only

TESTS = """
import pytest

@pytest.mark.lab(reset="test")
def test_both_are_put_back(atlas, vega):
    for machine in (atlas, vega):
        assert machine.run(["test", "-e", "/home/sam/from-before"], check=False).returncode == 1
        assert machine.sudo(["ls", "-A", "/.snapshots"]).stdout == b"baseline\\n"
        listed = machine.sudo(["btrfs", "subvolume", "list", "/"]).stdout
        assert b"replaced" not in listed
        assert listed.count(b" path ") == 5

@pytest.mark.lab_only
def test_power(atlas): pass
"""

RunTests = Callable[[], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def as_real_machines(lab: LabSession, tmp_path: Path) -> RunTests:
    """Runs the tests above against the lab's PCs as if they were real machines of a developer's network."""
    names = lab.names
    assert names is not None
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    program = tmp_path / "ssh"
    config = ssh.config_path(names)
    program.write_text(f'#!/bin/sh\nexec {" ".join(ssh.in_switch(names))} /usr/bin/ssh -F {config} "$@"\n')
    program.chmod(0o755)
    assert keys.driver_key(names).exists()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PC_SWITCHER_TEST_PC1_HOST": "atlas",
        "PC_SWITCHER_TEST_PC2_HOST": "vega",
        "PC_SWITCHER_TEST_USER": "sam",
    }

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            cwd=tmp_path,
            timeout=200,
        )

    return run


@pytest.mark.lab(reset="test")
def test_machines_without_a_baseline_or_marker_are_refused_together(
    as_real_machines: RunTests, atlas: LabMachine, vega: LabMachine
) -> None:
    vega.sudo(["rm", "/etc/pc-switcher-lab"])
    done = as_real_machines()
    assert done.returncode == 1
    assert "atlas: the baseline snapshot /.snapshots/baseline/@home is missing" in done.stdout
    assert "vega: the marker /etc/pc-switcher-lab is missing" in done.stdout
    assert "1 deselected, 1 error" in done.stdout


@pytest.mark.lab(reset="test")
def test_prepared_machines_are_put_back_to_their_baseline_and_locked(
    as_real_machines: RunTests, atlas: LabMachine, vega: LabMachine
) -> None:
    for machine in (atlas, vega):
        machine.sudo(["mkdir", "/.snapshots/baseline"])
        for place, name in (("/", "@"), ("/home", "@home")):
            machine.sudo(["btrfs", "subvolume", "snapshot", "-r", place, f"/.snapshots/baseline/{name}"])
        machine.write("/home/sam/from-before", b"x")
        machine.sudo(["btrfs", "subvolume", "snapshot", "-r", "/home", "/.snapshots/another"])
        machine.sudo(["btrfs", "subvolume", "create", "/var/lib/nested"])
    lock = "/run/pc-switcher-test.lock"
    atlas.write(lock, b"ann on desk, since noon", sudo=True)
    held = atlas.popen(["sudo", "flock", lock, "cat"])
    while not atlas.processes(r"^flock .*test\.lock"):
        assert held.poll() is None
    busy = as_real_machines()
    assert "the machines are in use: ann on desk, since noon" in busy.stdout
    held.communicate(b"", timeout=10)
    done = as_real_machines()
    assert "1 passed, 1 deselected" in done.stdout, done.stdout
