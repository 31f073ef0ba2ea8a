"""Reading the settings file, and writing it with every default and its comment."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import attrs
import tomlkit

from pcswitcher.model.codec import JsonValue, from_json, to_json
from pcswitcher.model.errors import FormatError, SettingsError
from pcswitcher.model.settings import Settings, help_of
from pcswitcher.run.paths import shown

INIT_HINT = "correct it, or write a fresh one: pc-switcher init --force"


def load_settings(path: Path) -> Settings:
    """Read the settings; without a file all are defaults. Raises SettingsError naming file and line."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{shown(path)} cannot be read: {error}", "it must be readable UTF-8 text") from error
    return parse_settings(text, shown(path))


def parse_settings(text: str, name: str) -> Settings:
    """Read settings from TOML. ``name`` is the file for people. Raises SettingsError."""
    try:
        document: dict[str, JsonValue] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name}: {error}", INIT_HINT) from error
    place = _Place(text, name)
    kinds = section_types()
    place.refuse_unknown(document, kinds, "")
    sections: dict[str, JsonValue] = {}
    for section, kind in kinds.items():
        given = document.get(section, {})
        if not isinstance(given, dict):
            raise SettingsError(f"{place.of(section, '')}: {section} is a table", f"write [{section}]")
        place.refuse_unknown(given, [field.name for field in attrs.fields(kind)], section)
        sections[section] = {**_defaults(section), **given}
        for key in given:
            place.try_one(section, key, kind, given)
    return from_json(Settings, sections)


def default_file() -> str:
    """The settings file with every setting at its default, commented out and explained."""
    lines = ["# Settings of pc-switcher. Every setting is at its default; to change one, remove its first #.", ""]
    for section in attrs.fields(Settings):
        lines += [f"# {help_of(section)}", f"[{section.name}]"]
        defaults = _defaults(section.name)
        for field in attrs.fields(section_types()[section.name]):
            lines += [f"# {help_of(field)}", f"#{_assignment(field.name, defaults[field.name])}", ""]
    return "\n".join(lines)


def section_types() -> dict[str, type[attrs.AttrsInstance]]:
    """The tables of the settings file by name, each with its type."""
    return {field.name: type(getattr(Settings(), field.name)) for field in attrs.fields(Settings)}


class _Place:
    """Finds where in the file something stands."""

    def __init__(self, text: str, name: str) -> None:
        self._lines = text.splitlines()
        self._name = name

    def of(self, section: str, key: str) -> str:
        """File and line of a key, or of a table when the key is empty."""
        wanted, inside = (f"{section}.{key}" if key else section), ""
        for number, line in enumerate(self._lines, start=1):
            header = re.match(r"\s*\[+\s*([\w.\"-]+)", line)
            assigned = re.match(r"\s*([\w.\"-]+)\s*=", line)
            if header:
                inside = header[1]
            elif not assigned:
                continue
            path = header[1] if header else ".".join(filter(None, (inside, assigned[1] if assigned else "")))
            if f"{path}.".replace('"', "").startswith(f"{wanted}."):
                return f"{self._name}, line {number}"
        return self._name

    def refuse_unknown(self, given: Iterable[str], known: Iterable[str], section: str) -> None:
        """Raise SettingsError for the first key that is not known, naming the nearest one that is."""
        names = list(known)
        for key in given:
            if key not in names:
                nearest = difflib.get_close_matches(key, names, n=1)
                where = self.of(section, key) if section else self.of(key, "")
                raise SettingsError(
                    f"{where}: there is no setting {key}" + (f" in [{section}]" if section else ""),
                    f"did you mean {nearest[0]}?" if nearest else f"there are: {', '.join(names)}",
                )

    def try_one(self, section: str, key: str, kind: type[attrs.AttrsInstance], given: dict[str, JsonValue]) -> None:
        """Raise SettingsError when the value of one key is not of its type."""
        try:
            from_json(kind, {**_defaults(section), key: given[key]})
        except (FormatError, SettingsError) as error:
            raise SettingsError(f"{self.of(section, key)}: {key}: {error.message}", INIT_HINT) from error


def _defaults(section: str) -> dict[str, JsonValue]:
    values = to_json(getattr(Settings(), section))
    return values if isinstance(values, dict) else {}


def _assignment(name: str, value: JsonValue) -> str:
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
