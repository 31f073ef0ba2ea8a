"""gitignore patterns over names that are bytes, and an index that asks only the few that can match.

The translation to regular expressions is pathspec's. What it does not do for names that may hold
anything, or for one entry at a time, is mended here; ``tests/contract/test_patterns_like_git.py`` holds
the result to git itself:

* ``.`` and ``$`` know newlines in names (DOTALL, full match);
* a set such as ``[!a]`` never matches a slash (gitignore(5): fnmatch with FNM_PATHNAME);
* a name keeps its last byte: pathspec strips a blank there, also the 0xa0 of "voilà" in UTF-8;
* a pattern matches the entry itself, not what lies below it: inheritance is the rule set's business;
* ``*a*b*c`` and ``**/a/**/b`` take time in proportion to the path, not to a power of its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Generic, TypeVar

import attrs
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from pcswitcher.model.errors import FormatError

T = TypeVar("T")

_DIRECTORY_MARK = b"(?P<ps_d>/)"  # how pathspec writes "a directory ends here"
_STAR = b"[^/]*"
_TOKEN = re.compile(rb"\[\^/\]\*|\\.|\[\^?\]?[^\]]*\]|.", re.DOTALL)
_SPECIAL = re.compile(rb"[*?\[\]\\]")
_SET = re.compile(rb"\[[!^]?\]?[^\]]*\]")
_ANY_BEGINNING = b"^(?:.+/)?"  # how pathspec writes a leading "**/"
_ANY_MIDDLE = b"(?:/.+)?"  # and "/**" between two names


@attrs.frozen
class Pattern:
    """One compiled gitignore pattern.

    ``inside`` marks a pattern ending in ``/**`` (or a lone ``*``): it is searched in the path instead of
    having to match to its end. The other fields are what every matching path has: its last name
    (``name``), the beginning or end of it, its directory's name, or a run of bytes somewhere (``needle``,
    which may be empty). Exactly one of the five is set.
    """

    text: bytes
    regex: re.Pattern[bytes]
    inside: bool
    name: bytes | None = None
    prefix: bytes | None = None
    suffix: bytes | None = None
    parent: bytes | None = None
    needle: bytes | None = None

    def matches(self, path: bytes, is_directory: bool) -> bool:  # noqa: FBT001 - as RuleSet.excludes, hot path
        """Say whether the pattern matches the entry ``path`` itself; the path counts from the pattern's base."""
        if self.inside:
            return self.regex.search(path) is not None
        return self.regex.fullmatch(path + b"/" if is_directory else path) is not None


@lru_cache(maxsize=4096)
def compile_pattern(text: bytes) -> Pattern:
    """Compile one gitignore pattern, without a leading ``!`` and without trailing blanks to be removed.

    Raises FormatError saying what is wrong with it.
    """
    _check(text)
    prepared = text
    if prepared.endswith(b"/**/"):  # git: directories below it, not itself; pathspec would take it as well
        prepared += b"*/"
    if prepared[-1:].decode("latin-1").isspace() and prepared[-2:-1] != b"\\":
        prepared = prepared[:-1] + b"[" + prepared[-1:] + b"]"
    try:
        # The "!" keeps pathspec from reading a leading "#" or "!" as its own.
        translated, include = GitIgnoreSpecPattern.pattern_to_regex(b"!" + prepared)
        if translated is None or include is None:
            raise FormatError("a [ without its ]" if b"[" in text else "it matches nothing")
        regex = re.compile(_mended(translated), re.DOTALL)
    except (ValueError, re.error) as error:
        raise FormatError(_reason(text, error)) from error
    inside = "ps_d" not in regex.groupindex
    return _with_key(Pattern(text, regex, inside))


class Prefilter:
    """A quick and generous first look: False means that none of the patterns matches a path."""

    __slots__ = ("_names", "_needles", "_parents", "_prefixes", "_suffixes")

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        known = tuple(patterns)
        self._names = frozenset(pattern.name for pattern in known if pattern.name is not None)
        self._parents = frozenset(pattern.parent for pattern in known if pattern.parent is not None)
        self._prefixes = _shortest(pattern.prefix for pattern in known if pattern.prefix is not None)
        self._suffixes = tuple({pattern.suffix for pattern in known if pattern.suffix is not None})
        needles = sorted({pattern.needle for pattern in known if pattern.needle is not None})
        self._needles = re.compile(b"|".join(map(re.escape, needles))) if needles else None

    def may_match(self, path: bytes) -> bool:
        """Say whether any pattern could match ``path``, whatever directory the patterns count from."""
        cut = path.rfind(b"/")
        name = path[cut + 1 :]
        return (
            name in self._names
            or name.startswith(self._prefixes)
            or name.endswith(self._suffixes)
            or (cut > 0 and path[path.rfind(b"/", 0, cut) + 1 : cut] in self._parents)
            or (self._needles is not None and self._needles.search(path) is not None)
        )


class PatternIndex(Generic[T]):
    """Patterns with what each stands for, from weak to strong: the strongest match counts."""

    __slots__ = ("_by_name", "_others", "_prefilter")

    def __init__(self, entries: Sequence[tuple[T, Pattern]]) -> None:
        self._prefilter = Prefilter(pattern for _value, pattern in entries)
        strong_first = tuple(reversed(entries))
        self._others = tuple(entry for entry in strong_first if entry[1].name is None)
        self._by_name = {
            name: tuple(entry for entry in strong_first if entry[1].name in {None, name})
            for name in {pattern.name for _value, pattern in entries if pattern.name is not None}
        }

    def strongest(self, path: bytes, is_directory: bool) -> T | None:  # noqa: FBT001 - as RuleSet.excludes, hot path
        """What the last matching pattern stands for; None when none matches. The path counts from their base."""
        if not self._prefilter.may_match(path):
            return None
        for value, pattern in self._by_name.get(path[path.rfind(b"/") + 1 :], self._others):
            if pattern.matches(path, is_directory):
                return value
        return None


def _check(text: bytes) -> None:
    if not text.strip(b"/"):
        raise FormatError("it names nothing")
    if b"[[:" in text:
        raise FormatError("character classes such as [[:alpha:]] are not known here; write a range such as [a-z]")


def _reason(text: bytes, error: Exception) -> str:
    if text.endswith(b"\\"):
        return "it ends in a lone backslash"
    return f"{error}" if isinstance(error, re.error) else "it is no gitignore pattern"


def _mended(translated: bytes) -> bytes:
    """Make the sets of pathspec's regular expression safe, and what stands between wildcards atomic."""
    regex = _with_quick_double_stars(_with_quick_stars(translated))
    return b".*" + regex if regex == _DIRECTORY_MARK else regex


def _with_quick_stars(regex: bytes) -> bytes:
    """Make every star but a segment's last take the first match of what follows it, for good.

    What stands between two stars has a fixed length, so its first match is as good as any later one.
    """
    done: list[bytes] = []
    piece: list[bytes] | None = None  # what follows a star that is not written yet
    for token in _TOKEN.findall(regex):
        if token == _STAR:
            if piece is not None:
                done += [b"(?>[^/]*?", *piece, b")"]
            piece = []
        elif token in {b"/", b"("}:
            done += [] if piece is None else [_STAR, *piece]
            done.append(token)
            piece = None
        else:
            (done if piece is None else piece).append(_safe_set(token))
    return b"".join(done if piece is None else [*done, _STAR, *piece])


def _with_quick_double_stars(regex: bytes) -> bytes:
    """The same for ``**``: between two of them stands a fixed number of names."""
    first, *middle = regex.split(_ANY_MIDDLE)
    if not middle:
        return regex
    if first.startswith(_ANY_BEGINNING):
        first = b"^(?>(?:.+?/)??" + first.removeprefix(_ANY_BEGINNING) + b"(?=/))"
    atomic = (b"(?>(?:/.+?)??" + names + b"(?=/))" for names in middle[:-1])
    return first + b"".join(atomic) + _ANY_MIDDLE + middle[-1]


def _safe_set(token: bytes) -> bytes:
    if len(token) < 3 or token[:1] != b"[" or token == b"[^/]":
        return token
    start = 2 if token[1:2] == b"^" else 1
    # Python would warn of set operations (re, "FutureWarning"); "--" can only be a range or a mistake.
    content = re.sub(rb"[\[&~|]", rb"\\\g<0>", token[start:-1])
    if b"--" in content[1:]:
        raise FormatError("-- inside [ ] is not clear; put a single - first")
    return b"(?!/)" + token[:start] + content + b"]"


def _with_key(pattern: Pattern) -> Pattern:
    """Fill in the one thing that every path matching the pattern has."""
    segments = pattern.text.removesuffix(b"/").split(b"/")
    last = segments[-1]
    if last != b"**" and not _SPECIAL.search(last):
        return attrs.evolve(pattern, name=last)
    pieces = _SPECIAL.split(last)
    if last != b"**" and (pieces[0] or pieces[-1]):
        if len(pieces[0]) >= len(pieces[-1]):
            return attrs.evolve(pattern, prefix=pieces[0])
        return attrs.evolve(pattern, suffix=pieces[-1])
    if last != b"**" and len(segments) > 1 and segments[-2] and not _SPECIAL.search(segments[-2]):
        return attrs.evolve(pattern, parent=segments[-2])
    runs = re.split(rb"[*?\[\]\\/]", _SET.sub(b"*", pattern.text))
    return attrs.evolve(pattern, needle=max(runs, key=len))


def _shortest(prefixes: Iterable[bytes]) -> tuple[bytes, ...]:
    """The prefixes without those that begin with another one."""
    kept: list[bytes] = []
    for prefix in sorted(set(prefixes)):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return tuple(kept)
