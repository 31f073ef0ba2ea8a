"""Which rule decides (F3, F6; design "files": the most specific wins, final never-rules cannot be undone)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcswitcher.files.patterns import compile_pattern
from pcswitcher.files.rule import TreeKind
from pcswitcher.files.rules import Rule, RuleClass, RuleScope, RuleSet, RuleTarget, RuleTexts, explain
from pcswitcher.model.codec import dumps, loads
from pcswitcher.model.errors import SettingsError

NEVER, SYNC, VOLATILE, ASK = RuleClass.NEVER, RuleClass.SYNC, RuleClass.VOLATILE, RuleClass.ASK


def shipped(pattern: str, rule_class: RuleClass = NEVER, *, final: bool = False) -> Rule:
    return Rule(pattern, rule_class, "because", "shipped", 1, final=final)


def own(pattern: str, rule_class: RuleClass = NEVER) -> Rule:
    return Rule(pattern, rule_class, "", f"~/.config/pc-switcher/rules/home.{rule_class}", 1)


def rule_set(*rules: Rule, kind: TreeKind = TreeKind.HOMES) -> RuleSet:
    return RuleSet.build(RuleTexts(b"/home" if kind is TreeKind.HOMES else b"/root", kind, rules))


def said(rules: RuleSet, path: bytes, *, is_directory: bool = False) -> RuleClass:
    return rules.decide(path, is_directory).rule_class


def test_what_no_rule_speaks_of_travels() -> None:
    verdict = rule_set().decide(b"sam/work/report.odt", False)
    assert (verdict.rule_class, verdict.rule) == (SYNC, None)


def test_the_last_matching_line_of_a_source_wins() -> None:
    rules = rule_set(own("*.iso"), own("debian.iso", SYNC))
    assert said(rules, b"sam/a/debian.iso") is SYNC
    assert said(rules, b"sam/a/other.iso") is NEVER


def test_the_users_rules_outweigh_shipped_defaults_but_not_final_ones() -> None:
    rules = rule_set(
        shipped(".config/dconf"), own(".config/dconf", SYNC), own(".ssh/id_*", SYNC), shipped(".ssh/id_*", final=True)
    )
    assert said(rules, b"sam/.config/dconf", is_directory=True) is SYNC
    assert said(rules, b"sam/.ssh/id_ed25519") is NEVER


def test_nobody_can_undo_a_final_rule_by_a_directory_file() -> None:
    rules = rule_set(shipped(".ssh/id_*", final=True))
    for directory in (b"", b"sam", b"sam/.ssh"):
        rules = rules.with_directory_file(directory, b"!id_*\n!**\n!id_rsa\n")
    assert rules.excludes(b"sam/.ssh/id_rsa", False)


def test_a_deeper_directory_file_outweighs_a_shallower_one_and_both_the_users() -> None:
    rules = rule_set(own("*.log", SYNC))
    rules = rules.with_directory_file(b"sam", b"*.log\n").with_directory_file(b"sam/work", b"!*.log\n")
    assert said(rules, b"sam/x.log") is NEVER
    assert said(rules, b"sam/work/deep/x.log") is SYNC
    assert said(rules, b"ida/x.log") is SYNC


def test_a_directory_file_counts_from_its_directory() -> None:
    rules = rule_set().with_directory_file(b"sam/work", b"/build\nout/x\n")
    assert said(rules, b"sam/work/build", is_directory=True) is NEVER
    assert said(rules, b"sam/work/sub/build", is_directory=True) is SYNC
    assert said(rules, b"sam/build", is_directory=True) is SYNC
    assert said(rules, b"sam/work/out/x") is NEVER
    assert said(rules, b"sam/workshop/build", is_directory=True) is SYNC


def test_a_directory_file_at_the_root_of_the_tree_can_hold_back_a_home() -> None:
    rules = rule_set(own("*")).with_directory_file(b"", b"/guest/\n")
    assert said(rules, b"guest", is_directory=True) is NEVER
    assert said(rules, b"sam", is_directory=True) is SYNC
    assert said(rules.with_directory_file(b"", b"!x.iso\n"), b"s/x.iso") is SYNC


def test_the_order_in_which_directory_files_are_found_does_not_matter_and_the_newest_content_counts() -> None:
    deep_first = rule_set().with_directory_file(b"sam/work", b"!x\n").with_directory_file(b"sam", b"x\n")
    assert said(deep_first, b"sam/work/x") is SYNC
    assert said(deep_first, b"sam/workshop/x") is NEVER
    assert said(deep_first.with_directory_file(b"sam", b"y\n"), b"sam/workshop/x") is SYNC


def test_a_rule_set_with_a_directory_file_leaves_the_first_one_as_it_was() -> None:
    first = rule_set()
    assert first.with_directory_file(b"sam", b"x\n").excludes(b"sam/x", False)
    assert not first.excludes(b"sam/x", False)


def test_inside_a_directory_that_stays_everything_stays() -> None:
    rules = rule_set(own("vault"), own("vault/open", SYNC)).with_directory_file(b"sam/vault", b"!*\n")
    verdict = rules.decide(b"sam/vault/open", False)
    assert verdict.rule_class is NEVER
    assert verdict.decided_at == b"/home/sam/vault"


def test_a_class_is_inherited_until_a_rule_names_something_inside() -> None:
    rules = rule_set(shipped(".mozilla/*/lock"), own(".mozilla", VOLATILE))
    assert said(rules, b"sam/.mozilla/p/places.sqlite") is VOLATILE
    assert said(rules, b"sam/.mozilla/p/lock") is NEVER


def test_what_is_to_be_asked_stays_with_all_that_is_in_it() -> None:
    rules = rule_set(shipped("Games", ASK))
    assert rules.excludes(b"sam/Games", True)
    assert said(rules, b"sam/Games/tetris/score") is ASK


def test_an_exception_from_a_star_travels() -> None:
    rules = rule_set(shipped(".cache/*"), shipped(".cache/pip", SYNC))
    assert not rules.excludes(b"sam/.cache", True)
    assert not rules.excludes(b"sam/.cache/pip", True)
    assert rules.excludes(b"sam/.cache/mesa", True)
    assert said(rules, b"sam/.cache/pip/http/a") is SYNC


def test_home_rules_count_from_every_home_and_never_hold_one_back() -> None:
    homes = rule_set(own("/sam"), own("/x"))
    assert said(homes, b"sam", is_directory=True) is SYNC
    assert said(homes, b"sam/x") is NEVER
    assert said(homes, b"ida/x") is NEVER
    assert said(homes, b"sam/y/x") is SYNC
    one = rule_set(own("/x"), kind=TreeKind.HOME)
    assert said(one, b"x") is NEVER
    assert said(one, b"y/x") is SYNC


def test_a_tree_rule_counts_from_the_root_of_the_tree() -> None:
    stage = Rule("/.stage-*", NEVER, "ours", "shipped", 1, final=True, scope=RuleScope.TREE)
    rules = rule_set(own("*", SYNC), stage)
    assert rules.excludes(b".stage-7", True)
    assert not rules.excludes(b"sam/.stage-7", True)
    assert rule_set(own("*", SYNC), stage, kind=TreeKind.HOME).excludes(b".stage-7", True)


def test_a_rule_about_sockets_leaves_other_kinds_alone() -> None:
    rules = rule_set(Rule("*", NEVER, "a socket", "shipped", 1, final=True, target=RuleTarget.SOCKET))
    assert rules.excludes(b"sam/run/s", False, is_socket=True)
    assert rules.decide(b"sam/run/s", False, is_socket=True).rule_class is NEVER
    assert rules.excludes(b"outside-of-any-home", False, is_socket=True)
    assert not rules.excludes(b"sam/run/s", False)
    assert not rules.excludes(b"sam/run", True)


def test_names_that_are_no_text_are_decided_like_others() -> None:
    """Faults row 12: newlines, invalid UTF-8, escape sequences."""
    rules = rule_set().with_directory_file(b"sam/\xff\nx", b"\xfe*\n*.tmp\n")
    assert said(rules, b"sam/\xff\nx/\xfe\n") is NEVER
    assert said(rules, b"sam/\xff\nx/a\nb.tmp") is NEVER
    assert said(rules, b"sam/\xff\nx/a.tmp\n") is SYNC


def test_a_wrong_line_in_a_directory_file_is_named_with_file_and_line() -> None:
    """Faults row 23."""
    with pytest.raises(SettingsError) as caught:
        rule_set().with_directory_file(b"sam/a\x1bb", b"fine\n\n[z-a]\n")
    assert "/home/sam/a\\x1bb/.pcswitcherignore, line 3" in caught.value.message
    assert "[z-a]" in caught.value.message


def test_a_wrong_pattern_that_arrives_over_the_wire_is_refused() -> None:
    with pytest.raises(SettingsError):
        rule_set(own("[z-a]"))


def test_rules_cross_the_wire_unchanged() -> None:
    texts = RuleTexts(b"/home", TreeKind.HOMES, (shipped("a\udcff*", final=True), own("\u00e4", VOLATILE)))
    assert loads(RuleTexts, dumps(texts)) == texts
    assert RuleSet.build(texts).excludes(b"sam/a\xff1", False)


HISTORY = "/home/sam/.bash_history travels and is never a conflict: because (shipped rule `.bash_history`)"
BELOW = "/home/sam/.cache/a/b never travels, like everything in /home/sam/.cache/a: because (shipped rule `.cache/*`)"
OWN = "/home/sam/a.iso never travels (rule `*.iso` in ~/.config/pc-switcher/rules/home.never, line 1)"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (b"sam/.ssh/id_rsa", "/home/sam/.ssh/id_rsa never travels: because (shipped rule `.ssh/id_*`, final)"),
        (b"sam/.cache/a/b", BELOW),
        (b"sam/a.iso", OWN),
        (b"sam/work/y", "/home/sam/work/y travels: wanted (rule `y` in /home/sam/work/.pcswitcherignore, line 2)"),
        (b"sam/.bash_history", HISTORY),
        (b"sam/Games", "/home/sam/Games stays here until you decide: because (shipped rule `Games`)"),
        (b"sam/\x1b[31m\n", "/home/sam/\\x1b[31m\\n travels: no rule speaks of it"),
        (b"", "/home travels: no rule speaks of it"),
    ],
)
def test_why_names_the_rule_that_decided(path: bytes, words: str) -> None:
    defaults = (shipped(".cache/*"), shipped(".bash_history", VOLATILE), shipped("Games", ASK))
    rules = rule_set(*defaults, own("*.iso"), shipped(".ssh/id_*", final=True))
    rules = rules.with_directory_file(b"sam/work", b"# wanted\n!y\n")
    assert explain(rules.decide(path, False)) == words


names = st.sampled_from((b"sam", b".cache", b"pip", b"a", b"b", b"a.log", b"x\ny", b"\xff", b".ssh", b"id_a"))
tree_paths = st.lists(names, min_size=1, max_size=5).map(b"/".join)
texts = st.sampled_from(
    (*("a", "b/", "/a", "*.log", "a*", "*", ".cache/*", ".cache/pip", "a/**", "**/b", "a/**/b", "?", "[ab]", "x*y"),
     *(".ssh/id_*", "\udcff", "sam", "/sam/a", "b/a", "*a*"))
)  # fmt: skip
rule_lists = st.lists(
    st.builds(
        lambda pattern, rule_class, scope: Rule(pattern, rule_class, "", "file", 1, scope=scope),
        texts, st.sampled_from(RuleClass), st.sampled_from(RuleScope),
    ), max_size=6,
)  # fmt: skip
final_lists = st.lists(texts.map(lambda pattern: shipped(pattern, final=True)), max_size=2)
directory_files = st.dictionaries(
    st.one_of(st.just(b""), tree_paths),
    st.lists(st.tuples(st.booleans(), texts), min_size=1, max_size=3),
    max_size=3,
)


def naive_rule(
    rules: tuple[Rule, ...], files: dict[bytes, list[tuple[bool, str]]], path: bytes, is_directory: bool
) -> RuleClass | None:
    """The class of the entry's own rule by the words of the documentation, asking every pattern in order."""
    inside = path.partition(b"/")[2]

    def matches(rule: Rule) -> bool:
        counted = inside if rule.scope is RuleScope.HOME else path
        return counted != b"" and compile_pattern(encoded(rule.pattern)).matches(counted, is_directory)

    final = [rule for rule in rules if rule.final and matches(rule)]
    if final:
        return final[-1].rule_class
    for directory in sorted(files, key=len, reverse=True):
        if path.startswith(directory + b"/") or not directory:
            counted = path[len(directory) + 1 :] if directory else path
            lines = [
                kept for kept, text in files[directory] if compile_pattern(encoded(text)).matches(counted, is_directory)
            ]
            if lines:
                return SYNC if lines[-1] else NEVER
    for scope in (RuleScope.HOME, RuleScope.TREE):
        plain = [rule for rule in rules if rule.scope is scope and not rule.final and matches(rule)]
        if plain:
            return plain[-1].rule_class
    return None


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def naive_class(
    rules: tuple[Rule, ...], files: dict[bytes, list[tuple[bool, str]]], path: bytes, is_directory: bool
) -> RuleClass:
    parts = path.split(b"/")
    result = SYNC
    for depth in range(1, len(parts) + 1):
        entry = b"/".join(parts[:depth])
        result = naive_rule(rules, files, entry, is_directory or depth < len(parts)) or result
        if result.excludes:
            break
    return result


@settings(max_examples=300)
@given(rule_lists, final_lists, directory_files, tree_paths, st.booleans())
def test_the_rule_set_says_what_asking_every_pattern_says(
    plain: list[Rule], final: list[Rule], files: dict[bytes, list[tuple[bool, str]]], path: bytes, is_directory: bool
) -> None:
    """Index, precedence and inheritance against the words of docs/reference/rules.md."""
    everything = (*plain, *final)
    rules = rule_set(*everything)
    for directory, file_lines in files.items():
        content = b"".join((b"!" if kept else b"") + encoded(text) + b"\n" for kept, text in file_lines)
        rules = rules.with_directory_file(directory, content)
    assert said(rules, path, is_directory=is_directory) is naive_class(everything, files, path, is_directory)


@settings(max_examples=200)
@given(rule_lists, final_lists, st.lists(tree_paths, min_size=1, max_size=12))
def test_walking_with_excludes_finds_exactly_what_decide_lets_travel(
    plain: list[Rule], final: list[Rule], leaves: list[bytes]
) -> None:
    """Excludes is asked for an entry only when its directory travels: exclusion is inherited by pruning."""
    rules = rule_set(*plain, *final)
    directories = {b"/".join(path.split(b"/")[:depth]) for path in leaves for depth in range(1, path.count(b"/") + 1)}
    walked: set[bytes] = set()
    for path in sorted(directories | set(leaves), key=lambda entry: entry.count(b"/")):
        above = path.rpartition(b"/")[0]
        if (not above or above in walked) and not rules.excludes(path, path in directories):
            walked.add(path)
    assert walked == {
        path for path in directories | set(leaves) if not said(rules, path, is_directory=path in directories).excludes
    }
