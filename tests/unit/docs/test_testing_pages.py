"""The testing page and the playbook are true (T8)."""

from __future__ import annotations

import re
from pathlib import Path

from pclab.cli import parser
from pcswitcher.faces.cli import app

ROOT = Path(__file__).parents[3]
TESTING = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
PLAYBOOK = (ROOT / "docs" / "playbook.md").read_text(encoding="utf-8")
DANGEROUS = re.compile(
    r"os\.kill\(|os\.killpg\(|\.kill\(\)|rmtree\(|pair\.sync\(|\broot: None|usefixtures\(\"root\"\)|mark\.(root|loop)\b"
    r"|\"(chattr|mkfs[.\w]*|losetup|u?mount|pkill|reboot|loginctl|systemctl|shutdown)\""
)


def test_every_test_that_would_be_dangerous_is_named_with_what_holds_it() -> None:
    """T8: a module that kills, mounts, removes trees, changes flags, applies plans or wants root on this machine."""
    chapter = TESTING[TESTING.index("## Tests that would be dangerous") :]
    modules = [*ROOT.glob("tests/unit/**/test_*.py"), *ROOT.glob("tests/contract/test_*.py")]
    modules += [each for each in ROOT.glob("tests/lab/test_*.py") if "mark.loop" in each.read_text(encoding="utf-8")]
    found = [each for each in modules if each != Path(__file__) and DANGEROUS.search(each.read_text(encoding="utf-8"))]
    assert len(found) > 8
    missing = [name for each in found if (name := each.relative_to(ROOT).as_posix()) not in chapter]
    assert missing == []


def test_what_the_page_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/.]+)`", TESTING)
    assert [each for each in named if not (ROOT / each).exists()] == []


def test_the_commands_of_the_playbook_exist() -> None:
    """T8."""
    lines = re.findall(r"^ {4,}(.*)$", PLAYBOOK, flags=re.MULTILINE)
    lab = {match[1] for line in lines for match in re.finditer(r"\blab ([a-z][a-z-]+)", line)}
    ours = {match[1] for line in lines for match in re.finditer(r"\bpc-switcher ([a-z]+)", line)}
    assert len(lab) > 8
    assert len(ours) > 5
    choices = parser()._subparsers
    assert choices is not None
    assert lab <= set(next(iter(choices._group_actions)).choices or ())
    assert ours <= {name for name in app if not name.startswith("-")}
