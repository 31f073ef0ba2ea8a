"""Our reading of gitignore patterns held to git's own (F3; faults row 12)."""

from __future__ import annotations

import itertools
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pcswitcher.files.rule import TreeKind
from pcswitcher.files.rules import RuleSet, RuleTexts
from pcswitcher.model.errors import SettingsError

NAMES = (b"a", b"b", b"ab", b"a.b", b"a\n", b"voil\xc3\xa0", b"\xff", b"[", b"*", b"!a", b"#a", b" a", b"a ", b"c\\d")
GLOBS = (
    *(
        b"*",
        b"**",
        b"?",
        b"a*",
        b"*b",
        b"*a*",
        b"a?b",
        b"[ab]",
        b"[!a]*",
        b"[^b]",
        b"a[!x]b",
        b"[]a]",
        b"*[ab]*b",
        b"[a-c]?",
    ),
    *(
        b"\\[",
        b"\\*",
        b"\\!a",
        b"\\#a",
        b"#a",
        b"a\\ ",
        b"a ",
        b"*\xa0",
        b"\xff",
        b"a\\b",
        b"**b",
        b"*.*",
        b"c\\\\d",
        b"[&|~]*",
    ),
)
segments = st.sampled_from((*NAMES, *GLOBS, b"**", b"**", b"a", b"b")).filter(lambda name: b"\n" not in name)


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    body = b"/".join(draw(st.lists(segments, min_size=1, max_size=4)))
    return (
        draw(st.sampled_from((b"", b"", b"!")))
        + draw(st.sampled_from((b"", b"", b"/")))
        + body
        + draw(st.sampled_from((b"", b"", b"/")))
    )


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[bytes, bool]]]:
    """A git repository with a file and a directory of every name, three levels deep for some."""
    root = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", str(root)], check=True, timeout=60)
    entries = [(b"/".join(names), False) for names in itertools.product(NAMES, NAMES, NAMES[:5])]
    directories = {parent for path, _ in entries for parent in (path.rpartition(b"/")[0], path.partition(b"/")[0])}
    entries += [(b"file" + name, False) for name in NAMES] + [(path, True) for path in directories]
    for path, is_directory in entries:
        whole = os.path.join(os.fsencode(root), path)
        os.makedirs(whole if is_directory else os.path.dirname(whole), exist_ok=True)
        if not is_directory:
            Path(os.fsdecode(whole)).touch()
    return root, entries


def ignored_by_git(root: Path, entries: list[tuple[bytes, bool]], content: bytes) -> dict[bytes, bool]:
    (root / ".gitignore").write_bytes(content)
    answer = subprocess.run(
        ["git", "-C", str(root), "check-ignore", "--no-index", "--verbose", "--non-matching", "-z", "--stdin"],
        input=b"".join(path + b"\0" for path, _ in entries),
        stdout=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    assert answer.returncode in {0, 1}
    fields = answer.stdout.split(b"\0")[:-1]
    return {
        path: pattern != b"" and not pattern.startswith(b"!")
        for pattern, path in zip(fields[2::4], fields[3::4], strict=True)
    }


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(patterns=[b"a[!x]b"])
@example(patterns=[b"a/**/"])
@example(patterns=[b"**/a/**/b/**/a", b"!*b*a*/"])
@given(patterns=st.lists(lines(), min_size=1, max_size=4))
def test_a_file_of_patterns_holds_back_what_git_would_ignore(
    repository: tuple[Path, list[tuple[bytes, bool]]], patterns: list[bytes]
) -> None:
    """Newlines, bytes that are no UTF-8, sets, stars, anchors and negations mean what they mean to git."""
    root, entries = repository
    empty = RuleSet.build(RuleTexts(b"/home", TreeKind.HOMES, ()))
    content = b"\n".join(patterns) + b"\n"
    try:
        rules = empty.with_directory_file(b"", content)
    except SettingsError:
        return  # we refuse with file and line where git is silent
    expected = ignored_by_git(root, entries, content)
    ours = {path: rules.decide(path, is_directory).rule_class.excludes for path, is_directory in entries}
    assert {path: held for path, held in ours.items() if held != expected[path]} == {}
