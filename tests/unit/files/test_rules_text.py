"""Reading rules files: what is understood, what is refused and with which words (F3; faults row 23)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.files.rule import RuleClass, RuleScope, RuleTarget, TreeKind
from pcswitcher.files.rules_text import parse_rules, parse_shipped, read_user_rules, rule_texts
from pcswitcher.model.errors import SettingsError

SHOWN = "~/.config/pc-switcher/rules"


def read(directory: Path) -> list[tuple[str, RuleClass, int]]:
    return [(rule.pattern, rule.rule_class, rule.line) for rule in read_user_rules(os.fsencode(directory), SHOWN)]


def test_lines_comments_and_exceptions_are_read_with_their_places() -> None:
    content = b"\xef\xbb\xbf# big files\n*.iso\n\n# kept\n\n!keep.iso  \n\\#x\n\\!y\nend\\ \n two\n   \n"
    rules = parse_rules(content, "home.never", RuleClass.NEVER)
    assert [(rule.pattern, rule.rule_class, rule.line, rule.reason) for rule in rules] == [
        ("*.iso", RuleClass.NEVER, 2, "big files"),
        ("keep.iso", RuleClass.SYNC, 6, ""),
        ("\\#x", RuleClass.NEVER, 7, ""),
        ("\\!y", RuleClass.NEVER, 8, ""),
        ("end\\ ", RuleClass.NEVER, 9, ""),
        (" two", RuleClass.NEVER, 10, ""),
    ]


@pytest.mark.parametrize(
    ("line", "pattern"), [(b"a\\ ", "a\\ "), (b"a\\  ", "a\\ "), (b"a\\\\ ", "a\\\\"), (b"a ", "a"), (b"\xc3\xa0", "à")]
)
def test_a_trailing_blank_counts_only_behind_a_backslash(line: bytes, pattern: str) -> None:
    assert [rule.pattern for rule in parse_rules(line, "f", RuleClass.ASK)] == [pattern]


@pytest.mark.parametrize(
    ("content", "line", "word"),
    [
        (b"ok\n[z-a]\n", 2, "[z-a]"),
        (b"[a\n", 1, "a [ without its ]"),
        (b"!\n", 1, "names nothing"),
        (b"ok\r\n", 1, "carriage return"),
        (b"ok\n\na\tb\n", 3, "control character \\t"),
        (b"# \x1b[2J\n", 1, "control character \\x1b"),
        (b"a\0b\n", 1, "control character \\x00"),
        ("photo\u202egpj\n".encode(), 1, "control character \\xe2\\x80\\xae"),
        ("a\u2028b\n".encode(), 1, "control character"),
        (b"\xc2\x9b31m\n", 1, "control character"),
    ],
)
def test_a_wrong_line_is_refused_with_file_and_line(content: bytes, line: int, word: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_rules(content, f"{SHOWN}/home.never", RuleClass.NEVER)
    assert caught.value.message.startswith(f"{SHOWN}/home.never, line {line}: ")
    assert word in caught.value.message
    assert caught.value.hint
    assert "\x1b" not in str(caught.value)


def test_an_exception_among_things_that_travel_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"line 1.*home\.never"):
        parse_rules(b"!x\n", "home.sync", RuleClass.SYNC)


def test_a_file_too_large_for_rules_is_refused() -> None:
    with pytest.raises(SettingsError, match="larger than 1 MiB"):
        parse_rules(b"x\n" * (1 << 20), "f", RuleClass.NEVER)


@given(st.binary(max_size=40))
def test_any_content_is_read_or_refused_in_words(content: bytes) -> None:
    refused = ""
    try:
        rules = parse_rules(content, "f", RuleClass.NEVER)
    except SettingsError as error:
        rules, refused = (), error.message
    assert refused == "" or refused.startswith("f, line ")
    assert all(rule.pattern and rule.line >= 1 for rule in rules)


def test_the_users_files_are_read_from_weak_to_strong(tmp_path: Path) -> None:
    for name in ("never", "sync", "volatile", "ask"):
        (tmp_path / f"home.{name}").write_text("x\n")
    (tmp_path / ".home.never.swp").write_bytes(b"\0\1")
    (tmp_path / "home.never~").write_text("[z-a]\n")
    assert [rule_class for _, rule_class, _ in read(tmp_path)] == [
        RuleClass.VOLATILE,
        RuleClass.ASK,
        RuleClass.SYNC,
        RuleClass.NEVER,
    ]


def test_no_rules_directory_means_no_rules(tmp_path: Path) -> None:
    assert read(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("home.nver", "did you mean home.never?"),
        ("rules.txt", "the names are"),
        ("Home.sync", "did you mean home.sync?"),
        ("notes\x1b", "the names are"),
    ],
)
def test_a_file_with_another_name_is_refused_with_the_nearest(tmp_path: Path, name: str, hint: str) -> None:
    (tmp_path / name).write_text("x\n")
    with pytest.raises(SettingsError) as caught:
        read(tmp_path)
    assert hint in caught.value.hint
    assert "\x1b" not in str(caught.value)


def test_a_rules_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """No answer is not an empty answer. A directory in the file's place is unreadable even for root."""
    (tmp_path / "home.never").mkdir()
    with pytest.raises(SettingsError, match=r"home\.never cannot be read: Is a directory"):
        read(tmp_path)


def test_a_rules_directory_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "rules").write_text("")
    with pytest.raises(SettingsError, match="rules cannot be read: Not a directory"):
        read(tmp_path / "rules")


TABLE = """
# a comment
[[rule]]
group = "G"
class = "never"
patterns = ["a", "b/*"]
reason = "first"

[[rule]]  # final
group = "G"
class = "sync"
final = true
scope = "tree"
target = "socket"
patterns = ["c"]
reason = "second"
"""


def test_the_shipped_table_is_read_with_lines() -> None:
    first, second = parse_shipped(TABLE)
    assert (first.patterns, first.rule_class, first.reason, first.line, first.final) == (
        ("a", "b/*"),
        RuleClass.NEVER,
        "first",
        3,
        False,
    )
    assert (second.line, second.final, second.scope, second.target) == (9, True, RuleScope.TREE, RuleTarget.SOCKET)


def test_final_rules_are_put_last_and_the_users_between() -> None:
    user = parse_rules(b"mine\n", "home.never", RuleClass.NEVER)
    texts = rule_texts(b"/home", TreeKind.HOMES, parse_shipped(TABLE)[::-1], user)
    assert [rule.pattern for rule in texts.rules] == ["a", "b/*", "mine", "c"]
    assert {rule.origin for rule in texts.rules if rule.pattern != "mine"} == {"shipped"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('class = "never"', 'class = "nver"'),
        ('reason = "first"', ""),
        ('reason = "first"', 'reason = " "'),
        ('patterns = ["a", "b/*"]', "patterns = []"),
        ('patterns = ["a", "b/*"]', "patterns = [1]"),
        ("final = true", "finale = true"),
        ("final = true", 'final = "yes"'),
        ('group = "G"', 'group = "G"\nline = 4'),
        ("# a comment", "version = 1"),
        ("[[rule]]", "[[rule]"),
    ],
)
def test_a_damaged_table_is_refused(old: str, new: str) -> None:
    with pytest.raises(SettingsError, match="damaged"):
        parse_shipped(TABLE.replace(old, new, 1))
