"""The public face of jobs: one module, all of it meant, all of it explained (design §4, style: httpx)."""

from __future__ import annotations

import ast
import inspect
import types
from pathlib import Path

import pytest

from pcswitcher.jobs import api, conformance

EXAMPLE = Path(__file__).parents[3] / "examples" / "pc-switcher-hosts"
DUMMIES = Path(inspect.getfile(api)).parent / "dummies"
FACES = ("pcswitcher.jobs.api", "pcswitcher.jobs.conformance")


def imports_of_ours(directory: Path) -> set[str]:
    """The modules of ours that the Python files below a directory import."""
    found: set[str] = set()
    for path in directory.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                found.add(node.module or "")
            elif isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
    return {name for name in found if name.partition(".")[0] == "pcswitcher"}


def test_the_face_lists_what_it_gives_in_order_and_each_once() -> None:
    """J1: whoever writes a job reads one list."""
    assert list(api.__all__) == sorted(set(api.__all__))


def test_the_face_gives_nothing_that_is_not_listed() -> None:
    """What a module of ours has of others and does not list is its own business, and has another name."""
    inner = {"Callable", "ClassVar", "D", "Event", "Generic", "Layout", "LogLine", "Progress", "RemoteShell", "S"}
    inner |= {"Sequence", "Snapshot", "T", "TypeVar", "annotations", "dumps", "loads", "snapshot_path"}
    public = {
        name
        for name, value in vars(api).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert public - inner == set(api.__all__)


@pytest.mark.parametrize("name", api.__all__)
def test_every_name_of_the_face_is_explained(name: str) -> None:
    """And so is every public method of its classes, in our own words."""
    thing = getattr(api, name)
    assert (thing.__doc__ or "").strip(), f"{name} has no docstring"
    if inspect.isclass(thing) and thing.__module__.startswith("pcswitcher."):
        for inner, value in vars(thing).items():
            if not inner.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
                assert (value.__doc__ or "").strip(), f"{name}.{inner} has no docstring"


def test_the_example_needs_nothing_of_ours_but_the_face() -> None:
    """J1: what it needs a third party has; what is missing is added to the face, not reached for behind it."""
    assert imports_of_ours(EXAMPLE / "src") == {"pcswitcher.jobs.api"}
    assert imports_of_ours(EXAMPLE / "tests") == set(FACES)


def test_neither_do_the_dummies() -> None:
    """J8: they are what a third party could have written."""
    other = {name for name in imports_of_ours(DUMMIES) if not name.startswith("pcswitcher.jobs.dummies")}
    assert other == {"pcswitcher.jobs.api"}


def test_the_suite_for_jobs_needs_no_pytest() -> None:
    """The program ships it, and runs where no pytest is."""
    assert conformance.__all__ == sorted(conformance.__all__)
    for path in Path(inspect.getfile(conformance)).parent.rglob("*.py"):
        assert "import pytest" not in path.read_text("utf-8")
