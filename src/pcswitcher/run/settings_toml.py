"""TOML with the line of everything in it, and a value as one line of TOML."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping

import attrs
import tomlkit

from pcswitcher.model.codec import JsonValue
from pcswitcher.model.text import printable

KeyPath = tuple[str, ...]


class TomlError(Exception):
    """A text is no TOML: what is wrong, and in which line (from 1)."""

    def __init__(self, words: str, line: int) -> None:
        super().__init__(words)
        self.words = words
        self.line = line


def read_toml(text: str) -> dict[str, JsonValue]:
    """The document as plain data. Raises TomlError."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # "Invalid value (at line 2, column 7)", "… (at end of document)": CPython's Lib/tomllib/_parser.py
        words, _, place = str(error).rpartition(" (at ")
        line = re.match(r"line (\d+)", place)
        raise TomlError(printable(words), int(line[1]) if line else text.rstrip().count("\n") + 1) from error


@attrs.frozen
class Lines:
    """Where everything stands in a text that is TOML."""

    places: tuple[tuple[KeyPath, int], ...] = ()

    @classmethod
    def of(cls, text: str) -> Lines:
        """Read ``text`` statement by statement: each is a header or an assignment, over one line or more."""
        places: list[tuple[KeyPath, int]] = []
        header: KeyPath = ()
        statement: list[str] = []
        for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
            statement.append(line)
            try:
                read = read_toml("\n".join(statement))
            except TomlError:
                continue  # the value goes on in the next line
            first = number - len(statement) + 1
            paths = list(_paths(read))
            if statement[0].lstrip().startswith("["):
                header = max(paths, key=len)
                paths = [()]
            places += [((*header, *path), first) for path in paths]
            statement = []
        return cls(tuple(places))

    def find(self, path: KeyPath) -> int:
        """The line (from 1) where ``path``, or something below it, is first mentioned; 0 when it is nowhere."""
        return next((line for place, line in self.places if place[: len(path)] == path), 0)


def _paths(data: Mapping[str, JsonValue]) -> Iterator[KeyPath]:
    for key, value in data.items():
        yield (key,)
        if isinstance(value, dict):
            yield from ((key, *path) for path in _paths(value))


def assignment(name: str, value: JsonValue) -> str:
    """One line of TOML; tables within a list are written inline."""
    if isinstance(value, list):
        array = tomlkit.array()
        for item in value:
            if isinstance(item, dict):
                table = tomlkit.inline_table()
                table.update(item)
                array.append(table)
            else:
                array.append(item)
        return tomlkit.dumps({name: array}).strip()
    return tomlkit.dumps({name: value}).strip()
