"""An independent compare of two trees: it shares no line with the program it checks.

`python3 -m pclab.compare manifest FOLDER > FILE` on each PC, as root; then `… diff A B` anywhere.
The standard library only; see carry.py for how it gets to a PC.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pclab.errors import LabError
from pclab.manifest import Item, read_manifest, write_manifest

PROPERTIES = (
    *("presence", "type", "mode", "owner", "group", "size", "time", "content", "holes", "target", "device"),
    *("names", "acl", "default acl", "capability", "attributes", "flags"),
)
_ACL, _DEFAULT_ACL, _CAPABILITY = "system.posix_acl_access", "system.posix_acl_default", "security.capability"
# A file may take this much more or less room before its holes count as lost: 1 MiB and a twentieth.
_ROOM, _SHARE = 1 << 20, 20
_SHOWN = 40


@dataclass(frozen=True)
class Difference:
    """One property in which a path differs: what A says and what B says."""

    path: str
    property: str
    a: str
    b: str


@dataclass(frozen=True)
class Report:
    """Outcome of a compare.

    compared: how many values of each property were held against each other; paths: how many in A and B;
    excluded: differing paths that were expected to differ; leaked: excluded files that are the same in A and B,
    time included, so they must have travelled; unused: patterns that cover nothing in A or B.
    """

    paths: tuple[int, int]
    compared: dict[str, int]
    differences: tuple[Difference, ...]
    excluded: tuple[str, ...]
    leaked: tuple[str, ...]
    unused: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether nothing differs but what was expected to, and nothing travelled that must not."""
        return not self.differences and not self.leaked


def pattern(glob: str) -> re.Pattern[str]:
    """A pattern over paths: `*` and `?` stop at a slash, `**` does not; what lies below a match matches too."""
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", glob.strip("/"))
    return re.compile("".join(parts.get(piece, re.escape(piece)) for piece in pieces) + r"(?:/.*)?", re.DOTALL)


def diff(a: dict[str, Item], b: dict[str, Item], excluded: Sequence[str] = ()) -> Report:
    """Compare two manifests, given patterns of what is expected to differ."""
    patterns = {glob: pattern(glob) for glob in excluded}
    apart = {path: [g for g, p in patterns.items() if p.fullmatch(path)] for path in a.keys() | b.keys()}
    names_a, names_b = _names(a, apart), _names(b, apart)
    compared: dict[str, int] = defaultdict(int)
    differences: list[Difference] = []
    expected: list[str] = []
    leaked: list[str] = []
    for path in sorted(apart):
        left, right = a.get(path), b.get(path)
        values_a = values(left, names_a) if left else {"presence": "missing"}
        values_b = values(right, names_b) if right else {"presence": "missing"}
        found = _differences(path, values_a, values_b)
        if apart[path]:
            if found:
                expected.append(path)
            if left and right and _travelled(left, right):
                leaked.append(path)
            continue
        differences += found
        for name in values_a.keys() | values_b.keys() if left and right else ("presence",):
            compared[name] += 1
    used = {glob for globs in apart.values() for glob in globs}
    return Report(
        paths=(len(a), len(b)),
        compared={name: compared[name] for name in PROPERTIES},
        differences=tuple(differences),
        excluded=tuple(expected),
        leaked=tuple(leaked),
        unused=tuple(glob for glob in excluded if glob not in used),
    )


def values(item: Item, names: dict[str, str]) -> dict[str, str]:
    """What is compared of an item: a value per property, for the properties its type has."""
    attributes = dict(item.attributes)
    found = {
        "presence": item.problem or "there",
        "type": item.type,
        "mode": f"{item.mode:04o}",
        "owner": str(item.owner),
        "group": str(item.group),
        "time": f"{item.time // 10**9}.{item.time % 10**9:09}",
        "acl": attributes.pop(_ACL, "none"),
        "default acl": attributes.pop(_DEFAULT_ACL, "none"),
        "capability": attributes.pop(_CAPABILITY, "none"),
        "attributes": json.dumps(attributes, sort_keys=True),
    }
    if item.type == "file":
        found |= {"size": str(item.size), "content": item.digest, "holes": str(item.room)}
    if item.type == "symlink":
        found["target"] = item.target
    if "device" in item.type:
        found["device"] = f"{os.major(item.device)}:{os.minor(item.device)}"
    if item.type in {"file", "folder"}:
        found["flags"] = f"{item.flags:#x}"
    if item.type != "folder":
        found["names"] = names[item.path]
    return found


def _differences(path: str, a: dict[str, str], b: dict[str, str]) -> list[Difference]:
    if a["presence"] != b["presence"] or a["presence"] not in {"there", "missing"}:
        return [Difference(path, "presence", a["presence"], b["presence"])]
    if a.get("type") != b.get("type"):
        return [Difference(path, "type", a.get("type", ""), b.get("type", ""))]
    return [
        Difference(path, name, a[name], b[name])
        for name in PROPERTIES
        if name in a and (not _same_room(a[name], b[name]) if name == "holes" else a[name] != b[name])
    ]


def _same_room(a: str, b: str) -> bool:
    smaller, larger = sorted((int(a), int(b)))
    return larger <= smaller + smaller // _SHARE + _ROOM


def _names(items: dict[str, Item], apart: dict[str, list[str]]) -> dict[str, str]:
    """Per path, the other names of the same file, and how many names it has elsewhere.

    Excluded names count for neither: a file may have one of those on one machine only.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for item in items.values():
        if item.type != "folder":
            groups[item.inode].append(item.path)
    found: dict[str, str] = {}
    for group in groups.values():
        kept = sorted(path for path in group if not apart[path])
        elsewhere = items[group[0]].links - len(group)
        for path in group:
            found[path] = f"{json.dumps(kept)} and {elsewhere} elsewhere"
    return found


def _travelled(a: Item, b: Item) -> bool:
    same = (a.digest, a.time, a.size, a.type) == (b.digest, b.time, b.size, b.type)
    return a.type == "file" and a.size > 0 and same


def text(report: Report, a: str, b: str, shown: int = _SHOWN) -> str:
    """The report for a person, given the names of A and B and how many differences to list."""
    lines = [f"compared {a} ({report.paths[0]} paths) with {b} ({report.paths[1]} paths)"]
    differing: dict[str, int] = defaultdict(int)
    for difference in report.differences:
        differing[difference.property] += 1
    lines += [
        f"  {name:<12} {report.compared[name]:>8} compared {differing[name]:>8} differ"
        for name in PROPERTIES
        if report.compared[name] or differing[name]
    ]
    lines += [
        f"  DIFFERS {printable(d.path)}: {d.property}: {a} {printable(d.a)}, {b} {printable(d.b)}"
        for d in report.differences[:shown]
    ]
    if len(report.differences) > shown:
        lines.append(f"  … and {len(report.differences) - shown} more")
    lines += [f"  LEAKED {printable(path)}: excluded, and yet the same on both" for path in report.leaked]
    lines.append(f"  stays on its machine, as expected: {len(report.excluded)} paths")
    lines += [f"    {printable(path)}" for path in topmost(report.excluded)[:shown]]
    lines.append("  equal, but for the excluded paths" if report.equal else "  NOT EQUAL")
    return "\n".join(lines)


def topmost(paths: Sequence[str]) -> list[str]:
    """Of some paths, those that do not lie below another one."""
    known = set(paths)
    return [path for path in paths if not any(path[:end] in known for end, c in enumerate(path) if c == "/")]


def printable(name: str) -> str:
    """A name in a form that is safe on a terminal: control characters and bytes that are no text are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def as_json(report: Report) -> str:
    """The report for a program."""
    return json.dumps({"equal": report.equal, **asdict(report)})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="compare", description="Compare two trees, path by path.")
    commands = parser.add_subparsers(dest="command", required=True)
    scanning = commands.add_parser("manifest", help="write the manifest of a folder to standard output")
    scanning.add_argument("folder")
    comparing = commands.add_parser("diff", help="compare two manifests")
    comparing.add_argument("a")
    comparing.add_argument("b")
    comparing.add_argument("--expect-excluded", nargs="+", default=[], metavar="GLOB", help="what is to differ")
    comparing.add_argument("--json", action="store_true", help="print the report for a program")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: 0 equal or written, 1 not equal or not whole, 2 wrong usage or a broken manifest."""
    given = _parser().parse_args(arguments)
    if given.command == "manifest":
        problems = write_manifest(os.fsencode(given.folder), sys.stdout)
        if problems:
            print(f"compare: {problems} paths could not be read; run it as root", file=sys.stderr)
        return 1 if problems else 0
    try:
        with open(given.a, encoding="ascii") as a, open(given.b, encoding="ascii") as b:
            report = diff(read_manifest(a), read_manifest(b), given.expect_excluded)
    except (LabError, OSError) as problem:
        print(f"compare: {problem}", file=sys.stderr)
        return 2
    print(as_json(report) if given.json else text(report, given.a, given.b))
    return 0 if report.equal else 1


if __name__ == "__main__":
    sys.exit(main())
