"""What must never be seen: secrets as a type of their own, and the passwords that addresses carry.

A ``Secret`` shows itself as dots wherever it is printed, formatted or logged, and nothing turns it into JSON or a
pickle. ``mask`` takes the user information out of addresses (RFC 3986, section 3.2.1), which programs print without
being asked. Every event of a run passes through it in one place, ``run.bus``.
"""

from __future__ import annotations

import re
from typing import Never

DOTS = "•••"

# "//" begins an authority; some writers of JSON put a backslash before each slash.
_SLASHES = re.compile(r"/\\*/")
# RFC 3986, section 3.2: the next slash, question mark or number sign ends it. So does what no address can hold: a
# blank, a control character. A quote does not: passwords hold them, and so does a command that is quoted for a shell.
_AUTHORITY = re.compile(r"[^/?#\x00-\x20\x7f]*")
# Bounded, so that no text makes the search slow.
_WORD = re.compile(r"[^\x00-\x20\x7f]{0,1024}")


class Secret:
    """Text that is shown to nobody. Whoever must have it asks with ``reveal``, and keeps it no longer than needed."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return DOTS

    def __format__(self, specification: str) -> str:
        return format(DOTS, specification)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> Never:
        raise TypeError("a secret is neither copied nor pickled")


def mask(text: str) -> str:
    """``text`` with the user information of every address in it replaced by dots.

    Where an address is not of the right form, rather more is hidden than less: a password with a slash in it, which
    should have been percent-encoded, ends at the last ``@`` of its word.
    """
    if "@" not in text:
        return text
    parts: list[str] = []
    done = 0
    while (slashes := _SLASHES.search(text, done)) is not None:
        begin = slashes.end()
        end = _user_end(text, slashes.start(), begin)
        if end > begin:
            parts += [text[done:begin], DOTS]
            done = end
        else:
            parts.append(text[done : begin - 1])
            done = begin - 1  # this slash may begin the next pair
    return "".join([*parts, text[done:]])


def _user_end(text: str, slashes: int, begin: int) -> int:
    """Where the user information ends that starts at ``begin``; ``begin`` itself when there is none."""
    authority = _AUTHORITY.match(text, begin)
    end = authority.end() if authority else begin
    at = text.rfind("@", begin, end)
    if at < 0 and _is_malformed(text[begin:end]):
        word = _WORD.match(text, begin)
        at = text.rfind("@", begin, word.end() if word else begin)
    while slashes > 0 and text[slashes - 1] == "\\":
        slashes -= 1
    has_scheme = slashes > 0 and text[slashes - 1] == ":"
    # Without a scheme it may as well be a file's name; then only what looks like a password counts.
    return at if at >= 0 and (has_scheme or ":" in text[begin:at]) else begin


def _is_malformed(authority: str) -> bool:
    """Whether what stands for a port is none, so that it may be the beginning of a password."""
    _, colon, port = authority.rpartition(":")
    return bool(colon) and not authority.startswith("[") and not (port.isascii() and port.isdecimal())
