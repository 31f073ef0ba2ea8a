"""What `doctor` prints: ticks, findings with what mends them, machine by machine."""

from __future__ import annotations

import json

import pytest

from pcswitcher.faces.commands.doctor import _print_json, report
from pcswitcher.model.plan import Finding, Severity
from pcswitcher.run.checks import Look


def found(severity: Severity, message: str = "it is wrong", hint: str = "mend it") -> Finding:
    return Finding(severity=severity, machine="vega", message=message, hint=hint)


LOOKS = (
    Look(machine="atlas", words="rsync 3.5.0"),
    Look(machine="vega", words="room: plenty", findings=(found(Severity.BLOCKING), found(Severity.WARNING, "odd", ""))),
    Look(machine="vega", words="rsync 3.4.1", findings=(found(Severity.ADVICE, "newer is better"),)),
)


def test_each_machine_has_its_lines_and_each_finding_what_mends_it() -> None:
    """J3, issue §5."""
    lines = [line.plain for line in report(LOOKS)]
    assert lines == [
        "atlas",
        "  ✓ rsync 3.5.0",
        "vega",
        "  ✗ it is wrong",
        "      → mend it",
        "  ! odd",
        "  ✓ rsync 3.4.1",
        "  · newer is better",
        "      → mend it",
        "1 problem, 1 warning, 1 piece of advice",
    ]


def test_when_nothing_was_found_it_says_so_after_the_ticks() -> None:
    lines = [line.plain for line in report(LOOKS[:1])]
    assert lines == ["atlas", "  ✓ rsync 3.5.0", "everything is in order"]


def test_nothing_another_machine_says_reaches_the_terminal_raw() -> None:
    look = Look(machine="vega", words="", findings=(found(Severity.WARNING, "a\x1b[2J", "b\x07"),))
    assert not any("\x1b" in line.plain or "\x07" in line.plain for line in report((look,)))


def test_json_has_a_line_per_finding_and_per_thing_that_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    for look in LOOKS:
        _print_json(look)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["type"] for line in lines] == ["fine", "finding", "finding", "finding", "fine"]
    assert lines[0]["machine"] == "atlas"
    assert lines[1]["hint"] == "mend it"
