"""Which files of a Python environment make up our program, for the bundle.

Everything of our package, of the packages it needs and of the third-party job packages, except what is
compiled (it would tie the program to one Python and one architecture) and what describes this installation
only (RECORD, direct_url.json with its paths, .pth files).
"""

from __future__ import annotations

import ast
import csv
import importlib.util
import os
import re
from collections.abc import Iterator
from importlib.metadata import Distribution, entry_points

import attrs

from pcswitcher.machine.requirements import normalise, required_distributions
from pcswitcher.model.errors import CheckError

JOB_GROUP = "pcswitcher.jobs"
"""Entry point group in which packages offer jobs."""

_COMPILED = (".so", ".pyd", ".dylib", ".dll")
_LEFT_OUT = (".pyc", ".pyo", ".pth", *_COMPILED)
_TEXTS = re.compile(r"(licen[cs]e|copying|notice|authors)", re.IGNORECASE)


@attrs.frozen(order=True)
class Member:
    """One file of the program: its name in the bundle, and where it is here."""

    name: str
    path: str


def installation_members() -> tuple[Member, ...]:
    """Every file of our program in this Python environment, sorted by name.

    Raises CheckError when a needed package is missing, cannot be listed, or exists as compiled code only.
    """
    found: dict[str, Member] = {}
    for package in required_distributions(("pcswitcher", *job_packages())):
        for member in _members(package):
            found[member.name] = member
    return tuple(found[name] for name in sorted(found))


def added_members(root: str) -> tuple[Member, ...]:
    """Every file of the job packages, and of what they need, that lies outside the program itself, sorted by name.

    ``root`` is what the program was imported from: a bundle or the directory one was unpacked to. A person adds a job
    to such a program by installing its package for this machine's Python. Raises CheckError as
    ``installation_members`` does.
    """
    inside = os.path.join(os.path.abspath(root), "")
    found: dict[str, Member] = {}
    for package in required_distributions(job_packages()):
        if os.path.join(os.path.abspath(str(package.locate_file(""))), "") != inside:
            for member in _members(package):
                found.setdefault(member.name, member)
    return tuple(found[name] for name in sorted(found))


def job_packages() -> tuple[str, ...]:
    """Names of the installed packages that offer jobs, sorted, each once."""
    offered = (point.dist.name for point in entry_points(group=JOB_GROUP) if point.dist is not None)
    return tuple(sorted({normalise(name) for name in offered}))


def _members(package: Distribution) -> list[Member]:
    base = str(package.locate_file(""))
    names = _recorded_names(package)
    compiled = [name for name in names if name.endswith(_COMPILED)]
    members = [Member(name, os.path.join(base, name)) for name in names if _travels(name)]
    if not any(member.name.endswith(".py") for member in members):
        members += _editable_members(package)
    if compiled:
        _refuse_compiled_only(package.name, compiled, members)
    return members


def _recorded_names(package: Distribution) -> list[str]:
    # Not Distribution.files: its 2,300 path objects cost more than everything else here.
    record = package.read_text("RECORD")
    if record is None:
        raise CheckError(
            f"this installation cannot be carried to another machine: the files of {package.name} are not listed",
            f"install it again with pip: python3 -m pip install --force-reinstall {package.name}",
        )
    return [row[0] for row in csv.reader(record.splitlines()) if row]


def _travels(name: str) -> bool:
    first, _, rest = name.partition("/")
    if name.startswith(("/", "../")) or "/__pycache__/" in f"/{name}" or name.endswith(_LEFT_OUT):
        return False
    if first.endswith(".dist-info"):
        return rest in {"METADATA", "entry_points.txt"} or rest.startswith("licenses/") or bool(_TEXTS.match(rest))
    return True


def _editable_members(package: Distribution) -> Iterator[Member]:
    """Files of a package installed in place (PEP 660): its RECORD lists none, so its import packages are walked."""
    tops = {point.module.partition(".")[0] for point in package.entry_points}
    tops.add(normalise(package.name).replace("-", "_"))
    for top in sorted(tops):
        spec = importlib.util.find_spec(top)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            yield from _walk(place, top)


def _walk(directory: str, name: str) -> Iterator[Member]:
    with os.scandir(directory) as entries:
        for entry in entries:
            inner = f"{name}/{entry.name}"
            if entry.is_dir() and entry.name != "__pycache__":
                yield from _walk(entry.path, inner)
            elif entry.is_file() and _travels(inner):
                yield Member(inner, entry.path)


def _refuse_compiled_only(package: str, compiled: list[str], members: list[Member]) -> None:
    """Tell optional accelerators from code that exists compiled only, by how the package's own files import them."""
    sources = [member for member in members if member.name.endswith(".py")]
    plain = {member.name.removesuffix(".py") for member in sources}
    for name in compiled:
        module = name.rpartition("/")[0] + "/" + name.rpartition("/")[2].partition(".")[0]
        if module.lstrip("/") in plain:
            continue
        stem = module.rpartition("/")[2]
        if not sources or any(_needs(source.path, stem) for source in sources):
            raise CheckError(
                f"this installation cannot be carried to another machine: {package} works only with"
                f" its compiled file {name}",
                f"install a pure-Python build: python3 -m pip install --no-binary {package} {package}",
            )


def _needs(path: str, module: str) -> bool:
    """Tell whether a source file imports ``module`` without a ``try`` around it."""
    with open(path, "rb") as file:
        text = file.read()
    return module.encode() in text and _imports_unguarded(ast.parse(text), module)


def _imports_unguarded(node: ast.AST, module: str) -> bool:
    if isinstance(node, ast.Try):
        return any(_imports_unguarded(inner, module) for inner in (*node.handlers, *node.finalbody))
    if isinstance(node, ast.Import):
        return any(alias.name.rpartition(".")[2] == module for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        names = [(node.module or "").rpartition(".")[2], *(alias.name for alias in node.names)]
        return module in names
    return any(_imports_unguarded(inner, module) for inner in ast.iter_child_nodes(node))
