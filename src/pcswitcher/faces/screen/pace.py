"""How fast something goes and when it will be done: pure arithmetic on what was seen in the last seconds.

The end is told as a range, from the slowest and the fastest of the last seconds: one number would claim to know.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from itertools import pairwise

import attrs

WINDOW = 18.0
"""Seconds that are looked at."""
SLICE = 3.0
"""Seconds that one rate is an average of."""
EN_DASH = "\N{EN DASH}"
SOON = 90.0
"""Below so many seconds the time that is left is told in seconds, below as many minutes in minutes."""


@attrs.frozen
class Sample:
    """How much was done at a moment (seconds on any clock)."""

    moment: float
    done: float


@attrs.frozen
class TimeLeft:
    """The time that is left, in seconds, if it goes on as fast or as slowly as it did lately."""

    least: float
    most: float
    """Infinite when it stood still for a while."""


class Pace:
    """The samples of the last seconds of one job."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque()

    def add(self, moment: float, done: float) -> None:
        """Take a sample. Time or work that goes backwards is a new beginning."""
        last = self._samples[-1] if self._samples else None
        if last is not None and (moment < last.moment or done < last.done):
            self._samples.clear()
        self._samples.append(Sample(moment, done))
        while len(self._samples) > 2 and self._samples[1].moment <= moment - WINDOW:
            self._samples.popleft()

    def rates(self, moment: float) -> tuple[float, ...]:
        """Units per second of each slice before ``moment``, oldest first; none before a slice is over."""
        return slice_rates(tuple(self._samples), moment)

    def rate(self, moment: float) -> float:
        """Units per second over the whole window; 0 when not known."""
        rates = self.rates(moment)
        return sum(rates) / len(rates) if rates else 0.0

    def time_left(self, moment: float, remaining: float) -> TimeLeft | None:
        """When ``remaining`` units will be done; None when too little was seen to say."""
        return time_left(remaining, self.rates(moment))


def slice_rates(samples: Sequence[Sample], moment: float) -> tuple[float, ...]:
    """Units per second of each whole slice between the first sample and ``moment``, at most the window's, oldest first.

    Since the last sample nothing was done, as far as is known.
    """
    if not samples or moment < samples[-1].moment:
        return ()
    start = max(samples[0].moment, moment - WINDOW)
    slices = int((moment - start) / SLICE + 1e-9)
    bounds = [_done_at(samples, moment - SLICE * number) for number in range(slices, -1, -1)]
    return tuple((late - early) / SLICE for early, late in pairwise(bounds))


def time_left(remaining: float, rates: Sequence[float]) -> TimeLeft | None:
    """The range that the rates of the last slices give; None for fewer than two, or when nothing moved at all."""
    if len(rates) < 2 or not any(rates) or remaining <= 0:
        return None
    slowest = min(rates)
    return TimeLeft(least=remaining / max(rates), most=remaining / slowest if slowest > 0 else math.inf)


def _done_at(samples: Sequence[Sample], moment: float) -> float:
    """How much was done at a moment, on a straight line between the samples around it."""
    for early, late in pairwise(samples):
        if early.moment <= moment < late.moment:
            return early.done + (late.done - early.done) * (moment - early.moment) / (late.moment - early.moment)
    return samples[-1].done if moment >= samples[-1].moment else samples[0].done


def left_words(left: TimeLeft | None) -> str:
    """The time that is left as people say it: ``3-5 min left``; empty when it is not known."""
    if left is None:
        return ""
    if math.isinf(left.most):
        return f"at least {_amount(left.least)} left"
    if left.most <= 5:
        return "a few seconds left"
    low, unit = _rounded(left.least, left.most)
    high, _ = _rounded(left.most, left.most)
    if low == high:
        return f"about {high} {unit} left"
    return f"{low}{EN_DASH}{high} {unit} left"


def duration_words(seconds: float) -> str:
    """How long something took: ``12 s``, ``3:05``, ``1:02:05``; empty below half a second."""
    whole = round(seconds)
    if whole < 1:
        return ""
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _amount(seconds: float) -> str:
    number, unit = _rounded(seconds, seconds)
    return f"{number} {unit}"


def _rounded(seconds: float, scale: float) -> tuple[str, str]:
    """Seconds in the unit that suits ``scale``, and the unit. Steps of five above ten seconds, halves of hours."""
    if scale < SOON:
        step = 5 if seconds >= 10 else 1
        return str(max(1, round(seconds / step) * step)), "s"
    if scale < SOON * 60:
        return (str(round(seconds / 60)) if seconds >= 45 else "1"), "min"
    hours = round(seconds / 1800) / 2
    return f"{max(hours, 0.5):g}", "h"
