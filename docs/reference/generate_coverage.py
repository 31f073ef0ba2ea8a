"""Write docs/reference/coverage.md: which test names which requirement and which fault.

Run with: python docs/reference/generate_coverage.py
It reads the docstrings of tests (of a function, its class or its module) without importing them, and the tables of
``requirements.md`` and ``faults.md``. A unit test holds the page to what this makes, and fails for a requirement
without a test. ``LATER`` is the one list of what may lack one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = HERE / "coverage.md"

PACKAGES = "only files travel so far; packages will be jobs of their own"
SYSTEM = "only files travel so far; system settings will be a job of their own"
LATER: dict[str, str] = {
    "F4": "found, shown and answered; keeping both files and merging text are to come",
    "S6": "the snapshots are there, the command is not; README tells how to go back by hand",
    **dict.fromkeys(("P1", "P2", "P3", "P4", "P5"), PACKAGES),
    **dict.fromkeys(("E1", "E2", "E3", "E4", "E5"), SYSTEM),
    "row 30": "conflicts between two PCs are there, rounds over three are to come",
    "row 31": "owners travel as numbers; accounts will be a job of their own",
    "row 33": "another architecture stops, another release warns; the rest comes with packages",
    "row 34": PACKAGES,
}
"""Requirements and fault rows that are not whole yet, each with the reason."""

HEAD = """\
# What is tested

<!-- made by generate_coverage.py from the docstrings of the tests; change them there -->

Every [requirement](requirements.md) and every [fault](faults.md) with the tests that name it. A requirement without a
test fails the build, unless it is listed under [later](#later). What runs where: [testing](../testing.md).
"""
_ROW = re.compile(r"^\| (\w+) \| (.*?) \|(?: (.*?) \|)?$", re.MULTILINE)
_TO = r"(?:\u2013|-| to )"
_NAME = re.compile(rf"\b([JDSLUIKCFPET])(\d{{1,2}})\b(?:{_TO}\1(\d{{1,2}})\b)?")
_NUMBERS = rf"\d+(?:{_TO}\d+)?"
_ROWS = re.compile(rf"\b[Rr]ows?\s+({_NUMBERS}(?:(?:, and |, | and ){_NUMBERS})*)")


@attrs.frozen
class Wanted:
    """A requirement or a fault: its name in docstrings, the heading it stands under, its words."""

    name: str
    heading: str
    words: str


@attrs.frozen(order=True)
class Naming:
    """Something in the tests that names ``wanted``: a file, and in it a test or a class, or all (empty)."""

    wanted: str
    path: str
    what: str


def wanted() -> tuple[Wanted, ...]:
    """Everything that must be tested, in the order of its pages."""
    found: list[Wanted] = []
    for section in re.split(r"^## ", (HERE / "requirements.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        heading = section.partition("\n")[0]
        found += [Wanted(row[1], heading, row[2]) for row in _ROW.finditer(section) if row[1] != "id"]
    for row in _ROW.finditer((HERE / "faults.md").read_text(encoding="utf-8")):
        if row[1].isdecimal():
            found.append(Wanted(f"row {row[1]}", "Faults", f"{row[2]} {row[3]}"))
    return tuple(found)


def named_in(text: str) -> frozenset[str]:
    """What a docstring names: "J1", "S1 to S5", "faults row 12", "rows 1, 4 and 7", "rows 15 to 17"."""
    found = {f"{match[1]}{number}" for match in _NAME.finditer(text) for number in _span(match[2], match[3])}
    for match in _ROWS.finditer(text):
        for part in re.finditer(rf"(\d+)(?:{_TO}(\d+))?", match[1]):
            found |= {f"row {number}" for number in _span(part[1], part[2])}
    return frozenset(found)


def _span(first: str, last: str | None) -> range:
    return range(int(first), int(last or first) + 1)


def namings(root: Path = ROOT) -> tuple[Naming, ...]:
    """Everything the tests below ``root`` name."""
    found: set[Naming] = set()
    for file in sorted(root.glob("tests/**/test_*.py")):
        path = file.relative_to(root).as_posix()
        for what, text in _docstrings(ast.parse(file.read_text(encoding="utf-8"))):
            found |= {Naming(name, path, what) for name in named_in(text)}
    return tuple(sorted(found))


def _docstrings(module: ast.Module) -> Iterator[tuple[str, str]]:
    """What a docstring of the tests is about, in words, and its text. Only what is run as a test counts."""
    yield "", ast.get_docstring(module) or ""
    for node in module.body:
        if isinstance(node, ast.ClassDef):
            yield f"all of {node.name}", ast.get_docstring(node) or ""
            yield from _tests(node.body)
    yield from _tests(module.body)


def _tests(body: Sequence[ast.stmt]) -> Iterator[tuple[str, str]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name.removeprefix("test_").replace("_", " "), ast.get_docstring(node) or ""


def missing() -> tuple[str, ...]:
    """What has no test and is not to come later."""
    named = {each.wanted for each in namings()}
    return tuple(each.name for each in wanted() if each.name not in named and each.name not in LATER)


def page() -> str:
    """The whole page."""
    found = namings()
    by_heading: dict[str, list[Wanted]] = {}
    for each in wanted():
        by_heading.setdefault(each.heading, []).append(each)
    parts = [HEAD, _summary(by_heading, {each.wanted for each in found})]
    for heading, rows in by_heading.items():
        entries = (_entry(each, [naming for naming in found if naming.wanted == each.name]) for each in rows)
        parts.append(f"## {heading}\n\n" + "\n".join(entries))
    later = "".join(f"| {name} | {reason} |\n" for name, reason in LATER.items())
    parts.append(f"## Later\n\nNot whole yet. What is there of it is tested.\n\n| | why |\n|---|---|\n{later}")
    return "\n".join(parts)


def _summary(by_heading: dict[str, list[Wanted]], named: set[str]) -> str:
    rows = "".join(
        f"| [{heading}](#{heading.lower().replace(' ', '-')}) | {len(rows)}"
        f" | {sum(each.name in named for each in rows)} | {sum(each.name in LATER for each in rows)} |\n"
        for heading, rows in by_heading.items()
    )
    return f"| | wanted | with tests | later |\n|---|---:|---:|---:|\n{rows}"


def _entry(item: Wanted, found: Sequence[Naming]) -> str:
    by_path: dict[str, list[str]] = {}
    for each in found:
        by_path.setdefault(each.path, []).append(each.what or "all of it")
    lines = "".join(
        f"- [{path.removeprefix('tests/')}](../../{path}): {' · '.join(what)}\n" for path, what in by_path.items()
    )
    later = "" if item.name not in LATER else f" *Later: {LATER[item.name]}.*"
    return f"**{item.name}** {item.words}{later}\n\n{lines or '- no test yet' + chr(10)}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print("without a test:", ", ".join(missing()) or "nothing")  # noqa: T201
