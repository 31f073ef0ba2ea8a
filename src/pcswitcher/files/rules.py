"""Rules: which paths of a tree travel, and why.

A rule is a gitignore pattern with a class. Which rule decides about an entry ("the most specific wins"):

1. An entry inside a directory that stays behind stays behind with it, whatever is written deeper down,
   as with git.
2. Otherwise the rules that match the entry itself decide; the strongest source wins and within one
   source the last matching line. From strong to weak: shipped rules marked final; the
   ``.pcswitcherignore`` files from the entry's own directory up to the root of the tree; the user's
   ``home.*`` files; shipped defaults.
3. Without such a rule the entry is treated like its directory, and the tree itself travels.

``docs/reference/rules.md`` says the same to the user, with every shipped rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

import attrs

from pcswitcher.files.patterns import Pattern, PatternIndex, Prefilter
from pcswitcher.model.text import escape, printable

DIRECTORY_FILE = b".pcswitcherignore"


class RuleClass(StrEnum):
    """What a rule says about the paths it matches."""

    SYNC = "sync"  # travels
    NEVER = "never"  # belongs to this machine
    VOLATILE = "volatile"  # travels, but is never a conflict
    ASK = "ask"  # stays behind until the user has answered

    @property
    def excludes(self) -> bool:
        """Whether a path of this class stays where it is."""
        return self in {RuleClass.NEVER, RuleClass.ASK}


class RuleScope(StrEnum):
    """From where a pattern counts its path."""

    HOME = "home"  # from every home folder of the tree
    TREE = "tree"  # from the root of the tree


class TreeKind(StrEnum):
    """Where the home folders of a tree are."""

    HOMES = "homes"  # every first-level directory is one: /home
    HOME = "home"  # the tree itself is one: /root


class RuleTarget(StrEnum):
    """Which kind of entries a rule is about."""

    ANY = "any"
    SOCKET = "socket"


@attrs.frozen
class Rule:
    """One line of policy.

    ``pattern`` is gitignore syntax without the leading ``!`` (that became the class ``sync``); bytes
    that are no UTF-8 stand in it as surrogates (PEP 383). ``origin`` is "shipped" or the file the rule
    was read from, ``line`` its line there, from 1. A ``final`` rule cannot be undone by another source.
    """

    pattern: str
    rule_class: RuleClass
    reason: str
    origin: str
    line: int
    final: bool = False
    scope: RuleScope = RuleScope.HOME
    target: RuleTarget = RuleTarget.ANY


@attrs.frozen
class RuleTexts:
    """Everything a machine needs to build the RuleSet of one tree; made of plain values for the wire.

    ``tree`` is the absolute path of the live tree. ``rules`` stand from weak to strong: shipped
    defaults, the user's, shipped final ones.
    """

    tree: bytes
    kind: TreeKind
    rules: tuple[Rule, ...]


@attrs.frozen
class Verdict:
    """What the rules say about one path.

    ``path`` is absolute. ``decided_at`` is the path the rule matched: ``path`` itself, or the directory
    above it whose fate it shares. ``rule`` is None when no rule speaks of it: then it travels.
    """

    rule_class: RuleClass
    rule: Rule | None
    path: bytes
    decided_at: bytes


@attrs.frozen(eq=False)
class RuleSet:
    """The rules of one tree, ready to be asked. Immutable: it may be shared between threads."""

    texts: RuleTexts
    _home: PatternIndex[Rule]
    _tree: PatternIndex[Rule]
    _sockets: PatternIndex[Rule]
    _prefilter: Prefilter
    _directories: Mapping[bytes, PatternIndex[Rule]]

    @classmethod
    def build(cls, texts: RuleTexts) -> RuleSet:
        """Compile the rules of ``texts``. Raises SettingsError for a pattern that is no gitignore pattern."""
        compiled = [(rule, compile_rule(rule)) for rule in texts.rules]
        plain = [(rule, pattern) for rule, pattern in compiled if rule.target is RuleTarget.ANY]
        sockets = [(rule, pattern) for rule, pattern in compiled if rule.target is RuleTarget.SOCKET]
        home, tree = (
            PatternIndex.build([pair for pair in plain if pair[0].scope is scope])
            for scope in (RuleScope.HOME, RuleScope.TREE)
        )
        prefilter = Prefilter.build(pattern for _rule, pattern in plain)
        return cls(texts, home, tree, PatternIndex.build(sockets), prefilter, {})

    def with_directory_file(self, directory: bytes, content: bytes) -> RuleSet:
        """Add the ``.pcswitcherignore`` with ``content`` that stands in ``directory``.

        ``directory`` is relative to the tree root, b"" for the root itself. Gives a new set; this one
        stays as it is. Raises SettingsError naming file and line for a line that is no pattern.
        """
        raise NotImplementedError

    def excludes(self, path: bytes, is_directory: bool, *, is_socket: bool = False) -> bool:  # noqa: FBT001 - hot path
        """Say whether an entry stays behind, given that its directory does not (a walker prunes there).

        ``path`` is relative to the tree root, without a leading slash. Takes 1-2 µs for an ordinary name.
        """
        raise NotImplementedError

    def decide(self, path: bytes, is_directory: bool, *, is_socket: bool = False) -> Verdict:  # noqa: FBT001 - as excludes
        """Say what holds for an entry and which rule decided, looking at every directory above it first."""
        raise NotImplementedError


def explain(verdict: Verdict) -> str:
    """Say in one line of safe text what happens to a path and which rule decided, for ``pc-switcher why``."""
    raise NotImplementedError
