"""Bytes as text and back: the one way names are shown, logged and written to JSON.

File names on Linux are bytes. They may hold newlines, terminal escape sequences, right-to-left marks
or no valid UTF-8 at all. ``escape`` turns them into text that is safe on a terminal, on one line, and
loses nothing: ``unescape(escape(name)) == name`` for all bytes.
"""

from __future__ import annotations

import re
import unicodedata

from pcswitcher.model.errors import FormatError

_PLAIN = re.compile(rb"[ -\[\]-~]*")
_ESCAPED = re.compile(r"\\(?:x([0-9a-f]{2})|([nt\\]))|\\")
_SHORT = {"\n": "\\n", "\t": "\\t", "\\": "\\\\"}
_LONG = {"n": b"\n", "t": b"\t", "\\": b"\\"}
# Categories of Unicode (UAX #44) that a terminal must not be given: control, format (among them the
# right-to-left overrides), surrogate, private use, unassigned, line and paragraph separators.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def escape(name: bytes) -> str:
    r"""Show bytes as one line of safe text; what is not printable becomes ``\xNN``, ``\n``, ``\t`` or ``\\``."""
    if _PLAIN.fullmatch(name):
        return name.decode("ascii")
    return "".join(map(_escape_character, name.decode("utf-8", "surrogateescape")))


def unescape(text: str) -> bytes:
    """Give back the bytes that ``escape`` was given. Raises FormatError for a stray backslash."""
    try:
        return _unescape(text)
    except UnicodeEncodeError as error:
        raise FormatError(f"{printable(text)!r} holds half a character") from error


def _unescape(text: str) -> bytes:
    if "\\" not in text:
        return text.encode("utf-8", "surrogateescape")
    parts: list[bytes] = []
    position = 0
    for match in _ESCAPED.finditer(text):
        parts.append(text[position : match.start()].encode("utf-8", "surrogateescape"))
        position = match.end()
        if match[1]:
            parts.append(bytes([int(match[1], 16)]))
        elif match[2]:
            parts.append(_LONG[match[2]])
        else:
            raise FormatError(f"{text!r} holds a backslash that escapes nothing")
    parts.append(text[position:].encode("utf-8", "surrogateescape"))
    return b"".join(parts)


def printable(text: str) -> str:
    """Make a line from another program safe for a terminal: newlines stay, other control characters do not."""
    return "".join(
        character
        if character == "\n" or unicodedata.category(character) not in _UNSAFE
        else _escape_character(character)
        for character in text
    )


def human_size(size: float) -> str:
    """Bytes in binary units with at most one decimal: ``0 B``, ``1.5 KiB``, ``12 GiB``."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(size) < 1024 or unit == "TiB":
            return f"{size:.0f} {unit}" if unit == "B" or size >= 10 else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError("unreachable")


def human_count(count: int, singular: str, plural: str = "") -> str:
    """A count with its noun: ``1 file``, ``1,234 files``, ``2 directories``."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def _escape_character(character: str) -> str:
    short = _SHORT.get(character)
    if short is not None:
        return short
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was no UTF-8, as surrogateescape (PEP 383) carries it
        return f"\\x{code - 0xDC00:02x}"
    if unicodedata.category(character) in _UNSAFE:
        return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
    return character
