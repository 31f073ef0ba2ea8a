"""The settings as a file: defaults, and what is in force."""

from __future__ import annotations

import re
import tomllib

from pcswitcher.jobs.registry import job_types
from pcswitcher.run.settings import SettingsText, parse_settings, tables
from pcswitcher.run.settings_file import default_file, list_in_force, show_in_force

TYPES = job_types()


def read(text: str) -> object:
    return parse_settings([SettingsText(name="config.toml", text=text)], TYPES).settings


def uncommented(text: str) -> str:
    return re.sub(r"^#(?! )", "", text, flags=re.MULTILINE)


def test_the_default_file_changes_nothing_commented_or_not() -> None:
    """C1."""
    text = default_file(TYPES)
    assert read(text) == read("")
    assert read(uncommented(text)) == read("")


def test_the_default_file_names_and_explains_every_setting() -> None:
    """C1."""
    lines = default_file(TYPES).splitlines()
    for table in tables(TYPES):
        start = lines.index(f"[{table.name}]")
        assert lines[start - 1].startswith("# ")
        for field in table.fields:
            place = next(place for place in range(start, len(lines)) if lines[place].startswith(f"#{field.name} = "))
            assert lines[place - 1].startswith("# ")
    assert [line for line in lines if line.strip() == "#" or len(line) > 120] == []


def test_every_setting_of_the_default_file_can_be_changed_there_by_removing_one_sign() -> None:
    """C1: what stands behind the sign is the whole setting, in its own table."""
    document = tomllib.loads(uncommented(default_file(TYPES)))
    for table in tables(TYPES):
        place = document
        for name in table.path:
            place = place[name]
        assert list(place) == [field.name for field in table.fields]


def test_what_is_in_force_says_which_file_says_so_and_what_the_default_is() -> None:
    """C3."""
    found = parse_settings(
        [
            SettingsText(name="config.toml", text='log.file = "debug"\ndisk.stop = "2 GiB"\nrun.grace = 30'),
            SettingsText(name="machine.toml", text='disk.stop = "3 GiB"'),
        ],
        TYPES,
    )
    listed = list_in_force(found, TYPES)
    told = {(each.table, each.key): (each.value, each.default, each.origin) for each in listed if each.origin}
    assert told == {
        ("run", "grace"): (30.0, 30.0, "config.toml"),
        ("log", "file"): ("DEBUG", "FULL", "config.toml"),
        ("disk", "stop"): ("3 GiB", "15%", "machine.toml"),
    }
    text = show_in_force(listed)
    assert 'stop = "3 GiB"  # machine.toml; default: "15%"' in text
    assert "grace = 30.0  # config.toml\n" in text
    assert 'screen = "INFO"\n' in text
    assert read(text) == found.settings
