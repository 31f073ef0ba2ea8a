"""Who is logged in on a machine, as systemd-logind knows it, and ending their sessions."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

import attrs

from pcswitcher.machine.api import Completed, Context, Machine, exposed
from pcswitcher.model.codec import loads
from pcswitcher.model.errors import CheckError, FormatError, ProgramError, ProgramTimeoutError
from pcswitcher.model.text import printable

PATIENCE = 30.0
GRAPHICAL_TYPES = frozenset({"x11", "wayland", "mir"})
_PROPERTIES = ("Id", "User", "Name", "Type", "Class", "State", "Remote", "RemoteHost", "TTY", "Service")
_ESSENTIAL = ("Id", "Name", "Class", "State")
_BUS = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
# cgroups(7) of a session: "0::/user.slice/user-1000.slice/session-5.scope" (pam_systemd(8)).
_SESSION = re.compile(r"/session-([0-9A-Za-z_]+)\.scope")


class LoginKind(StrEnum):
    """How somebody is logged in."""

    GRAPHICAL = "graphical"
    TEXT = "text"
    """On a text console, or over ssh."""


@attrs.frozen(kw_only=True)
class Login:
    """One session of a person."""

    session: str
    """As loginctl(1) names it."""
    user: str
    kind: LoginKind
    host: str = ""
    """Where they are, when it is not the machine itself."""
    terminal: str = ""

    @property
    def words(self) -> str:
        """Who and how: ``sam (graphical session 2)``."""
        where = f" from {self.host}" if self.host else f" on {self.terminal}" if self.terminal else ""
        return f"{self.user} ({self.kind} session {self.session}{where})"


@attrs.frozen(kw_only=True)
class OwnSession:
    """The session this agent runs in, and the person it belongs to; empty when it is in none."""

    session: str
    user: str


@attrs.frozen
class _Listing:
    """What ``busctl --json=short`` prints: the type, and the values that were returned."""

    type: str
    data: tuple[tuple[tuple[str, int, str, str, str], ...], ...]


@exposed
def read_own_session(context: Context) -> str:
    """The session the agent runs in, empty when it is in none."""
    return session_of(Path("/proc/self/cgroup").read_text("ascii", "replace"))


def session_of(cgroups: str) -> str:
    """The session that the text of a ``/proc/PID/cgroup`` names; empty when it names none."""
    found = _SESSION.search(cgroups)
    return found[1] if found else ""


async def read_logins(machine: Machine) -> tuple[Login, ...]:
    """Who is logged in on ``machine``, except for ourselves.

    Sessions over ssh of the account we log in with are left out with our own: it is the same person, and what their
    programs hold open is found as such. Raises ProgramError, FormatError when logind gives no proper answer, or is
    not there: what nobody can say is not that there is nobody (promise 8).
    """
    sessions = await _list_sessions(machine)
    if not sessions:
        return ()
    wanted = [word for name in _PROPERTIES for word in ("-p", name)]
    # A session may end between the two questions: then loginctl fails, and still tells of the others.
    shown = await machine.run(["loginctl", "show-session", *wanted, "--", *sessions], timeout=PATIENCE)
    rows = _rows_of(shown.text)
    if untold := set(sessions) - {row["Id"] for row in rows}:
        untold &= set(await _list_sessions(machine))
    if untold:
        reason = _last_line(shown) or "loginctl gave no reason"
        raise _no_answer(machine, f"nothing of session {', '.join(sorted(untold))}: {reason}")
    own = OwnSession(session=await machine.call(read_own_session), user=machine.facts.login_user)
    return _people_in(rows, own)


async def _list_sessions(machine: Machine) -> tuple[str, ...]:
    try:
        listed = await machine.run(["busctl", "--json=short", "call", *_BUS, "ListSessions"], timeout=PATIENCE)
    except ProgramTimeoutError as error:
        raise _no_answer(machine, f"nothing within {PATIENCE:g} s") from error
    if listed.status != 0:
        raise _no_answer(machine, _last_line(listed) or f"busctl ended with status {listed.status}")
    return session_names(listed.stdout)


def _last_line(completed: Completed) -> str:
    return (printable(completed.stderr.decode("utf-8", "replace")).strip().splitlines() or [""])[-1]


def _no_answer(machine: Machine, words: str) -> ProgramError:
    return ProgramError(f"systemd-logind does not tell: {words}", f"on {machine.name}: systemctl status systemd-logind")


def session_names(answer: bytes) -> tuple[str, ...]:
    """The ids of all sessions, from ``busctl --json=short … ListSessions``: an array of (id, uid, user, seat, path).

    Raises FormatError.
    """
    names = [session for rows in loads(_Listing, answer).data for session, *_ in rows]
    if not all(re.fullmatch(r"\w+", name) for name in names):
        raise FormatError("logind lists sessions in a form that is not known")
    return tuple(names)


def logins_of(text: str, own: OwnSession) -> tuple[Login, ...]:
    """Pick the people out of ``loginctl show-session``: blocks of ``Name=value`` lines.

    Greeters, lock screens, service managers and sessions that are ending are nobody who works there. Raises
    FormatError for a block that does not say whose session it is.
    """
    return _people_in(_rows_of(text), own)


def _rows_of(text: str) -> list[dict[str, str]]:
    blocks = [
        dict(line.split("=", 1) for line in printable(block).splitlines() if "=" in line)
        for block in text.split("\n\n")
    ]
    rows = [row for row in blocks if row]
    if not all(row.get(name) for row in rows for name in _ESSENTIAL):
        raise FormatError("loginctl tells of sessions in a form that is not known")
    return rows


def _people_in(rows: Sequence[Mapping[str, str]], own: OwnSession) -> tuple[Login, ...]:
    found: list[Login] = []
    for row in rows:
        session, user = row["Id"], row["Name"]
        if row["Class"] != "user" or row["State"] == "closing" or session == own.session:
            continue
        graphical = row.get("Type") in GRAPHICAL_TYPES
        remote = row.get("Remote") == "yes"
        if remote and not graphical and user == own.user:
            continue
        found.append(
            Login(
                session=session,
                user=user,
                kind=LoginKind.GRAPHICAL if graphical else LoginKind.TEXT,
                host=row.get("RemoteHost", "") if remote else "",
                terminal=row.get("TTY", ""),
            )
        )
    return tuple(found)


async def end_sessions(machine: Machine, logins: Sequence[Login], patience: float = PATIENCE) -> None:
    """End the sessions of ``logins`` and wait until they are gone.

    Raises CheckError naming who is still there after ``patience`` seconds, ProgramError when loginctl is missing.
    """
    if not logins:
        return
    sessions = [login.session for login in logins]
    ended = await machine.run(["loginctl", "terminate-session", "--", *sessions], timeout=PATIENCE)
    deadline = time.monotonic() + patience
    while left := _still_there(logins, await read_logins(machine)):
        if time.monotonic() > deadline:
            words = _last_line(ended)
            raise CheckError(
                f"{machine.name}: still logged in after {patience:g} s: {', '.join(each.words for each in left)}"
                + (f" ({words})" if words else ""),
                f"log out there by hand, or: sudo loginctl kill-session {' '.join(each.session for each in left)}",
            )
        await asyncio.sleep(0.3)


def _still_there(wanted: Sequence[Login], present: Sequence[Login]) -> list[Login]:
    known = {(login.session, login.user) for login in wanted}
    return [login for login in present if (login.session, login.user) in known]
