"""What our program needs, read from the installed packages' own words."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pcswitcher.machine.requirements import (
    Requirement,
    marker_environment,
    marker_holds,
    normalise,
    required_distributions,
)
from pcswitcher.model.errors import CheckError, FormatError

OLDEST = marker_environment("3.11")


def add_package(place: Path, name: str, *requires: str, files: tuple[str, ...] = (), entry_points: str = "") -> Path:
    information = place / f"{name}-1.0.dist-info"
    information.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {line}" for line in requires)]
    (information / "METADATA").write_text("\n".join([*lines, "", "Requires-Dist: not-a-field-in-the-readme"]))
    (information / "entry_points.txt").write_text(entry_points)
    names = [
        *files,
        f"{information.name}/METADATA",
        f"{information.name}/RECORD",
        f"{information.name}/entry_points.txt",
    ]
    (information / "RECORD").write_text("".join(f"{file},,\n" for file in names))
    return information


@pytest.mark.parametrize(
    ("marker", "holds"),
    [
        ("", True),
        ("python_version < '3.11'", False),
        ("python_version >= '3.11'", True),
        ("python_version >= '3.9'", True),  # as versions: as text it would not hold
        ("python_version == '3.*'", True),
        ("python_version != '3.11.*'", False),
        ("python_version ~= '3.8'", True),
        ("python_version ~= '2.8'", False),
        ("'3.11' <= python_version", True),
        ("python_full_version > '3.11.0rc1'", True),
        ("sys_platform == 'win32' or sys_platform == 'linux'", True),
        ("sys_platform == 'win32' or os_name == 'nt' and python_version > '3'", False),
        ("(sys_platform == 'linux' or os_name == 'nt') and implementation_name != 'cpython'", False),
        ('platform_system == "Linux"', True),
        ("'lin' in sys_platform", True),
        ("sys_platform  not  in 'win32, linux'", False),
        ("extra == 'linkify'", False),
    ],
)
def test_markers_hold_as_the_specification_says(marker: str, holds: bool) -> None:
    assert marker_holds(marker, OLDEST) is holds


def test_an_extra_holds_for_who_asks_for_it() -> None:
    assert marker_holds("extra == 'Link_Ify'", OLDEST, frozenset({"link-ify"}))
    assert not marker_holds("extra == 'other'", OLDEST, frozenset({"link-ify"}))


@pytest.mark.parametrize(
    "marker", ["python_version", "python_version <", "(os_name == 'nt'", "os_name ! 'nt'", "x == 'y'"]
)
def test_a_marker_that_cannot_be_read_is_an_error_not_a_guess(marker: str) -> None:
    with pytest.raises(FormatError):
        marker_holds(marker, OLDEST)


@pytest.mark.parametrize(
    ("line", "name", "extras", "marker"),
    [
        ("rich", "rich", set(), ""),
        ("markdown-it-py[linkify] (>=2.1.0)", "markdown-it-py", {"linkify"}, ""),
        ("typing_extensions>=4 ; python_version < '3.13'", "typing-extensions", set(), "python_version < '3.13'"),
        ("A.B[x, Y_z]~=1.0", "a-b", {"x", "y-z"}, ""),
        ("thing @ https://example.invalid/thing.whl", "thing", set(), ""),
    ],
)
def test_requirement_lines_are_read(line: str, name: str, extras: set[str], marker: str) -> None:
    assert Requirement.parse(line) == Requirement(name=name, extras=frozenset(extras), marker=marker)


def test_the_closure_follows_extras_and_circles_and_leaves_out_what_does_not_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_package(tmp_path, "top", "middle[more]", "never; sys_platform == 'win32'", "test-only; extra == 'test'")
    add_package(tmp_path, "middle", "bottom; extra == 'more'", "absent; extra == 'less'")
    add_package(tmp_path, "bottom", "top")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert [package.name for package in required_distributions(["top"])] == ["bottom", "middle", "top"]


def test_what_only_the_oldest_python_needs_travels_when_it_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_old = "python_version < '3.12'"
    add_package(tmp_path, "top", f"backport; {only_old}")
    add_package(tmp_path, "backport")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert [package.name for package in required_distributions(["top"])] == ["backport", "top"]


def test_a_missing_package_is_named_with_what_mends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_package(tmp_path, "top", "Absent_Thing>=2")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(CheckError, match="absent-thing is missing") as caught:
        required_distributions(["top"])
    assert "pip install absent-thing" in caught.value.hint


def test_names_are_compared_in_one_form() -> None:
    assert normalise("Rich_RST.x--y") == "rich-rst-x-y"
