"""Who is logged in: read from what logind says, and ended."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pcswitcher.machine.fake import FakeMachine, FakeProgram, open_fake
from pcswitcher.machine.logins import (
    Login,
    LoginKind,
    OwnSession,
    end_sessions,
    logins_of,
    read_logins,
    session_names,
    session_of,
)
from pcswitcher.machine.process import Program, Sink
from pcswitcher.model.errors import CheckError, FormatError, ProgramError

DATA = Path(__file__).parents[2] / "data" / "loginctl"
OURS = OwnSession(session="9", user="sam")


def test_a_desktop_counts_and_managers_greeters_and_our_own_ssh_do_not() -> None:
    """Faults row 38."""
    found = logins_of((DATA / "desktop.txt").read_text(), OURS)
    assert found == (Login(session="2", user="sam", kind=LoginKind.GRAPHICAL, terminal="tty2"),)
    assert found[0].words == "sam (graphical session 2 on tty2)"


def test_consoles_remote_desktops_and_other_people_count_and_who_is_leaving_does_not() -> None:
    """Faults row 38: graphical and text are told apart."""
    console, remote, desktop = logins_of((DATA / "several.txt").read_text(), OURS)
    assert (console.user, console.kind, console.terminal) == ("kim", LoginKind.TEXT, "tty3")
    assert remote.words == "kim (text session 5 from 10.0.0.12)"
    assert (desktop.user, desktop.kind, desktop.host) == ("sam", LoginKind.GRAPHICAL, "10.0.0.11")


def test_a_name_that_would_write_on_the_terminal_is_shown_harmless() -> None:
    (login,) = logins_of("Id=1\nName=sam\x1b[2J\nClass=user\nType=tty\nState=active\n", OURS)
    assert "\x1b" not in login.words


@pytest.mark.parametrize(
    ("cgroups", "session"),
    [
        ("0::/user.slice/user-1000.slice/session-c5.scope\n", "c5"),
        ("1:name=systemd:/\n0::/user.slice/user-1000.slice/session-12.scope/sub\n", "12"),
        ("0::/system.slice/ssh.service\n", ""),
        ("", ""),
    ],
)
def test_a_process_knows_its_session_by_its_control_group(cgroups: str, session: str) -> None:
    assert session_of(cgroups) == session


def test_the_list_of_sessions_is_read_and_a_wrong_one_refused() -> None:
    answer = '{"type":"a(susso)","data":[[["c4",1000,"sam","","/a"],["7",1001,"kim","seat0","/b"]]]}'
    assert session_names(answer.encode()) == ("c4", "7")
    assert session_names(b'{"type":"a(susso)","data":[[]]}') == ()
    for wrong in ('{"type":"a(susso)","data":[[["-h",1,"","",""]]]}', '{"data":[[[7]]]}', "[]", '{"data":7}'):
        with pytest.raises(FormatError):
            session_names(wrong.encode())


class Logind:
    """Sessions that end, or not, when they are told to."""

    def __init__(self, *users: str, stubborn: bool = False) -> None:
        self.sessions = dict(enumerate(users, start=1))
        self.stubborn = stubborn
        self.told: list[str] = []

    @property
    def programs(self) -> dict[str, FakeProgram]:
        return {"busctl": self.busctl, "loginctl": self.loginctl}

    async def busctl(self, program: Program, sink: Sink) -> int:
        rows = ",".join(f'["{number}",1000,"{user}","","/x"]' for number, user in self.sessions.items())
        await sink(1, f'{{"type":"a(susso)","data":[[{rows}]]}}'.encode())
        return 0

    async def loginctl(self, program: Program, sink: Sink) -> int:
        words = [word.decode() for word in program.arguments]
        if words[1] == "terminate-session":
            self.told += words[words.index("--") + 1 :]
            if not self.stubborn:
                self.sessions.clear()
            return 0
        blocks = (
            f"Id={number}\nName={user}\nClass=user\nState=active\nType=wayland\n"
            for number, user in self.sessions.items()
        )
        await sink(1, "\n".join(blocks).encode())
        return 0


async def with_machine(logind: Logind) -> FakeMachine:
    return await open_fake("vega", logind.programs)


def test_sessions_are_ended_and_waited_for() -> None:
    """Faults row 38."""

    async def run(logind: Logind) -> None:
        machine = await with_machine(logind)
        try:
            found = await read_logins(machine)
            assert [login.user for login in found] == ["sam", "kim"]
            await end_sessions(machine, found)
            assert await read_logins(machine) == ()
        finally:
            await machine.close()

    logind = Logind("sam", "kim")
    asyncio.run(run(logind))
    assert logind.told == ["1", "2"]


def test_who_does_not_go_is_named_with_what_helps() -> None:
    async def run(logind: Logind) -> None:
        machine = await with_machine(logind)
        try:
            await end_sessions(machine, await read_logins(machine), patience=0)
        finally:
            await machine.close()

    with pytest.raises(CheckError, match=r"vega: still logged in after 0 s: sam \(graphical session 1\)") as caught:
        asyncio.run(run(Logind("sam", stubborn=True)))
    assert "loginctl kill-session 1" in caught.value.hint


def test_nobody_is_asked_to_go_where_nobody_is() -> None:
    async def run() -> None:
        machine = await open_fake("vega")
        try:
            await end_sessions(machine, ())
        finally:
            await machine.close()

    asyncio.run(run())
    assert read({"busctl": listing()}) == ()


def read(programs: dict[str, FakeProgram]) -> tuple[Login, ...]:
    """Who is logged in by these programs."""

    async def run() -> tuple[Login, ...]:
        machine = await open_fake("vega", programs)
        try:
            return await read_logins(machine)
        finally:
            await machine.close()

    return asyncio.run(run())


def listing(*answers: tuple[str, ...]) -> FakeProgram:
    """A busctl that lists these sessions, the last answer again and again."""
    left = list(answers or ((),))

    async def busctl(_: Program, sink: Sink) -> int:
        sessions = left.pop(0) if len(left) > 1 else left[0]
        rows = ",".join(f'["{session}",1000,"sam","","/x"]' for session in sessions)
        await sink(1, f'{{"type":"a(susso)","data":[[{rows}]]}}'.encode())
        return 0

    return busctl


def saying(status: int, out: str = "", err: str = "") -> FakeProgram:
    """A program that prints and ends."""

    async def program(_: Program, sink: Sink) -> int:
        await sink(1, out.encode())
        await sink(2, err.encode())
        return status

    return program


SHOWN = "Id=4\nName=kim\nClass=user\nState=active\nType=tty\n"


@pytest.mark.parametrize(
    ("programs", "words"),
    [
        ({}, "busctl cannot be started"),
        ({"busctl": saying(1, err="Call failed: Unit dbus-org.freedesktop.login1.service not found.\n")}, "not found"),
        ({"busctl": saying(1)}, "busctl ended with status 1"),
        ({"busctl": saying(0, "nonsense")}, ""),
        ({"busctl": listing(("4",))}, "loginctl cannot be started"),
        ({"busctl": listing(("4",)), "loginctl": saying(1, err="Failed to connect to bus\n")}, "session 4: Failed to"),
        ({"busctl": listing(("4",)), "loginctl": saying(0)}, "session 4: loginctl gave no reason"),
        ({"busctl": listing(("4", "5")), "loginctl": saying(0, SHOWN)}, "session 5"),
        ({"busctl": listing(("4",)), "loginctl": saying(0, "Id=4\nName=kim\nState=active\n")}, "not known"),
        ({"busctl": listing(("4",)), "loginctl": saying(0, SHOWN.replace("kim", ""))}, "not known"),
    ],
)
def test_no_answer_is_not_that_there_is_nobody(programs: dict[str, FakeProgram], words: str) -> None:
    """Promise 8: a machine without logind, one whose logind fails, one that tells half."""
    with pytest.raises((ProgramError, FormatError)) as caught:
        read(programs)
    assert words in str(caught.value)


def test_a_session_that_ends_between_two_questions_is_nobody() -> None:
    loginctl = saying(1, SHOWN, "Failed to get path for session '5': No session '5' known\n")
    (login,) = read({"busctl": listing(("4", "5"), ("4",)), "loginctl": loginctl})
    assert login.user == "kim"


def test_the_account_we_log_in_with_is_known_from_the_greeting() -> None:
    """Our own ssh sessions are nobody's presence."""

    async def listed(_: Program, sink: Sink) -> int:
        await sink(1, b'{"type":"a(susso)","data":[[["2",1000,"sam","","/a"]]]}')
        return 0

    text = (DATA / "desktop.txt").read_bytes()

    async def shown(_: Program, sink: Sink) -> int:
        await sink(1, text)
        return 0

    async def run() -> tuple[Login, ...]:
        machine = await open_fake("vega", {"busctl": listed, "loginctl": shown})
        try:
            return await read_logins(machine)
        finally:
            await machine.close()

    assert [login.session for login in asyncio.run(run())] == ["2"]
