"""What all tests share."""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Generator, Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from hypothesis import settings

from pclab import product
from pclab.driving import assert_quiet, first_sync
from pclab.machine import LabMachine


def pytest_configure(config: pytest.Config) -> None:
    """Name our markers; at night properties are tried with more examples (PC_SWITCHER_EXAMPLES)."""
    examples = os.environ.get("PC_SWITCHER_EXAMPLES")
    if examples:
        settings.register_profile("night", max_examples=int(examples), deadline=None)
        settings.load_profile("night")
    config.addinivalue_line("markers", "root: needs root on this machine (agents, devices, owners)")
    config.addinivalue_line("markers", "slow: takes seconds; `make unit` leaves it to `make lab-test`")
    config.addinivalue_line("markers", "loop: needs root, btrfs and loop devices on this machine")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for root, so that `make unit` can leave it to `make lab-test`, which is root."""
    for item in items:
        if "root" in getattr(item, "fixturenames", ()):
            item.add_marker("root")


MAY_SKIP = tomllib.loads(Path(__file__).with_name("may_skip.toml").read_text(encoding="utf-8"))["may_skip"]


def may_skip(test: str, reason: str) -> bool:
    """Whether ``test`` (a node id) may be left out for ``reason``; in CI nothing may."""
    if os.environ.get("CI"):
        return False
    return any(
        reason.startswith(each["reason"]) and any(fnmatch(test, it) for it in each["where"]) for each in MAY_SKIP
    )


def fail_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Make a skip that is not in ``may_skip.toml`` a failure."""
    if report.skipped:
        words = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = str(getattr(report, "wasxfail", words)).removeprefix("Skipped: ")
        if not may_skip(report.nodeid, reason):
            report.outcome = "failed"
            report.longrepr = f"left out without being in tests/may_skip.toml: {reason}"
            vars(report).pop("wasxfail", None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Hold each test to the list of what may be skipped."""
    report = yield
    fail_skip(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Hold each module to the same list."""
    report = yield
    fail_skip(report)
    return report


@pytest.fixture
def root() -> None:
    """Skip where the test cannot be root; in CI that is a failure."""
    if os.geteuid() != 0:
        reason = "needs root (run the tests with sudo, or in the lab)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


@pytest.fixture
def ssh_to_lab(vega: LabMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `ssh vega`, started by our program on this machine, reach the lab's vega: a command of that name in PATH.

    It only adds the way (the switch's namespace, the lab's own ssh configuration); everything else, host key
    checking among it, is the real ssh.
    """
    real = shutil.which("ssh")
    # The command inside must be the real one by its path: by its name it would find this one again.
    command = [real if word == "ssh" and real else word for word in vega.route.program]
    shim = tmp_path / "bin" / "ssh"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec {" ".join(command)} "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim.parent}:{os.environ['PATH']}")


@pytest.fixture(scope="module")
def installed(atlas: LabMachine, vega: LabMachine, bundle: Path) -> None:
    """The program on atlas and nowhere else, the tools of the lab on both."""
    product.install(atlas, bundle)
    for machine in (atlas, vega):
        product.carry_tools(machine)


@pytest.fixture(scope="module")
def synced(installed: None, atlas: LabMachine, vega: LabMachine) -> None:
    """Atlas was synced to vega once."""
    first_sync(atlas, vega)


@pytest.fixture
def quiet_after(atlas: LabMachine, vega: LabMachine) -> Iterator[None]:
    """After the test nothing of ours runs on either PC."""
    yield
    assert_quiet(atlas, vega)
