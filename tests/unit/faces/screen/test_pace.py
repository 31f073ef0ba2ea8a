"""Rates and ranges, by data."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.faces.screen.pace import (
    EN_DASH,
    SLICE,
    WINDOW,
    Pace,
    Sample,
    TimeLeft,
    duration_words,
    left_words,
    slice_rates,
    time_left,
)


def steady(rate: float, seconds: int, start: float = 0.0) -> tuple[Sample, ...]:
    return tuple(Sample(start + second, rate * second) for second in range(seconds + 1))


def test_a_steady_rate_is_the_same_in_every_slice() -> None:
    assert slice_rates(steady(100, 12), 12) == pytest.approx([100] * 4)


def test_before_a_slice_is_over_nothing_is_known() -> None:
    assert slice_rates(steady(100, 2), 2) == ()
    assert slice_rates((), 5) == ()


def test_what_stands_still_since_its_last_sample_gets_slower() -> None:
    """Honest numbers: no sample means no progress, not the old rate."""
    rates = slice_rates(steady(100, 6), 12)
    assert rates == pytest.approx([100, 100, 0, 0])


def test_only_the_last_seconds_count() -> None:
    pace = Pace()
    for sample in steady(1000, 60):
        pace.add(sample.moment, sample.done)
    for second in range(1, int(WINDOW) + 1):
        pace.add(60 + second, 60_000 + 10 * second)
    assert pace.rate(60 + WINDOW) == pytest.approx(10)


def test_work_or_time_that_goes_backwards_is_a_new_beginning() -> None:
    pace = Pace()
    for sample in steady(100, 9):
        pace.add(sample.moment, sample.done)
    pace.add(10, 0)
    assert pace.rates(10) == ()
    pace.add(4, 50)
    assert pace.rates(4) == ()


def test_the_range_comes_from_the_slowest_and_the_fastest_slice() -> None:
    assert time_left(1200, (4.0, 10.0, 6.0)) == TimeLeft(120, 300)
    assert time_left(1200, (4.0, 0.0)) == TimeLeft(300, math.inf)


@pytest.mark.parametrize("rates", [(), (5.0,), (0.0, 0.0)])
def test_too_little_is_known_for_a_range(rates: tuple[float, ...]) -> None:
    assert time_left(100, rates) is None


@given(
    st.lists(st.tuples(st.floats(0, 5), st.floats(0, 1e9)), min_size=1, max_size=60),
    st.floats(0, 30),
    st.floats(1, 1e12),
)
def test_whatever_happens_rates_are_never_negative_and_the_range_is_in_order(
    steps: list[tuple[float, float]], later: float, remaining: float
) -> None:
    pace, moment, done = Pace(), 0.0, 0.0
    for seconds, more in steps:
        moment, done = moment + seconds, done + more
        pace.add(moment, done)
    rates = pace.rates(moment + later)
    assert all(rate >= -1e-6 for rate in rates)
    assert len(rates) <= WINDOW / SLICE
    left = pace.time_left(moment + later, remaining)
    assert left is None or 0 < left.least <= left.most


@pytest.mark.parametrize(
    ("least", "most", "words"),
    [
        (180, 300, "3-5 min left"),
        (12, 31, "10-30 s left"),
        (28, 31, "about 30 s left"),
        (2, 4, "a few seconds left"),
        (7, 40, "7-40 s left"),
        (20, 200, "1-3 min left"),
        (230, 250, "about 4 min left"),
        (3600, 7200, "1-2 h left"),
        (900, 9000, "0.5-2.5 h left"),
        (240, math.inf, "at least 4 min left"),
        (20, math.inf, "at least 20 s left"),
    ],
)
def test_a_range_is_said_as_people_say_it(least: float, most: float, words: str) -> None:
    assert left_words(TimeLeft(least, most)).replace(EN_DASH, "-") == words


def test_what_is_not_known_is_not_said() -> None:
    assert left_words(None) == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, ""), (0.4, ""), (0.6, "1 s"), (59.4, "59 s"), (60, "1:00"), (185, "3:05"), (3725, "1:02:05")],
)
def test_a_duration_is_short(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words
