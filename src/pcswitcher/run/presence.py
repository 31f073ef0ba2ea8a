"""Who and what is at work on the other PC while it is to be changed."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from pcswitcher.machine.api import Machine
from pcswitcher.machine.logins import Login, LoginKind, read_logins
from pcswitcher.machine.open_files import OpenFiles, find_open_files
from pcswitcher.model.errors import ConnectionLostError, PcSwitcherError
from pcswitcher.model.plan import Finding, Severity
from pcswitcher.model.settings import LoggedInReaction, Reaction, RunSettings
from pcswitcher.model.text import human_count

NAMED = 5
"""Most programs that are named in one line."""


@attrs.frozen(kw_only=True)
class Presence:
    """What was found at work there, and what could not be found out."""

    logins: tuple[Login, ...]
    findings: tuple[Finding, ...]


async def check_presence(machine: Machine, trees: tuple[bytes, ...], settings: RunSettings) -> Presence:
    """Look who is logged in on ``machine``, and which programs hold files of ``trees``. Raises ConnectionLostError."""
    logins: tuple[Login, ...] = ()
    findings: list[Finding] = []
    try:
        if settings.logged_in is not LoggedInReaction.IGNORE:
            logins = await read_logins(machine)
            findings += login_findings(machine.name, logins, settings.logged_in)
    except ConnectionLostError:
        raise
    except PcSwitcherError as error:
        must_know = settings.logged_in in {LoggedInReaction.BLOCK, LoggedInReaction.LOG_OUT}
        findings.append(_unknown(machine.name, "who is logged in", error, blocks=must_know))
    try:
        if settings.open_files is not Reaction.IGNORE:
            held = await machine.call(find_open_files, trees)
            findings += open_file_findings(machine.name, held, settings.open_files)
    except ConnectionLostError:
        raise
    except PcSwitcherError as error:
        findings.append(
            _unknown(machine.name, "which files are open", error, blocks=settings.open_files is Reaction.BLOCK)
        )
    return Presence(logins=logins, findings=tuple(findings))


def login_findings(name: str, logins: Sequence[Login], reaction: LoggedInReaction) -> list[Finding]:
    """What a person is told of who is logged in: those at a desktop apart from those at a console or over ssh."""
    findings: list[Finding] = []
    for kind, danger in (
        (LoginKind.GRAPHICAL, "their desktop and programs write settings while they are replaced, and when they end"),
        (LoginKind.TEXT, "what they work on may be replaced under their hands"),
    ):
        who = ", ".join(login.words for login in logins if login.kind is kind)
        if not who or reaction is LoggedInReaction.IGNORE:
            continue
        message, hint = f"logged in on {name}: {who}; {danger}", f"log out on {name}"
        if reaction is LoggedInReaction.LOG_OUT:
            message = f"logged in on {name}: {who}; their sessions are ended before anything is changed there"
            hint = f"save what is open on {name} first"
        if reaction is LoggedInReaction.BLOCK:
            hint += '; or allow it: logged_in = "warn" in the settings, [run]'
        severity = Severity.BLOCKING if reaction is LoggedInReaction.BLOCK else Severity.WARNING
        findings.append(Finding(severity=severity, machine=name, message=message, hint=hint))
    return findings


def open_file_findings(name: str, found: Sequence[OpenFiles], reaction: Reaction) -> list[Finding]:
    """What a person is told of programs that hold files open, in one line however many there are."""
    if not found or reaction is Reaction.IGNORE:
        return []
    more = len(found) - NAMED
    words = "; ".join(each.words for each in found[:NAMED])
    rest = f"; and {human_count(more, 'more program', 'more programs')}" if more > 0 else ""
    hint = f"end these programs on {name}"
    if reaction is Reaction.BLOCK:
        hint += '; or allow it: open_files = "warn" in the settings, [run]'
    severity = Severity.BLOCKING if reaction is Reaction.BLOCK else Severity.WARNING
    message = f"programs on {name} have files open that are synced: {words}{rest}"
    return [Finding(severity=severity, machine=name, message=message, hint=hint)]


def _unknown(name: str, what: str, error: PcSwitcherError, *, blocks: bool) -> Finding:
    """No answer is no empty answer: that nobody knows is told, and stops a run that was to know."""
    severity = Severity.BLOCKING if blocks else Severity.WARNING
    return Finding(
        severity=severity, machine=name, message=f"it is not known {what} on {name}: {error.message}", hint=error.hint
    )
