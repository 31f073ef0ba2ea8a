"""The settings as a file: with every default and its explanation, and as they are in force."""

from __future__ import annotations

import textwrap

import attrs

from pcswitcher.model.codec import JsonValue, to_json
from pcswitcher.model.settings import SETTING_FORMS, help_of
from pcswitcher.run.settings import MACHINE_FILE, JobTypes, SettingsInForce, Table, tables
from pcswitcher.run.settings_toml import assignment

WIDTH = 110
"""Columns of a comment."""

HEAD = f"""\
# Settings of pc-switcher. Every setting is at its default; to change one, remove its first #.
# They hold for both PCs of a run that starts on this one, and travel: a sync offers them to the other PC.
# What shall hold for this PC only goes into {MACHINE_FILE} beside this file: written the same way, it is read after
# this file and never travels.
"""


@attrs.frozen(kw_only=True)
class SettingInForce:
    """One setting as it is now. Values are in the form of the settings file."""

    table: str
    key: str
    value: JsonValue
    default: JsonValue
    origin: str
    """The file that sets it; empty: none, it is the default."""


def default_file(job_types: JobTypes) -> str:
    """The settings file with every setting at its default, commented out and explained."""
    parts = [HEAD]
    for table in tables(job_types):
        parts.append(f"{_comment(table.help)}\n[{table.name}]")
        values = defaults(table)
        parts += [
            f"{_comment(help_of(field))}\n#{assignment(field.name, values[field.name])}\n" for field in table.fields
        ]
    return "\n".join(parts)


def defaults(table: Table) -> dict[str, JsonValue]:
    """The default of every setting of a table, as the file writes it."""
    return _written(table.kind())


def list_in_force(found: SettingsInForce, job_types: JobTypes) -> tuple[SettingInForce, ...]:
    """Every setting, in the order of the file."""
    listed: list[SettingInForce] = []
    for table in tables(job_types):
        values, usual = _written(table.of(found.settings)), defaults(table)
        listed += [
            SettingInForce(
                table=table.name,
                key=key,
                value=value,
                default=usual[key],
                origin=found.origins.get((table.name, key), ""),
            )
            for key, value in values.items()
        ]
    return tuple(listed)


def show_in_force(settings: tuple[SettingInForce, ...]) -> str:
    """The settings in force as TOML; those that a file sets say which, and those that differ what the default is."""
    lines: list[str] = []
    table = ""
    for each in settings:
        if each.table != table:
            table = each.table
            lines += ["", f"[{table}]"]
        lines.append(assignment(each.key, each.value) + _remark(each))
    return "\n".join(lines).lstrip() + "\n"


def _remark(setting: SettingInForce) -> str:
    if not setting.origin:
        return ""
    default = setting.value == setting.default
    return f"  # {setting.origin}" + (
        "" if default else f"; default: {assignment('x', setting.default).partition(' = ')[2]}"
    )


def _written(values: attrs.AttrsInstance) -> dict[str, JsonValue]:
    written = to_json(values, forms=SETTING_FORMS)
    return written if isinstance(written, dict) else {}


def _comment(text: str) -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False, break_on_hyphens=False
    )
