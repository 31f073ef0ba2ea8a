"""Clocks: a sleep and a clock that was set are told apart, and from ordinary time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pcswitcher.machine.clocks import Clocks, clocks_here, jumps, seconds_words

START = Clocks(wall=1_800_000_000.0, awake=100.0, running=500.0)


def later(*, awake: float, asleep: float = 0.0, set_by: float = 0.0) -> Clocks:
    return Clocks(
        wall=START.wall + awake + asleep + set_by,
        awake=START.awake + awake,
        running=START.running + awake + asleep,
    )


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (later(awake=5), ()),
        (later(awake=5, asleep=1, set_by=-1), ()),
        (later(awake=5, asleep=40), ("vega slept for 40 s",)),
        (later(awake=5, set_by=3600), ("the clock of vega was set 60 min ahead",)),
        (later(awake=5, set_by=-86400 * 365), ("the clock of vega was set 365.0 days back",)),
        (later(awake=5, asleep=10_000, set_by=-30), ("vega slept for 2.8 h", "the clock of vega was set 30 s back")),
    ],
)
def test_a_sleep_and_a_clock_that_was_set_are_told(after: Clocks, said: tuple[str, ...]) -> None:
    """Faults rows 10 and 11."""
    assert jumps("vega", START, after) == said


@given(awake=some.floats(0, 10**7), asleep=some.floats(0, 10**7), set_by=some.floats(-(10**9), 10**9))
def test_time_that_passes_is_never_taken_for_a_jump(awake: float, asleep: float, set_by: float) -> None:
    """Faults row 10: what is told follows from what happened, however much time went by."""
    said = jumps("vega", START, later(awake=awake, asleep=asleep, set_by=set_by))
    assert any("slept" in words for words in said) == (asleep >= 2.0) or abs(asleep - 2.0) < 1e-3
    assert any("was set" in words for words in said) == (abs(set_by) >= 2.0) or abs(abs(set_by) - 2.0) < 1e-3


def test_the_clocks_of_this_machine_go_on() -> None:
    before, after = clocks_here(), clocks_here()
    assert after.awake >= before.awake
    assert jumps("here", before, after) == ()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(2.4, "2 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2.0 h"), (172800, "2.0 days")],
)
def test_a_stretch_of_time_is_said_as_people_do(seconds: float, words: str) -> None:
    assert seconds_words(seconds) == words
