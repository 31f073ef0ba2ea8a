"""Names as text: lossless, one line, and safe for a terminal whatever the bytes (requirements on names; row 22)."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pcswitcher.model.errors import FormatError
from pcswitcher.model.text import escape, human_count, human_size, printable, unescape

NAMES = st.binary(max_size=64) | st.text(max_size=64).map(lambda text: text.encode("utf-8", "surrogatepass"))
UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
BIDIRECTIONAL = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def is_safe(text: str) -> bool:
    return all(
        unicodedata.category(each) not in UNSAFE and unicodedata.bidirectional(each) not in BIDIRECTIONAL
        for each in text
    )


@given(NAMES)
@example(bytes(range(256)))
@example("\u202egnp.exe\u2066\u200f\u2028\u2029\u0085\ufeff".encode())
@example(b"\xed\xa0\x80")
@example(b"\\x41\\n\\\\")
def test_every_name_comes_back_from_one_safe_line(name: bytes) -> None:
    text = escape(name)
    assert unescape(text) == name
    assert is_safe(text)
    assert len(text.splitlines()) <= 1
    text.encode("utf-8")  # no half characters


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_two_names_never_look_the_same(one: bytes, other: bytes) -> None:
    assert (escape(one) == escape(other)) == (one == other)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"", ""),
        (b"plain name.txt", "plain name.txt"),
        ("grüße 日本".encode(), "grüße 日本"),
        (b"a\nb\tc\\d", "a\\nb\\tc\\\\d"),
        (b"\x1b[31m\x7f", "\\x1b[31m\\x7f"),
        (b"caf\xe9", "caf\\xe9"),
    ],
)
def test_names_are_readable_where_they_can_be(name: bytes, text: str) -> None:
    assert escape(name) == text


@pytest.mark.parametrize("text", ["\\", "a\\q", "\\x", "\\x4", "\\xZZ", "\\xAB", "\ud800", "\\n\udbff"])
def test_text_that_escape_never_gives_is_refused_safely(text: str) -> None:
    with pytest.raises(FormatError) as caught:
        unescape(text)
    assert is_safe(caught.value.message)


@given(st.text(max_size=80) | st.text(alphabet=st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp"]), max_size=30))
def test_words_of_other_programs_keep_their_lines_and_lose_their_controls(text: str) -> None:
    shown = printable(text)
    assert is_safe(shown.replace("\n", ""))
    assert shown.count("\n") == text.count("\n")
    assert printable(shown) == shown


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (10 * 1024, "10 KiB"),
        (3 * 1024**3, "3.0 GiB"),
        (5000 * 1024**4, "5000 TiB"),
    ],
)
def test_sizes_are_in_binary_units(size: int, words: str) -> None:
    assert human_size(size) == words


def test_counts_carry_their_noun() -> None:
    assert human_count(1, "file") == "1 file"
    assert human_count(1234, "file") == "1,234 files"
    assert human_count(0, "directory", "directories") == "0 directories"
