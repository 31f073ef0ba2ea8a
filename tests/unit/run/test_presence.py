"""Who and what is at work on the other PC, as findings by the settings."""

from __future__ import annotations

import asyncio

import attrs
import pytest

from pcswitcher.machine.fake import FakeProgram, open_fake
from pcswitcher.machine.logins import Login, LoginKind
from pcswitcher.machine.open_files import OpenFiles
from pcswitcher.machine.process import Program, Sink
from pcswitcher.model.plan import Severity
from pcswitcher.model.settings import LoggedInReaction, Reaction, RunSettings
from pcswitcher.run.presence import Presence, check_presence, login_findings, open_file_findings

DESKTOP = Login(session="2", user="sam", kind=LoginKind.GRAPHICAL, terminal="tty2")
CONSOLE = Login(session="4", user="kim", kind=LoginKind.TEXT, terminal="tty3")
FIREFOX = OpenFiles(program="firefox", user="sam", processes=(7,), count=12, example=b"/home/sam/\x1b.sqlite")


@pytest.mark.parametrize(
    ("reaction", "severity", "words", "hint"),
    [
        (LoggedInReaction.WARN, Severity.WARNING, "write settings while they are replaced", "log out on vega"),
        (LoggedInReaction.BLOCK, Severity.BLOCKING, "logged in on vega", 'logged_in = "warn"'),
        (LoggedInReaction.LOG_OUT, Severity.WARNING, "sessions are ended before anything is changed", "save"),
    ],
)
def test_who_is_logged_in_is_said_by_the_setting(
    reaction: LoggedInReaction, severity: Severity, words: str, hint: str
) -> None:
    """Faults row 38: block, warn, allow or log out."""
    (finding,) = login_findings("vega", [DESKTOP], reaction)
    assert finding.severity is severity
    assert finding.stops is (severity is Severity.BLOCKING)
    assert "sam (graphical session 2 on tty2)" in finding.message
    assert words in finding.message
    assert hint in finding.hint


def test_a_desktop_and_a_console_are_named_apart_and_may_be_ignored() -> None:
    graphical, text = login_findings("vega", [CONSOLE, DESKTOP], LoggedInReaction.WARN)
    assert "sam" in graphical.message
    assert "kim" not in graphical.message
    assert "kim (text session 4 on tty3)" in text.message
    assert login_findings("vega", [CONSOLE, DESKTOP], LoggedInReaction.IGNORE) == []
    assert login_findings("vega", [], LoggedInReaction.BLOCK) == []


@pytest.mark.parametrize(
    ("reaction", "severity"), [(Reaction.WARN, Severity.WARNING), (Reaction.BLOCK, Severity.BLOCKING)]
)
def test_programs_with_open_files_are_named_in_one_line(reaction: Reaction, severity: Severity) -> None:
    """Faults row 38: apps open."""
    many = [attrs.evolve(FIREFOX, program=f"program{number}") for number in range(8)]
    (finding,) = open_file_findings("vega", many, reaction)
    assert finding.severity is severity
    assert "program0 of sam has 12 paths open" in finding.message
    assert "program4" in finding.message
    assert finding.message.endswith("and 3 more programs")
    assert "\x1b" not in finding.message
    assert finding.hint


def test_no_open_files_are_nothing_to_tell() -> None:
    assert open_file_findings("vega", [], Reaction.BLOCK) == []
    assert open_file_findings("vega", [FIREFOX], Reaction.IGNORE) == []


async def _unreadable(_: Program, sink: Sink) -> int:
    await sink(1, b"nonsense")
    return 0


def look(settings: RunSettings, programs: dict[str, FakeProgram]) -> Presence:
    async def run() -> Presence:
        machine = await open_fake("vega", programs)
        try:
            return await check_presence(machine, (b"/nowhere",), settings)
        finally:
            await machine.close()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("reaction", "severity"),
    [(LoggedInReaction.WARN, Severity.WARNING), (LoggedInReaction.BLOCK, Severity.BLOCKING)],
)
def test_that_nobody_knows_who_is_logged_in_is_not_taken_for_nobody(
    reaction: LoggedInReaction, severity: Severity
) -> None:
    """Promise 8: no answer is no empty answer."""
    found = look(RunSettings(logged_in=reaction), {"busctl": _unreadable})
    (finding,) = found.findings
    assert finding.severity is severity
    assert finding.message.startswith("it is not known who is logged in on vega")


def test_nothing_is_asked_that_is_to_be_ignored() -> None:
    settings = RunSettings(logged_in=LoggedInReaction.IGNORE, open_files=Reaction.IGNORE)
    assert look(settings, {"busctl": _unreadable}) == Presence(logins=(), findings=())


@pytest.mark.parametrize(
    ("reaction", "severity"),
    [
        (LoggedInReaction.WARN, Severity.WARNING),
        (LoggedInReaction.BLOCK, Severity.BLOCKING),
        (LoggedInReaction.LOG_OUT, Severity.BLOCKING),
    ],
)
def test_without_logind_it_is_not_known_who_is_logged_in(reaction: LoggedInReaction, severity: Severity) -> None:
    """Promise 8. Who cannot be found cannot be logged out either."""
    (finding,) = look(RunSettings(logged_in=reaction), {}).findings
    assert finding.severity is severity
    assert finding.message.startswith("it is not known who is logged in on vega")
