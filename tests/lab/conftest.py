"""What the tests of syncs between two PCs share. The driving itself is in pclab.driving."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pclab import product
from pclab.driving import assert_quiet, first_sync
from pclab.machine import LabMachine


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
