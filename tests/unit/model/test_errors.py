"""The tree of errors: drawn as it is, each with its exit code (design §7)."""

from __future__ import annotations

import re

import pytest

from pcswitcher.model import errors
from pcswitcher.model.errors import ExitCode, PcSwitcherError, error_types

OURS = {name: kind for name, kind in error_types().items() if kind.__module__ == errors.__name__}


def test_the_drawn_tree_is_the_real_one() -> None:
    drawn = dict(re.findall(r"(\w+Error)\s+(\d+)  ", errors.__doc__ or ""))
    assert drawn == {name: str(int(kind.exit_code)) for name, kind in OURS.items()}


def test_parents_are_drawn_above_their_children() -> None:
    lines = [line for line in (errors.__doc__ or "").splitlines() if "Error " in line]
    above: list[tuple[int, str]] = []
    for line in lines:
        found = re.search(r"\w+Error", line)
        assert found is not None
        while above and above[-1][0] >= found.start():
            above.pop()
        kind = OURS[found[0]]
        if above:
            assert kind.__base__ is OURS[above[-1][1]], line
        above.append((found.start(), found[0]))


@pytest.mark.parametrize("kind", OURS.values())
def test_every_error_has_a_message_a_hint_and_a_known_code(kind: type[PcSwitcherError]) -> None:
    error = kind("vega: no", "do this")
    assert (error.message, error.hint, str(error)) == ("vega: no", "do this", "vega: no (do this)")
    assert str(kind("vega: no")) == "vega: no"
    assert kind.exit_code in ExitCode
    assert kind.exit_code != ExitCode.DONE
