"""Reading rules: the shipped table, the user's files and a directory's ``.pcswitcherignore``."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence

import attrs

from pcswitcher.files.patterns import Pattern, compile_pattern
from pcswitcher.files.rule import Rule, RuleClass, RuleScope, RuleTarget, RuleTexts, TreeKind
from pcswitcher.model.codec import JsonValue, from_json
from pcswitcher.model.errors import FormatError, SettingsError
from pcswitcher.model.text import escape

SHIPPED = "shipped"
LARGEST_FILE = 1 << 20  # bytes of one rules file; a larger one is a mistake
# From weak to strong: the answer to a question outweighs it, and "never" outweighs everything.
USER_FILES = (RuleClass.VOLATILE, RuleClass.ASK, RuleClass.SYNC, RuleClass.NEVER)

_BIDIRECTIONAL = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
_LINE_BREAKING = frozenset({"Cc", "Zl", "Zp"})
_TABLE = re.compile(r"^\[\[rule\]\][ \t]*(?:#.*)?$", re.MULTILINE)
_BOM = b"\xef\xbb\xbf"


@attrs.frozen
class ShippedRow:
    """One ``[[rule]]`` table of a shipped ``rules.toml``: patterns that share one reason.

    ``group`` is the heading under which the reference shows it.
    """

    group: str
    rule_class: RuleClass
    patterns: tuple[str, ...]
    reason: str
    line: int
    final: bool = False
    scope: RuleScope = RuleScope.HOME
    target: RuleTarget = RuleTarget.ANY


def rule_texts(tree: bytes, kind: TreeKind, shipped: Sequence[ShippedRow], user: Sequence[Rule]) -> RuleTexts:
    """Put the rules of one tree in their order, from weak to strong.

    ``tree`` is its absolute path, ``user`` what ``read_user_rules`` gave.
    """
    defaults = [rule for row in shipped if not row.final for rule in _rules_of(row)]
    final = [rule for row in shipped if row.final for rule in _rules_of(row)]
    return RuleTexts(tree, kind, (*defaults, *user, *final))


def parse_shipped(text: str) -> tuple[ShippedRow, ...]:
    """Read a shipped ``rules.toml``. Raises SettingsError for anything it should not hold."""
    try:
        return _rows(tomllib.loads(text), [text.count("\n", 0, match.start()) + 1 for match in _TABLE.finditer(text)])
    except (tomllib.TOMLDecodeError, FormatError) as error:
        raise SettingsError(f"The shipped rules are damaged: {error}", "install pc-switcher again") from error


def read_user_rules(directory: bytes, shown: str) -> tuple[Rule, ...]:
    """Read the user's ``home.never``, ``home.sync``, ``home.volatile`` and ``home.ask``, from weak to strong.

    ``directory`` holds them; when there is none, there are no such rules. ``shown`` is how a person
    knows it ("~/.config/pc-switcher/rules"). Hidden files and editors' backups (``…~``) are passed over.
    Raises SettingsError for a file that cannot be read, has another name or holds a wrong line.
    """
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise _unreadable(shown, error) from error
    for name in names:
        _check_name(name, shown)
    rules: list[Rule] = []
    for rule_class in USER_FILES:
        file = f"home.{rule_class}"
        if os.fsencode(file) in names:
            content = _read(os.path.join(directory, os.fsencode(file)), f"{shown}/{file}")
            rules += parse_rules(content, f"{shown}/{file}", rule_class)
    return tuple(rules)


def parse_rules(content: bytes, origin: str, rule_class: RuleClass) -> tuple[Rule, ...]:
    """Read gitignore lines: a pattern has ``rule_class``, a ``!pattern`` is ``sync``.

    ``origin`` is the file's name for people. A comment right above a line is its reason. In a file of
    class sync a ``!`` has no meaning and is refused. Raises SettingsError naming file and line.
    """
    if len(content) > LARGEST_FILE:
        raise SettingsError(f"{origin} is larger than 1 MiB", "keep patterns in it, nothing else")
    rules: list[Rule] = []
    comment = ""
    for line, raw in enumerate(content.removeprefix(_BOM).split(b"\n"), start=1):
        text = _checked(raw, origin, line)
        if text.startswith("#"):
            comment = text.lstrip("#").strip()
            continue
        text = _without_trailing_blanks(text)
        if text:
            rule = Rule(text, rule_class, comment, origin, line)
            if text.startswith("!"):
                if rule_class is RuleClass.SYNC:
                    raise _wrong(rule, "! has no meaning in a file of things that travel; write it to home.never")
                rule = attrs.evolve(rule, pattern=text[1:], rule_class=RuleClass.SYNC)
            compile_rule(rule)
            rules.append(rule)
        comment = ""
    return tuple(rules)


def compile_rule(rule: Rule) -> Pattern:
    """Compile a rule's pattern. Raises SettingsError naming file and line."""
    try:
        return compile_pattern(rule.pattern.encode("utf-8", "surrogateescape"))
    except FormatError as error:
        raise _wrong(rule, error.message) from error


def _wrong(rule: Rule, why: str) -> SettingsError:
    shown = escape(rule.pattern.encode("utf-8", "surrogateescape"))
    return SettingsError(
        f"{rule.origin}, line {rule.line}: the pattern {shown} is not understood: {why}",
        "correct or remove the line; patterns are those of .gitignore",
    )


def _checked(raw: bytes, origin: str, line: int) -> str:
    """Decode a line, losslessly. Refuses what would not look like what it does."""
    if raw.endswith(b"\r"):
        raise SettingsError(f"{origin}, line {line}: it ends in a carriage return", f"run: dos2unix {origin}")
    text = raw.decode("utf-8", "surrogateescape")
    for character in text:
        if unicodedata.category(character) in _LINE_BREAKING or (
            unicodedata.bidirectional(character) in _BIDIRECTIONAL
        ):
            shown = escape(character.encode("utf-8", "surrogateescape"))
            raise SettingsError(
                f"{origin}, line {line}: it holds the control character {shown}",
                "write ? in its place to match such a name",
            )
    return text


def _without_trailing_blanks(text: str) -> str:
    """A line without its trailing blanks, but for one that a backslash keeps (gitignore(5))."""
    stripped = text.rstrip(" ")
    backslashes = len(stripped) - len(stripped.rstrip("\\"))
    return stripped + " " if backslashes % 2 and len(text) > len(stripped) else stripped


def _check_name(name: bytes, shown: str) -> None:
    text = name.decode("utf-8", "surrogateescape")
    known = [f"home.{rule_class}" for rule_class in USER_FILES]
    if text in known or text.startswith(".") or text.endswith("~"):
        return
    nearest = difflib.get_close_matches(text, known, n=1, cutoff=0.5)
    hint = f"did you mean {nearest[0]}?" if nearest else f"the names are {', '.join(sorted(known))}"
    raise SettingsError(f"{shown}/{escape(name)} is not the name of a rules file", hint)


def _read(path: bytes, shown: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise _unreadable(shown, error) from error


def _unreadable(shown: str, error: OSError) -> SettingsError:
    return SettingsError(f"{shown} cannot be read: {error.strerror}", f"make it readable for you: ls -ld {shown}")


def _rows(document: Mapping[str, JsonValue], lines: Sequence[int]) -> tuple[ShippedRow, ...]:
    tables = document.get("rule")
    if len(document) != 1 or not isinstance(tables, list) or len(tables) != len(lines):
        raise FormatError("it must hold [[rule]] tables, each headed by a line of its own, and nothing else")
    return tuple(_row(table, line) for table, line in zip(tables, lines, strict=True))


def _row(table: JsonValue, line: int) -> ShippedRow:
    if not isinstance(table, dict):
        raise FormatError(f"line {line}: not a table")
    if "line" in table:
        raise FormatError(f"line {line}: unknown key line")
    renamed = {"rule_class" if key == "class" else key: value for key, value in table.items()}
    try:
        row = from_json(ShippedRow, {**renamed, "line": line})
    except FormatError as error:
        raise FormatError(f"line {line}: {error.message}") from error
    if not (row.patterns and row.reason.strip() and row.group.strip()):
        raise FormatError(f"line {line}: patterns, group and reason must not be empty")
    return row


def _rules_of(row: ShippedRow) -> list[Rule]:
    return [
        Rule(pattern, row.rule_class, row.reason, SHIPPED, row.line, row.final, row.scope, row.target)
        for pattern in row.patterns
    ]
