"""Typed values to JSON and back; what does not fit is refused once, here."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum, StrEnum
from typing import cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.model.codec import JsonValue, TextForm, TextForms, dump_plain, dumps, from_json, loads, to_json
from pcswitcher.model.errors import FormatError


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Size(IntEnum):
    SMALL = 1
    LARGE = 2


@attrs.frozen(kw_only=True)
class Part:
    name: bytes
    colour: Colour = Colour.RED


@attrs.frozen(kw_only=True)
class Whole:
    count: int
    share: float
    good: bool
    text: str
    size: Size
    when: datetime
    parts: tuple[Part, ...]
    more: dict[str, int]
    maybe: Part | None = None


TIMES = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]))
PARTS = st.builds(Part, name=st.binary(max_size=20), colour=st.sampled_from(Colour))
WHOLES = st.builds(
    Whole,
    count=st.integers(),
    share=st.floats(allow_nan=False, allow_infinity=False),
    good=st.booleans(),
    text=st.text(max_size=20),
    size=st.sampled_from(Size),
    when=TIMES,
    parts=st.lists(PARTS, max_size=3).map(tuple),
    more=st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
    maybe=st.none() | PARTS,
)


@given(WHOLES)
def test_every_value_comes_back_and_its_text_is_ascii(value: Whole) -> None:
    text = dumps(value)
    assert loads(Whole, text) == value
    assert text.isascii()
    assert "\n" not in text
    assert loads(Whole, dumps(value, indent=2)) == value


def sample() -> dict[str, JsonValue]:
    value = Whole(
        count=1,
        share=0.5,
        good=True,
        text="x",
        size=Size.LARGE,
        when=datetime(2026, 1, 1, tzinfo=UTC),
        parts=(Part(name=b"\xff"),),
        more={"a": 1},
    )
    found = to_json(value)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("count", "1"),
        ("count", 1.0),
        ("count", True),
        ("count", None),
        ("share", "0.5"),
        ("share", True),
        ("share", "nan"),
        ("good", 1),
        ("good", "true"),
        ("text", 1),
        ("text", None),
        ("size", 3),
        ("size", "2"),
        ("when", "2026-01-01T00:00:00"),
        ("when", "yesterday"),
        ("when", 5),
        ("parts", [{"name": "\\"}]),
        ("parts", [{"name": "\ud800"}]),
        ("parts", [{"name": "x", "colour": "green"}]),
        ("parts", [{}]),
        ("parts", [{"name": "x", "surplus": 1}]),
        ("parts", 7),
        ("more", {"a": "1"}),
        ("more", []),
        ("maybe", []),
    ],
)
def test_a_wrong_value_is_refused(key: str, wrong: JsonValue) -> None:
    with pytest.raises(FormatError):
        from_json(Whole, {**sample(), key: wrong})


def test_a_missing_or_surplus_key_is_refused() -> None:
    data = sample()
    with pytest.raises(FormatError):
        from_json(Whole, {**data, "surplus": 1})
    del data["count"]
    with pytest.raises(FormatError, match="count"):
        from_json(Whole, data)


def test_whole_numbers_are_numbers_too() -> None:
    assert from_json(Whole, {**sample(), "share": 1}).share == 1.0


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, b"\xff", "null", "[]", "NaN"])
def test_text_that_is_no_such_value_is_refused(text: str | bytes) -> None:
    with pytest.raises(FormatError):
        loads(Whole, text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    )
)
def test_no_json_at_all_breaks_the_reader(data: JsonValue) -> None:
    with pytest.raises(FormatError):
        from_json(Whole, data)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_cannot_hold_is_not_written(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        dump_plain(value)


def test_plain_data_is_one_line_of_json() -> None:
    assert dump_plain({"ü": [1, None, "\n"]}) == '{"\\u00fc":[1,null,"\\n"]}'
    assert json.loads(dump_plain({"ü": 1})) == {"ü": 1}


@pytest.mark.parametrize(
    ("data", "told"), [("green", "'green' is none of: red, blue"), ("", "'' is none of: red, blue")]
)
def test_a_value_that_is_none_of_a_choice_is_told_with_the_choices(data: str, told: str) -> None:
    """C2."""
    with pytest.raises(FormatError, match=told):
        from_json(Colour, data)


def test_a_form_for_people_is_read_and_written_only_where_it_is_asked_for() -> None:
    """What a settings file writes differently is not what machines tell each other."""
    forms = cast("TextForms", (TextForm(Size, lambda data: Size[str(data)], lambda size: size.name),))
    assert to_json({"a": Size.LARGE}, forms=forms) == {"a": "LARGE"}
    assert to_json({"a": Size.LARGE}) == {"a": 2}
    assert from_json(dict[str, Size], {"a": "SMALL"}, forms) == {"a": Size.SMALL}
    assert from_json(dict[str, Size], {"a": 1}) == {"a": Size.SMALL}
    with pytest.raises(FormatError):
        from_json(dict[str, Size], {"a": "SMALL"})
