"""The types of the settings: ranges, amounts of space, levels."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.model.codec import from_json, to_json
from pcswitcher.model.events import Level
from pcswitcher.model.settings import (
    SETTING_FORMS,
    DiskSettings,
    LogSettings,
    RunSettings,
    Settings,
    SnapshotSettings,
    Threshold,
    help_of,
    range_words,
    read_level,
    read_threshold,
    setting,
)


@attrs.frozen(kw_only=True)
class Sample:
    """One setting of each kind of range."""

    free: int = setting(1, "Anything.")
    least: int = setting(5, "At least five.", least=5)
    most: float = setting(0.5, "At most one", most=1, unit="seconds")
    both: int = setting(50, "Between", least=0, most=100, unit="percent")
    word: str = setting("x", "A word")


def field(name: str) -> attrs.Attribute[object]:
    found: attrs.Attribute[object] = getattr(attrs.fields(Sample), name)
    return found


def test_help_has_the_unit_and_the_range() -> None:
    """J1."""
    assert [help_of(each) for each in attrs.fields(Sample)] == [
        "Anything.",
        "At least five (at least 5).",
        "At most one (seconds, at most 1).",
        "Between (percent, 0 to 100).",
        "A word",
    ]
    assert range_words(field("word")) == ""


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("least", 4, "4 is out of range: at least 5"),
        ("most", 1.5, "1.5 is out of range: seconds, at most 1"),
        ("both", 101, "101 is out of range: percent, 0 to 100"),
        ("both", -1, "-1 is out of range: percent, 0 to 100"),
    ],
)
def test_a_number_out_of_its_range_is_refused_with_the_range(name: str, value: float, told: str) -> None:
    """J2."""
    with pytest.raises(ValueError, match=told):
        Sample(**{name: value})  # type: ignore[arg-type]  # the range is what is tried, not the type
    edge = Sample(least=5, most=1, both=100)
    assert (edge.least, edge.most, edge.both) == (5, 1, 100)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("20%", 200),
        ("0.5 %", 5),
        ("0%", 0),
        ("100%", 1000),
        ("40 GiB", 40 * 1024**3),
        ("1.5KiB", 1536),
        (" 2 MB ", 2_000_000),
        ("1TB", 10**12),
    ],
)
def test_an_amount_of_space_is_a_share_or_a_size(text: str, size: int) -> None:
    """S8."""
    assert Threshold.parse(text).of(1000) == size


@pytest.mark.parametrize("data", ["20", 20, 20.5, "", "%", "-1%", "101%", "20 percent", "1 XB", "1 B", "1e3 GiB", True])
def test_a_bare_number_and_what_is_no_amount_are_refused(data: object) -> None:
    """S8."""
    with pytest.raises(ValueError, match=r"is no amount of space: write a share|is more than there is"):
        read_threshold(data)


@given(st.text(max_size=20))
def test_an_amount_of_space_means_what_it_says_or_is_refused(text: str) -> None:
    """S8."""
    try:
        threshold = Threshold.parse(text)
    except ValueError:
        return
    assert threshold.of(0) >= 0
    assert "%" in text or text.strip().endswith("B")


def test_levels_are_read_by_their_names() -> None:
    """L1."""
    assert [read_level(name) for name in ("DEBUG", "full", "Critical")] == [Level.DEBUG, Level.FULL, Level.CRITICAL]
    for wrong in ("LOUD", 20, True, None):
        with pytest.raises(ValueError, match="is none of: DEBUG, FULL, INFO, WARNING, ERROR, CRITICAL"):
            read_level(wrong)


@pytest.mark.parametrize("kind", [RunSettings, LogSettings, DiskSettings, SnapshotSettings])
def test_every_setting_has_a_default_in_its_own_range_and_is_explained(kind: type[attrs.AttrsInstance]) -> None:
    """C1."""
    written = to_json(kind(), forms=SETTING_FORMS)
    assert from_json(kind, written, SETTING_FORMS) == kind()
    assert all(help_of(each) for each in attrs.fields(kind))


def test_the_defaults_are_those_that_are_promised() -> None:
    """J6, S8, L2."""
    settings = Settings()
    assert settings.run.grace == 30
    assert [settings.disk.preflight.percent, settings.disk.warn.percent, settings.disk.stop.percent] == [20, 25, 15]
    assert settings.disk.interval == 30
    assert (settings.log.file, settings.log.screen) == (Level.FULL, Level.INFO)
