"""What all tests share."""

from __future__ import annotations

import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Name our markers."""
    config.addinivalue_line("markers", "root: needs root on this machine (agents, devices, owners)")
    config.addinivalue_line("markers", "loop: needs root, btrfs and loop devices on this machine")


@pytest.fixture
def root() -> None:
    """Skip where the test cannot be root; in CI that is a failure."""
    if os.geteuid() != 0:
        reason = "needs root (run the tests with sudo, or in the lab)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
