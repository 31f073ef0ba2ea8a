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

from collections.abc import Iterator

import attrs

from pcswitcher.files.patterns import PatternIndex, Prefilter
from pcswitcher.files.rule import Rule, RuleClass, RuleScope, RuleTarget, RuleTexts, TreeKind
from pcswitcher.files.rules_text import SHIPPED, compile_rule, parse_rules
from pcswitcher.model.text import escape, printable

__all__ = [
    "DIRECTORY_FILE",
    "Rule",
    "RuleClass",
    "RuleScope",
    "RuleSet",
    "RuleTarget",
    "RuleTexts",
    "Verdict",
    "explain",
]

DIRECTORY_FILE = b".pcswitcherignore"


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
    """The rules of one tree, ready to be asked. Immutable: it may be shared between threads.

    ``_directories`` holds the ``.pcswitcherignore`` files, deepest first, each with the beginning of
    the paths it governs ("sam/work/"). A walker adds them along its branch, so they are few.
    """

    texts: RuleTexts
    _home: PatternIndex[Rule]
    _tree: PatternIndex[Rule]
    _sockets: PatternIndex[Rule]
    _prefilter: Prefilter
    _directories: tuple[tuple[bytes, PatternIndex[Rule]], ...]

    @classmethod
    def build(cls, texts: RuleTexts) -> RuleSet:
        """Compile the rules of ``texts``. Raises SettingsError for a pattern that is no gitignore pattern."""
        compiled = [(rule, compile_rule(rule)) for rule in texts.rules]
        plain = [pair for pair in compiled if pair[0].target is RuleTarget.ANY]
        return cls(
            texts,
            PatternIndex([pair for pair in plain if pair[0].scope is RuleScope.HOME]),
            PatternIndex([pair for pair in plain if pair[0].scope is RuleScope.TREE]),
            PatternIndex([pair for pair in compiled if pair[0].target is RuleTarget.SOCKET]),
            Prefilter(pattern for _rule, pattern in plain),
            (),
        )

    def with_directory_file(self, directory: bytes, content: bytes) -> RuleSet:
        """Add the ``.pcswitcherignore`` with ``content`` that stands in ``directory``.

        ``directory`` is relative to the tree root, b"" for the root itself. Gives a new set; this one
        stays as it is. Raises SettingsError naming file and line for a line that is no pattern.
        """
        origin = escape(self._absolute(directory + b"/" + DIRECTORY_FILE if directory else DIRECTORY_FILE))
        rules = parse_rules(content, origin, RuleClass.NEVER)
        index = PatternIndex([(rule, compile_rule(rule)) for rule in rules])
        governed = directory + b"/" if directory else b""
        others = [pair for pair in self._directories if pair[0] != governed]
        files = sorted([*others, (governed, index)], key=lambda pair: len(pair[0]), reverse=True)
        return attrs.evolve(self, directories=tuple(files))

    def excludes(self, path: bytes, is_directory: bool, *, is_socket: bool = False) -> bool:  # noqa: FBT001 - hot path
        """Say whether an entry stays behind, given that its directory does not (a walker prunes there).

        ``path`` is relative to the tree root, without a leading slash. Takes 1-2 µs for an ordinary name.
        """
        if not (self._directories or is_socket or self._prefilter.may_match(path)):
            return False
        rule = self._own_rule(path, is_directory=is_directory, is_socket=is_socket)
        return rule is not None and rule.rule_class.excludes

    def decide(self, path: bytes, is_directory: bool, *, is_socket: bool = False) -> Verdict:  # noqa: FBT001 - as excludes
        """Say what holds for an entry and which rule decided, looking at every directory above it first.

        ``path`` as for ``excludes``; b"" is the root of the tree, which no rule can hold back.
        """
        absolute = self._absolute(path)
        verdict = Verdict(RuleClass.SYNC, None, absolute, absolute)
        for ancestor in _ancestors(path):
            rule = self._own_rule(ancestor, is_directory=True, is_socket=False)
            if rule is not None:
                verdict = Verdict(rule.rule_class, rule, absolute, self._absolute(ancestor))
                if rule.rule_class.excludes:
                    return verdict
        own = self._own_rule(path, is_directory=is_directory, is_socket=is_socket) if path else None
        return verdict if own is None else Verdict(own.rule_class, own, absolute, absolute)

    def _own_rule(self, path: bytes, *, is_directory: bool, is_socket: bool) -> Rule | None:
        """The rule that wins among those matching the entry itself."""
        shipped_or_user = self._base_rule(path, is_directory=is_directory, is_socket=is_socket)
        if shipped_or_user is not None and shipped_or_user.final:
            return shipped_or_user
        for governed, index in self._directories:
            if path.startswith(governed):
                rule = index.strongest(path[len(governed) :], is_directory)
                if rule is not None:
                    return rule
        return shipped_or_user

    def _base_rule(self, path: bytes, *, is_directory: bool, is_socket: bool) -> Rule | None:
        """The winner among shipped rules and the user's: a final one, else home before tree."""
        if not (is_socket or self._prefilter.may_match(path)):
            return None
        inside = self._inside_home(path)
        home = self._home.strongest(inside, is_directory) if inside else None
        tree = self._tree.strongest(path, is_directory)
        socket = self._sockets.strongest(inside or path, is_directory) if is_socket else None
        candidates = [rule for rule in (socket, home, tree) if rule is not None]
        return next((rule for rule in candidates if rule.final), candidates[0] if candidates else None)

    def _inside_home(self, path: bytes) -> bytes:
        """The path as seen from its home folder; empty when it is one or lies in none."""
        if self.texts.kind is TreeKind.HOME:
            return path
        return path.partition(b"/")[2]

    def _absolute(self, path: bytes) -> bytes:
        return self.texts.tree.rstrip(b"/") + b"/" + path if path else self.texts.tree


def explain(verdict: Verdict) -> str:
    """Say in one line of safe text what happens to a path and which rule decided, for ``pc-switcher why``.

    For example ``/home/sam/.ssh/id_ed25519 never travels: private keys belong to one machine (shipped
    rule `.ssh/id_*`, final)``.
    """
    said = {
        RuleClass.SYNC: "travels",
        RuleClass.NEVER: "never travels",
        RuleClass.VOLATILE: "travels and is never a conflict",
        RuleClass.ASK: "stays here until you decide",
    }[verdict.rule_class]
    words = f"{escape(verdict.path)} {said}"
    rule = verdict.rule
    if rule is None:
        return f"{words}: no rule speaks of it"
    if verdict.decided_at != verdict.path:
        words += f", like everything in {escape(verdict.decided_at)}"
    reason = f": {printable(rule.reason)}" if rule.reason else ""
    pattern = escape(rule.pattern.encode("utf-8", "surrogateescape"))
    if rule.origin == SHIPPED:
        return f"{words}{reason} (shipped rule `{pattern}`{', final' if rule.final else ''})"
    return f"{words}{reason} (rule `{pattern}` in {printable(rule.origin)}, line {rule.line})"


def _ancestors(path: bytes) -> Iterator[bytes]:
    """Every directory above ``path``, from the top; ``a/b/c`` gives ``a`` and ``a/b``."""
    cut = path.find(b"/")
    while cut >= 0:
        yield path[:cut]
        cut = path.find(b"/", cut + 1)
