"""Reading and writing the settings file."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.model.errors import SettingsError
from pcswitcher.model.settings import FilesSettings, Settings, TreeKind, TreeSettings
from pcswitcher.run.settings import default_file, load_settings, parse_settings, section_types


def uncommented(text: str) -> str:
    return re.sub(r"^#(?! )", "", text, flags=re.MULTILINE)


def test_without_a_file_all_is_default(tmp_path: Path) -> None:
    """C1."""
    assert load_settings(tmp_path / "none.toml") == Settings()
    assert parse_settings("", "config.toml") == Settings()


def test_the_default_file_changes_nothing_commented_or_not() -> None:
    """C1."""
    assert parse_settings(default_file(), "config.toml") == Settings()
    assert parse_settings(uncommented(default_file()), "config.toml") == Settings()


def test_the_default_file_names_and_explains_every_setting() -> None:
    text = default_file()
    for section, kind in section_types().items():
        assert f"[{section}]" in text
        assert all(f"\n#{field.name} = " in text for field in attrs.fields(kind))
    assert "\n# \n" not in text


WRONG = [
    ("[filez]\nx = 1", 1, "did you mean files?"),
    ("# first\n[files]\n\nmax_deletons = 1", 4, "did you mean max_deletions?"),
    ("[files]\nzzz = 1", 2, "there are: trees"),
    ("files.max_deletions = -1", 1, "must be >= 0"),
    ('[files]\nmax_deletions = "many"', 2, "expected a whole number"),
    ("[files]\nmax_deletions = true", 2, "expected a whole number"),
    ("[files]\nmax_deletion_percent = 101", 2, "must be <= 100"),
    ("files = 1", 1, "files is a table"),
    ("[[files]]\nmax_deletions = 1", 1, "files is a table"),
    ("[files.trees]\nx = 1", 1, "not of the expected form"),
    ('[files]\n\n[[files.trees]]\npath = 1\nhomes = "home"', 3, "expected text"),
    ('[files]\ntrees = [{path = "/srv", homes = "flat"}]', 2, "not a valid TreeKind"),
    ('[files]\ntrees = [{path = "srv", homes = "home"}]', 2, "no absolute path"),
    ('[files]\ntrees = [{path = "/", homes = "home"}]', 2, "no absolute path"),
    ('[files]\ntrees = [{path = "/home/../etc", homes = "home"}]', 2, "no absolute path"),
    ('[files]\ntrees = [{path = "/srv\\n", homes = "home"}]', 2, "no absolute path"),
    (
        '[files]\ntrees = [{path = "/home/", homes = "homes"}, {path = "/home/sam", homes = "home"}]',
        2,
        "each directory belongs to one tree",
    ),
]


@pytest.mark.parametrize(("text", "line", "words"), WRONG, ids=[words for _, _, words in WRONG])
def test_a_mistake_is_told_with_file_line_and_reason(text: str, line: int, words: str) -> None:
    """C2, J2; faults row 23."""
    with pytest.raises(SettingsError) as caught:
        parse_settings(text, "config.toml")
    assert caught.value.message.startswith(f"config.toml, line {line}: ")
    assert words in str(caught.value)


def test_what_is_no_toml_is_told_with_its_line() -> None:
    """C2."""
    with pytest.raises(SettingsError, match=r"config\.toml: .*line 2"):
        parse_settings("[files]\nmax_deletions =\n", "config.toml")


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "config.toml"
    place.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(place)


@given(st.text(max_size=200))
def test_any_text_is_settings_or_a_settings_error(text: str) -> None:
    """C2."""
    try:
        assert isinstance(parse_settings(text, "config.toml"), Settings)
    except SettingsError as error:
        told = error.message
    else:
        told = "config.toml"
    assert told.startswith("config.toml")


@given(
    st.integers(0, 2**40),
    st.integers(0, 100),
    st.lists(st.sampled_from(["/home", "/root", "/srv/data", "/srv/data2", "/opt"]), unique=True),
)
def test_what_is_in_range_is_taken(deletions: int, percent: int, paths: list[str]) -> None:
    trees = ", ".join(f'{{path = "{path}", homes = "home"}}' for path in paths)
    text = f"[files]\nmax_deletions = {deletions}\nmax_deletion_percent = {percent}\ntrees = [{trees}]"
    assert parse_settings(text, "config.toml").files == FilesSettings(
        max_deletions=deletions,
        max_deletion_percent=percent,
        trees=tuple(TreeSettings(path=path, homes=TreeKind.HOME) for path in paths),
    )
