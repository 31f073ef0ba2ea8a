"""Words for options of the command line that stand in for a setting: the setting's own."""

from __future__ import annotations

import attrs

from pcswitcher.model.codec import to_json
from pcswitcher.model.settings import SETTING_FORMS, Settings, help_of


def option_help(table: str, key: str) -> str:
    """The help of an option that replaces the setting ``key`` of ``[table]`` for one run.

    For ``cyclopts.Parameter(help=…)`` of a parameter whose default is None: the setting then counts.
    """
    values: attrs.AttrsInstance = getattr(Settings(), table)
    field = getattr(attrs.fields(type(values)), key)
    usual = to_json(getattr(values, key), forms=SETTING_FORMS)
    return f"{help_of(field)} Without it the setting {table}.{key} counts, by default {usual}."
