"""Patterns: what gitignore means for names that may hold anything (F3; faults rows 12 and 23)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.files.patterns import Pattern, PatternIndex, Prefilter, compile_pattern
from pcswitcher.model.errors import FormatError

HOSTILE_NAMES = (b"plain", b"two\nlines", b"ends\n", b"\xff\xfe", b"tab\t", b"-dash", b"\x1b[31m", b"*?[", b"n" * 255)


@pytest.mark.parametrize(
    ("pattern", "path", "is_directory", "matches"),
    [
        (b"name", b"a/b/name", False, True),
        (b"name", b"name/below", False, False),
        (b"name/", b"a/name", True, True),
        (b"name/", b"a/name", False, False),
        (b"/name", b"name", False, True),
        (b"/name", b"a/name", False, False),
        (b"a/b", b"a/b", False, True),
        (b"a/b", b"x/a/b", False, False),
        (b"a/**", b"a/x/y", False, True),
        (b"a/**", b"a", True, False),
        (b"a/**/b", b"a/b", False, True),
        (b"a/**/", b"a", True, False),
        (b"a/**/", b"a/x/y", True, True),
        (b"**/a/**/b", b"ab/a/b", False, True),
        (b"x/**/a/**/b", b"x/ab/a/b", False, True),
        (b"**/a*/**/b/**/c", b"ab/b/a/bb/b/c", False, True),
        (b"*.swp", b"Name.SWP", False, False),
        (b"*", b"\n", False, True),
        (b"**/x", b"new\nline/x", False, True),
        (b"a/**/x", b"a/new\nline/x", False, True),
        (b"foo", b"foo\n", False, False),
        (b"*.o", b"a\nb.o", False, True),
        (b"a[!x]b", b"a/b", False, False),
        (b"a[+-9]b", b"a/b", False, False),
        (b"a?b", b"a/b", False, False),
        (b"a?b", b"a\nb", False, True),
        (b"[!a]", b"\xff", False, True),
        (b"[[&|~]x", b"&x", False, True),
        (b"[[&|~]x", b"[x", False, True),
        (b"*a*b*", b"xaxbx", False, True),
        (b"*ab*ab", b"abxab", False, True),
        (b"*ab*ab", b"ab", False, False),
        (b"*[!a]a?*b", b"aabaaab", False, True),
        (b"voil\xc3\xa0", b"voil\xc3\xa0", False, True),
        (b"voil\xc3\xa0", b"voil\xc3", False, False),
        (b"#draft", b"#draft", False, True),
        (b"!urgent", b"!urgent", False, True),
        (b"\\*", b"*", False, True),
        (b"\\*", b"x", False, False),
        (b"end\\ ", b"end ", False, True),
    ],
)
def test_a_pattern_matches_the_entry_itself(pattern: bytes, path: bytes, is_directory: bool, matches: bool) -> None:
    assert compile_pattern(pattern).matches(path, is_directory) is matches


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_star_matches_any_name_and_a_name_matches_only_itself(name: bytes) -> None:
    escaped = b"".join(b"\\" + bytes([byte]) if byte in b"*?[\\" else bytes([byte]) for byte in name)
    for path in (name, b"above/" + name):
        assert compile_pattern(b"*").matches(path, False)
        assert compile_pattern(escaped).matches(path, False)
        assert not compile_pattern(escaped).matches(path + b"\n", False)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (b"[z-a]", "bad character range"),
        (b"[abc", "a [ without its ]"),
        (b"x/[a/b]", "a [ without its ]"),
        (b"end\\", "a lone backslash"),
        (b"/", "names nothing"),
        (b"//", "names nothing"),
        (b"", "names nothing"),
        (b"[[:alpha:]]", "character classes"),
        (b"[a--z]", "-- inside"),
    ],
)
def test_a_wrong_pattern_is_refused_with_the_reason(pattern: bytes, why: str) -> None:
    with pytest.raises(FormatError) as caught:
        compile_pattern(pattern)
    assert why in caught.value.message


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        (b"*a" * 30 + b"b", b"a" * 255),
        (b"**/a/" * 12 + b"b", b"a/" * 2040 + b"c"),
        (b"a/" + b"**/a/" * 12 + b"**", b"a/" * 2040 + b"c"),
        (b"**/*a*a*a/" * 6 + b"b", b"/".join([b"a" * 255] * 16)),
    ],
)
def test_a_hostile_pattern_takes_no_time_to_speak_of(pattern: bytes, path: bytes) -> None:
    """Without atomic groups the second one takes minutes."""
    started = time.perf_counter()
    compile_pattern(pattern).matches(path, False)
    assert time.perf_counter() - started < 2


pieces = st.sampled_from((b"a", b"b", b"*", b"?", b"**", b"[ab]", b"[!a]", b"\\a", b".", b"a.b", b"[]]", b"\\*"))
bodies = st.lists(st.lists(pieces, min_size=1, max_size=3).map(b"".join), min_size=1, max_size=3).map(b"/".join)
patterns = st.builds(
    lambda start, body, end: start + body + end, st.sampled_from((b"", b"/")), bodies, st.sampled_from((b"", b"/"))
)
names = st.one_of(
    st.sampled_from((b"a", b"b", b"ab", b"a.b", b"]", b"*", b"a\n")),
    st.binary(min_size=1, max_size=4).filter(lambda name: b"/" not in name and b"\0" not in name),
)
paths = st.lists(names, min_size=1, max_size=4).map(b"/".join)


@given(st.lists(patterns, max_size=6), paths, st.booleans())
def test_the_index_finds_what_asking_every_pattern_finds(texts: list[bytes], path: bytes, is_directory: bool) -> None:
    entries: list[tuple[int, Pattern]] = [(number, compile_pattern(text)) for number, text in enumerate(texts)]
    matching = [number for number, pattern in entries if pattern.matches(path, is_directory)]
    assert PatternIndex(entries).strongest(path, is_directory) == (matching[-1] if matching else None)
    # A prefilter does not know from which directory a pattern counts.
    assert Prefilter(pattern for _, pattern in entries).may_match(b"home/" + path) or not matching
