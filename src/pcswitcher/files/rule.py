"""The types of a rule: one line of policy and what it says."""

from __future__ import annotations

from enum import StrEnum

import attrs


class TreeKind(StrEnum):
    """Where the home folders of a tree are."""

    HOMES = "homes"
    """Every directory directly below it is one: /home."""
    HOME = "home"
    """It is one itself: /root."""


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


class RuleTarget(StrEnum):
    """Which kind of entries a rule is about."""

    ANY = "any"
    SOCKET = "socket"


@attrs.frozen
class Rule:
    """One line of policy.

    ``pattern`` is gitignore syntax without the leading ``!`` (that became the class ``sync``); bytes
    that are no UTF-8 stand in it as surrogates (PEP 383). ``origin`` is "shipped" or the file the rule
    was read from, ``line`` its line there, from 1. ``reason`` may be empty for a rule of the user's.
    A ``final`` rule cannot be undone by another source.
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
