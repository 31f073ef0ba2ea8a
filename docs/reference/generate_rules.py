"""Write the table of shipped rules into docs/reference/rules.md.

Run with: python docs/reference/generate_rules.py
A unit test holds the page to what this makes of ``rules.toml``.
"""

from __future__ import annotations

from pathlib import Path

from pcswitcher.files.rule import RuleClass, RuleScope, RuleTarget
from pcswitcher.files.rules_text import ShippedRow
from pcswitcher.jobs.files.rules import shipped_rows

PAGE = Path(__file__).with_name("rules.md")
BEGIN = "<!-- made by generate_rules.py: begin -->\n"
END = "<!-- made by generate_rules.py: end -->\n"
WORDS = {
    RuleClass.NEVER: "never",
    RuleClass.SYNC: "travels",
    RuleClass.VOLATILE: "travels, never a conflict",
    RuleClass.ASK: "asks",
}


def table(rows: tuple[ShippedRow, ...]) -> str:
    """The shipped rules in Markdown, under the headings of their groups, in the order of ``rules.toml``."""
    parts: list[str] = []
    for group in dict.fromkeys(row.group for row in rows):
        parts.append(f"\n### {group}\n\n| patterns | what happens | why |\n|---|---|---|\n")
        parts += [_line(row) for row in rows if row.group == group]
    return "".join(parts) + "\n"


def page_with(text: str, rows: tuple[ShippedRow, ...]) -> str:
    """The page ``text`` with what stands between its two marks made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + table(rows) + END + after


def _line(row: ShippedRow) -> str:
    patterns = " ".join(f"`{pattern}`" for pattern in row.patterns)
    if row.target is RuleTarget.SOCKET:
        patterns += " (sockets)"
    if row.scope is RuleScope.TREE:
        patterns += " (from the root of the tree)"
    return f"| {patterns} | {WORDS[row.rule_class]}{', **final**' if row.final else ''} | {row.reason} |\n"


if __name__ == "__main__":
    PAGE.write_text(page_with(PAGE.read_text(encoding="utf-8"), shipped_rows()), encoding="utf-8")
