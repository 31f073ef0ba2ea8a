"""What our program needs to run: the closure over the installed packages' own ``Requires-Dist`` lines.

The forms are those of the packaging specifications "dependency specifiers" and "core metadata". Version
limits are not checked again: the installer did that.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution

import attrs

from pcswitcher.machine.version import Version
from pcswitcher.model.errors import CheckError, FormatError
from pcswitcher.model.text import printable

OLDEST_PYTHON = "3.11"
"""The program travels to machines with this Python or a newer one."""

_REQUIREMENT = re.compile(r"\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[(?P<extras>[^\]]*)\])?(?P<limits>[^;]*)")
_TOKEN = re.compile(r"\s*(?:(\(|\)|===|[<>=!~]=|[<>])|(not\s+in|in|and|or)\b|'([^']*)'|\"([^\"]*)\"|([a-z_.]+))")
_VERSIONS = frozenset({"python_version", "python_full_version", "implementation_version"})


def normalise(name: str) -> str:
    """A package's name in the one form that is compared: ``Rich_RST`` → ``rich-rst``."""
    return re.sub(r"[-_.]+", "-", name).lower()


@attrs.frozen(kw_only=True)
class Requirement:
    """One ``Requires-Dist`` line: who is needed, with which extras, and when."""

    name: str
    extras: frozenset[str]
    marker: str

    @classmethod
    def parse(cls, line: str) -> Requirement:
        """Read one line. Raises FormatError."""
        head, _, marker = line.partition(";")
        match = _REQUIREMENT.match(head)
        if match is None:
            raise FormatError(f"{printable(line)!r} is not a requirement")
        extras = frozenset(normalise(extra) for part in (match["extras"] or "").split(",") if (extra := part.strip()))
        return cls(name=normalise(match["name"]), extras=extras, marker=marker.strip())


def marker_environment(python: str | None = None) -> dict[str, str]:
    """Values of the marker variables here; ``python`` stands for another version of Python, like ``3.11``."""
    release = platform.uname()
    return {
        "python_version": python or f"{sys.version_info[0]}.{sys.version_info[1]}",
        "python_full_version": f"{python}.0" if python else platform.python_version(),
        "implementation_version": f"{python}.0" if python else platform.python_version(),
        "implementation_name": sys.implementation.name,
        "platform_python_implementation": platform.python_implementation(),
        "os_name": os.name,
        "sys_platform": sys.platform,
        "platform_system": release.system,
        "platform_machine": release.machine,
        "platform_release": release.release,
        "platform_version": release.version,
    }


def marker_holds(marker: str, environment: Mapping[str, str], extras: frozenset[str] = frozenset()) -> bool:
    """Tell whether an environment marker holds; an empty one does. Raises FormatError for a marker we cannot read."""
    if not marker:
        return True
    return any(_Marker(marker, {**environment, "extra": extra}).evaluate() for extra in extras or {""})


class _Marker:
    """A recursive descent through one marker's words: ``or`` over ``and`` over comparisons and brackets."""

    def __init__(self, text: str, environment: Mapping[str, str]) -> None:
        self.text = text
        self.environment = environment
        self.words: list[tuple[str, str]] = []
        position = 0
        while position < len(text.rstrip()):
            match = _TOKEN.match(text, position)
            if match is None:
                raise self._unreadable()
            kinds = ("sign", "word", "value", "value", "name")
            kind, found = next((k, g) for k, g in zip(kinds, match.groups(), strict=True) if g is not None)
            self.words.append((kind, " ".join(found.split()) if kind == "word" else found))
            position = match.end()
        self.position = 0

    def evaluate(self) -> bool:
        result = self._either()
        if self.position != len(self.words):
            raise self._unreadable()
        return result

    def _either(self) -> bool:
        result = self._both()
        while self._accept("word", "or"):
            result = self._both() or result
        return result

    def _both(self) -> bool:
        result = self._comparison()
        while self._accept("word", "and"):
            result = self._comparison() and result
        return result

    def _comparison(self) -> bool:
        if self._accept("sign", "("):
            result = self._either()
            if not self._accept("sign", ")"):
                raise self._unreadable()
            return result
        (left_kind, left), (_, sign), (right_kind, right) = self._next(), self._next(), self._next()
        variable = left if left_kind == "name" else right
        values = [self._value(left_kind, left), self._value(right_kind, right)]
        if variable == "extra":
            values = [normalise(value) for value in values]
        return self._compare(values[0], sign, values[1], as_versions=variable in _VERSIONS)

    def _compare(self, left: str, sign: str, right: str, *, as_versions: bool) -> bool:
        if sign in {"in", "not in"}:
            return (left in right) == (sign == "in")
        if as_versions:
            return _versions_hold(left, sign, right)
        if sign in {"==", "===", "!="}:
            return (left == right) == (sign != "!=")
        raise self._unreadable()

    def _value(self, kind: str, text: str) -> str:
        if kind == "value":
            return text
        if kind == "name" and text in self.environment:
            return self.environment[text]
        raise self._unreadable()

    def _accept(self, kind: str, text: str) -> bool:
        if self.position < len(self.words) and self.words[self.position] == (kind, text):
            self.position += 1
            return True
        return False

    def _next(self) -> tuple[str, str]:
        if self.position >= len(self.words):
            raise self._unreadable()
        self.position += 1
        return self.words[self.position - 1]

    def _unreadable(self) -> FormatError:
        return FormatError(f"the environment marker {printable(self.text)!r} cannot be read")


def _versions_hold(left: str, sign: str, right: str) -> bool:
    parts = left.split(".")
    if right.endswith(".*"):
        start = right.removesuffix(".*").split(".")
        return (parts[: len(start)] == start) == (sign == "==")
    a, b = Version.parse(left), Version.parse(right)
    if sign == "~=":
        start = right.split(".")[:-1]
        return a >= b and parts[: len(start)] == start
    return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "!=": a != b}.get(sign, a == b)


def required_distributions(roots: Iterable[str]) -> tuple[Distribution, ...]:
    """Find the installed packages ``roots`` and all they need, sorted by name.

    A package is needed when its marker holds for this Python or for the oldest one the program may travel to;
    in the second case only it may be missing. Raises CheckError naming a package that is needed and missing.
    """
    here = marker_environment()
    oldest = marker_environment(OLDEST_PYTHON)
    found: dict[str, Distribution] = {}
    done: set[tuple[str, frozenset[str]]] = set()
    waiting = [(normalise(root), frozenset[str](), True) for root in roots]
    while waiting:
        name, extras, needed = waiting.pop()
        if (name, extras) in done:
            continue
        done.add((name, extras))
        try:
            package = found.get(name) or distribution(name)
        except PackageNotFoundError as error:
            if not needed:
                continue
            raise CheckError(
                f"this installation cannot be carried to another machine: the package {name} is missing",
                f"install it again: python3 -m pip install {name}",
            ) from error
        found[name] = package
        for line in requirement_lines(package):
            requirement = Requirement.parse(line)
            holds = marker_holds(requirement.marker, here, extras)
            if holds or marker_holds(requirement.marker, oldest, extras):
                waiting.append((requirement.name, requirement.extras, holds))
    return tuple(found[name] for name in sorted(found))


def requirement_lines(package: Distribution) -> list[str]:
    """The values of a package's ``Requires-Dist`` fields.

    Only the head of METADATA is read: ``Distribution.requires`` parses the whole readme as well, which costs
    some 40 ms over our dependencies.
    """
    head = (package.read_text("METADATA") or package.read_text("PKG-INFO") or "").partition("\n\n")[0]
    return [line.partition(":")[2].strip() for line in head.splitlines() if line.lower().startswith("requires-dist:")]
