"""TOML with lines."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.model.codec import JsonValue
from pcswitcher.run.settings_toml import KeyPath, Lines, TomlError, assignment, read_toml

TEXT = """\
# first
top.inner = 1

[ jobs . "files" ]   # spaced, quoted
trees = [
    {path = "/srv", homes = "home"},
]
words = '''
[not.a.header]
trees = 2
'''
"quoted key" = {a = 1, b = {c = 2}}
[[list.of]]
x = 1
[[list.of]]
y = 1
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("top", "inner"), 2),
        (("jobs",), 4),
        (("jobs", "files"), 4),
        (("jobs", "files", "trees"), 5),
        (("jobs", "files", "words"), 8),
        (("jobs", "files", "quoted key", "b", "c"), 12),
        (("list",), 13),
        (("list", "of", "y"), 16),
        (("not", "a", "header"), 0),
        (("jobs", "nothing"), 0),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_everything_is_found_where_it_stands(path: KeyPath, line: int, newline: str) -> None:
    """C2."""
    assert Lines.of(TEXT.replace("\n", newline)).find(path) == line


def _paths(data: dict[str, JsonValue]) -> list[KeyPath]:
    found: list[KeyPath] = []
    for key, value in data.items():
        found.append((key,))
        if isinstance(value, dict):
            found += [(key, *path) for path in _paths(value)]
    return found


@given(
    st.lists(st.sampled_from([*TEXT.splitlines(), "a = 1", "[b]", "b.c = 2", "[b.d]", "", "x = [", "]"]), max_size=9)
)
def test_every_key_of_any_document_has_a_line(lines: list[str]) -> None:
    """C2."""
    text = "\n".join(lines)
    try:
        places = [Lines.of(text).find(path) for path in _paths(read_toml(text))]
    except TomlError as error:
        places = [error.line]
    assert all(1 <= place <= max(1, len(lines)) for place in places)


@pytest.mark.parametrize(
    ("text", "line"),
    [("a =\n", 1), ("a = 1\nb = [", 2), ("a = 1\n\n[a", 3), ("[x]\ny = 1\ny = 2\nz = 1\n", 3), ("=", 1)],
)
def test_what_is_no_toml_is_told_with_its_line(text: str, line: int) -> None:
    """C2."""
    with pytest.raises(TomlError) as caught:
        read_toml(text)
    assert caught.value.line == line
    assert "line" not in caught.value.words


@given(
    st.one_of(
        st.booleans(),
        st.integers(-(2**60), 2**60),
        st.text(max_size=20),
        st.lists(st.text(max_size=5), max_size=3),
        st.lists(st.dictionaries(st.sampled_from("abc"), st.text(max_size=5), min_size=1), min_size=1, max_size=3),
    )
)
def test_an_assignment_is_one_line_that_reads_as_its_value(value: JsonValue) -> None:
    line = assignment("key", value)
    assert "\n" not in line
    assert tomllib.loads(line) == {"key": value}
