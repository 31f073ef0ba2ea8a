"""Which version is newer (requirement D1)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.machine.version import Version
from pcswitcher.model.errors import FormatError

# The order that PEP 440 gives as its example, shortened, with a few of ours.
ORDERED = (
    "0.9", "0.10.dev1", "0.10", "1.0.dev456", "1.0a1", "1.0a2.dev456", "1.0a12", "1.0b1.dev456", "1.0b2",
    "1.0b2.post345.dev456", "1.0b2.post345", "1.0rc1.dev456", "1.0rc1", "1.0", "1.0+abc.5", "1.0+abc.7", "1.0+5",
    "1.0.post456.dev34", "1.0.post456", "1.0.15", "1.1.dev1", "1.10",
)  # fmt: skip


@pytest.mark.parametrize(("older", "newer"), list(itertools.combinations(ORDERED, 2)))
def test_versions_are_ordered_as_the_standard_says(older: str, newer: str) -> None:
    assert Version.parse(older) < Version.parse(newer)
    assert Version.parse(newer) > Version.parse(older)
    assert Version.parse(newer) != Version.parse(older)


@pytest.mark.parametrize(("one", "other"), [("1.0", "1"), ("1.0.0", "1.0"), ("1.0-RC1", "1.0rc1"), ("v2", "2.0")])
def test_spellings_of_one_version_are_equal(one: str, other: str) -> None:
    assert Version.parse(one) == Version.parse(other)
    assert hash(Version.parse(one)) == hash(Version.parse(other))


@pytest.mark.parametrize("text", ["", "x", "1..2", "1.0/../..", "1.0\n2", "../1.0"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        Version.parse(text)


@given(st.lists(st.integers(0, 99), min_size=1, max_size=4), st.lists(st.integers(0, 99), min_size=1, max_size=4))
def test_releases_compare_as_numbers_not_as_text(one: list[int], other: list[int]) -> None:
    width = max(len(one), len(other))
    padded = [[*numbers, *[0] * (width - len(numbers))] for numbers in (one, other)]
    versions = [Version.parse(".".join(map(str, numbers))) for numbers in (one, other)]
    assert (versions[0] < versions[1]) == (padded[0] < padded[1])
