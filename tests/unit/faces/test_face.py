"""Which face a run has; and each of them at a real pseudo-terminal, in a process of its own."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from datetime import timedelta
from pathlib import Path
from typing import Self

import attrs
import pytest

from pcswitcher.faces import face as faces
from pcswitcher.faces.face import FaceKind, choose_face, open_face
from pcswitcher.model.errors import UsageError
from pcswitcher.model.events import Event, Level, Progress, event_name
from pcswitcher.model.plan import ConflictPolicy
from pcswitcher.run.bus import Bus
from pcswitcher.run.log_file import LogFile
from pcswitcher.run.pace import PROGRESS_INTERVAL
from pcswitcher.run.review import PolicyReviewer

FACE_PROGRAM = """
import asyncio, fcntl, os, signal, sys, termios, time
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # its terminal: a resize and a closed window are told
from pcswitcher.faces.face import choose_face, open_face
from pcswitcher.model.events import *
from pcswitcher.jobs.api import Details
from pcswitcher.model.plan import Action, Change, ConflictPolicy, Plan, Section
from pcswitcher.run.bus import Bus
from pcswitcher.run.review import PolicyReviewer

kind = sys.argv[1]
if kind == "nohup":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
ITEM = "/home/sam/" + "a-long-directory/" * 8 + "file"


async def work(bus, face):
    bus.tell(RunStarted(run="0042", source="atlas", target="vega", version="0.1.0", dry_run=False))
    bus.log(Level.WARNING, "vega has little room", "vega")
    bus.tell(StepStarted(step=Step.APPLY))
    bus.tell(Progress(job="files", machine="vega", done=1, total=4, unit="paths", item=ITEM))
    if kind == "raise":
        raise ValueError("broken")
    if kind == "password":
        bus.log(Level.INFO, f"{len(await face.ask_password('vega') or '')} letters")
        await asyncio.sleep(0.5)
    if kind == "broken-screen":
        from pcswitcher.faces.screen import drawing
        drawing.title_text = None
        await asyncio.sleep(1)
    if kind == "quick":
        await asyncio.sleep(1)
    if kind == "review":
        plan = Plan(source="atlas", target="vega", source_id="a", target_id="b", version="1", sections=(
            Section(job="files", title="Files", source_state="", target_state="",
                    changes=(Change(item="/home/sam/new", action=Action.ADD, after="file"),)),))

        async def inspect(job, change):
            return Details()

        decided = await face.reviewer.review(plan, frozenset(), inspect)
        bus.log(Level.WARNING, f"decided: {decided is not None}")
        await asyncio.sleep(0.5)
    if kind == "deaf":
        for number in range(150):
            bus.tell(Progress(job="files", machine="vega", done=1, total=4, unit="paths", item=f"{number} {ITEM}"))
            bus.log(Level.INFO, f"{number} {ITEM}")
            await asyncio.sleep(0.02)
        open(sys.argv[2], "w").close()
    if kind == "nohup":
        bus.log(Level.INFO, "working")
        await asyncio.sleep(2)
    if kind in {"stop", "slow", "busy"}:
        bus.log(Level.INFO, "working")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if kind == "busy":
                os.write(1, b"<busy>")
                while True:
                    time.sleep(0.01)
            bus.log(Level.INFO, "cleaning up")
            await asyncio.sleep(60 if kind == "slow" else 0.3)
            bus.tell(RunFinished(run="0042", outcome=Outcome.INTERRUPTED, exit_code=130, message="stopped"))
            return 130
    bus.tell(JobFinished(job="files", outcome=Outcome.DONE, reason="", seconds=2.0, items=4))
    bus.tell(RunFinished(run="0042", outcome=Outcome.DONE, exit_code=0, message="4 changes made"))
    return 0


async def main():
    bus = Bus()
    policy = PolicyReviewer(accept=True, conflicts=ConflictPolicy.STOP)
    async with open_face(choose_face(plain=False, json=False), bus, policy) as face:
        return await face.run(work(bus, face))


sys.exit(asyncio.run(main()))
"""
"""A run that is only its events; its argument says what happens in it."""
CHANGED = (("\x1b[?1049h", "\x1b[?1049l"), ("\x1b[?25l", "\x1b[?25h"), ("\x1b[?1003h", "\x1b[?1003l"))
"""What is asked of a terminal, and how it is taken back: the other screen, no cursor, reports of the mouse."""


class PseudoTerminal:
    """Use it as a context manager; the program is killed at its end when it still runs."""

    def __init__(self, kind: str, *arguments: str, columns: int = 80, lines: int = 24, **environment: str) -> None:
        """Start the program there."""
        self.outer, self._inner = pty.openpty()
        self._set_size(columns, lines)
        self._before = termios.tcgetattr(self._inner)
        self.seen = ""
        inherited = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS", "LINES"}}
        self._process = subprocess.Popen(
            [sys.executable, "-c", FACE_PROGRAM, kind, *arguments],
            stdin=self._inner,
            stdout=self._inner,
            stderr=self._inner,
            start_new_session=True,
            env={**inherited, "TERM": "xterm-256color", "PYTHONWARNINGS": "error", **environment},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for descriptor in (self.outer, self._inner):
            if descriptor >= 0:
                os.close(descriptor)

    @property
    def text(self) -> str:
        """What was printed so far, without control sequences."""
        return self._plain(self.seen)

    @property
    def after_the_screen(self) -> str:
        """What was printed on the normal screen at the end."""
        return self._plain(self.seen.rpartition("\x1b[?1049l")[2]).strip()

    @staticmethod
    def _plain(text: str) -> str:
        return re.sub(r"\x1b\[[0-9;?<>=$]*[A-Za-z]|\x1b\][^\x07]*\x07|\x1b[=>]|\r", "", text)

    def expect(self, pattern: str, timeout: float = 20) -> None:
        """Wait for it."""
        deadline = time.monotonic() + timeout
        while not re.search(pattern, self.text):
            assert self._read(deadline - time.monotonic()), f"no {pattern!r} in {self.text!r}"

    def forget(self) -> None:
        """Look only at what comes from now on."""
        while self._read(0.05):
            pass
        self.seen = ""

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.outer, keys.encode())

    def send(self, number: signal.Signals) -> None:
        """Send the program a signal."""
        self._process.send_signal(number)

    def resize(self, columns: int, lines: int) -> None:
        """Change its size; the kernel tells the program."""
        self._set_size(columns, lines)

    def hang_up(self) -> None:
        """Close the window."""
        os.close(self._inner)
        os.close(self.outer)
        self._inner = self.outer = -1

    def end(self, timeout: float = 20) -> int:
        """Wait for the end, reading; the terminal must be as it was. Gives the exit status."""
        deadline = time.monotonic() + timeout
        while self._process.poll() is None:
            assert time.monotonic() < deadline, f"still running: {self.text!r}"
            self._read(0.1)
        while self._read(0.1):
            pass
        if self._inner >= 0:
            assert termios.tcgetattr(self._inner) == self._before
            for on, off in CHANGED:
                assert self.seen.rfind(on) <= self.seen.rfind(off), f"{on!r} was not taken back"
        return self._process.returncode

    def _set_size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._inner, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def _read(self, timeout: float) -> bool:
        if self.outer < 0 or not select.select([self.outer], [], [], max(0.0, timeout))[0]:
            return False
        self.seen += os.read(self.outer, 65536).decode("utf-8", "replace")
        return True


@pytest.mark.parametrize(
    ("plain", "json", "draws", "kind"),
    [
        (False, False, True, FaceKind.SCREEN),
        (False, False, False, FaceKind.PLAIN),
        (True, False, True, FaceKind.PLAIN),
        (False, True, True, FaceKind.JSON),
    ],
)
def test_options_and_the_terminal_choose_the_face(
    plain: bool, json: bool, draws: bool, kind: FaceKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """U3."""
    monkeypatch.setattr(faces, "can_draw", lambda: draws)
    assert choose_face(plain=plain, json=json) is kind


def test_two_faces_at_once_are_refused() -> None:
    with pytest.raises(UsageError):
        choose_face(plain=True, json=True)


POLICY = PolicyReviewer(accept=True, conflicts=ConflictPolicy.STOP)


@pytest.mark.parametrize("kind", [FaceKind.PLAIN, FaceKind.JSON])
def test_without_a_person_the_policy_decides_and_warnings_are_said_again(
    kind: FaceKind, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """U3, U5."""
    monkeypatch.setattr(faces, "is_person", lambda: False)

    async def test() -> None:
        bus = Bus()
        async with open_face(kind, bus, POLICY) as face:
            assert face.reviewer is POLICY
            assert await face.ask_password("vega") is None
            for _ in range(2):
                bus.log(Level.WARNING, "little room", "vega")

    asyncio.run(test())
    output = capsys.readouterr()
    assert output.out.count("little room") == 2
    assert output.err == "Needs attention:\n  WARNING: vega: little room\n"


def test_every_event_reaches_the_log_file(each_event: Event, tmp_path: Path) -> None:
    """U2, J4: progress once it has gone on for some seconds."""
    log = LogFile(tmp_path / "run.jsonl", Level.DEBUG)
    earlier = [attrs.evolve(each_event, time=each_event.time - timedelta(seconds=PROGRESS_INTERVAL))]
    for event in earlier if isinstance(each_event, Progress) else []:
        log.take(event)
    log.take(each_event)
    log.close()
    lines = (tmp_path / "run.jsonl").read_text(encoding="ascii").splitlines()
    assert [json.loads(line)["type"] for line in lines] == [event_name(each_event)]


def test_the_screen_comes_and_goes_and_the_summary_stays() -> None:
    """U1, U5."""
    with PseudoTerminal("quick") as terminal:
        terminal.expect("files on vega")
        assert terminal.end() == 0
        after = terminal.after_the_screen
        assert after.splitlines() == [
            "run 0042: atlas → vega (pc-switcher 0.1.0)",
            "files: done, 4 items in 2.0 s",
            "done: 4 changes made",
            "Needs attention:",
            "  WARNING: vega has little room",
        ]


def test_a_run_that_ends_before_the_screen_is_up_has_its_summary() -> None:
    """U5."""
    with PseudoTerminal("at-once") as terminal:
        assert terminal.end() == 0
        assert "done: 4 changes made" in terminal.after_the_screen


def test_after_an_exception_the_terminal_is_clean_and_the_warnings_are_said() -> None:
    """U5, L5."""
    with PseudoTerminal("raise") as terminal:
        assert terminal.end() == 1
        assert "Needs attention:\n  WARNING: vega" in terminal.after_the_screen
        assert "ValueError: broken" in terminal.after_the_screen


def test_ctrl_c_stops_in_order_before_everybodys_eyes() -> None:
    """I1: WARNING, cleaning up, 130."""
    with PseudoTerminal("stop") as terminal:
        terminal.expect("files on vega")
        terminal.type("\x03")
        terminal.expect("Stopping at the next safe point and cleaning up")
        assert terminal.end() == 130
        assert "interrupted: stopped" in terminal.after_the_screen


@pytest.mark.parametrize("kind", ["slow", "busy"])
def test_ctrl_c_twice_ends_at_once_and_gives_the_terminal_back(kind: str) -> None:
    """I2: also while the program calculates and hears nobody."""
    with PseudoTerminal(kind) as terminal:
        terminal.expect("working")
        terminal.type("\x03")
        terminal.expect("<busy>" if kind == "busy" else "cleaning up +\n")
        terminal.type("\x03")
        assert terminal.end(10) == 130


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_is_a_ctrl_c(number: signal.Signals) -> None:
    """I1; faults row 39."""
    with PseudoTerminal("stop") as terminal:
        terminal.expect("files on vega")
        terminal.send(number)
        assert terminal.end() == 130
        assert "interrupted: stopped" in terminal.after_the_screen


def test_a_closed_window_stops_the_run_in_order() -> None:
    """I3; faults row 39: it cleans up, although nobody reads any more."""
    with PseudoTerminal("stop") as terminal:
        terminal.expect("files on vega")
        terminal.hang_up()
        assert terminal.end() == 130


def test_what_nohup_asks_for_is_kept() -> None:
    """nohup(1) ignores SIGHUP; the run goes on."""
    with PseudoTerminal("nohup") as terminal:
        terminal.expect("working")
        terminal.send(signal.SIGHUP)
        assert terminal.end() == 0


def test_a_resize_is_survived_and_used() -> None:
    """U3; faults row 39: what did not fit is whole on the wider terminal."""
    with PseudoTerminal("stop") as terminal:
        terminal.expect(r"/a-long-dir.*…")
        for columns, lines in ((30, 8), (5, 2), (250, 40)):
            terminal.forget()
            terminal.resize(columns, lines)
        terminal.expect("/home/sam/" + "a-long-directory/" * 8 + "file")
        terminal.type("\x03")
        assert terminal.end() == 130


def test_a_dumb_terminal_gets_plain_lines() -> None:
    """U3; faults row 39."""
    with PseudoTerminal("quick", TERM="dumb") as terminal:
        assert terminal.end() == 0
        assert "\x1b" not in terminal.seen
        assert "files: done, 4 items in 2.0 s\r\n" in terminal.seen
        assert "Needs attention:" in terminal.seen


def test_no_colour_is_no_colour() -> None:
    """U3: NO_COLOR (no-color.org); bold and dim are no colours."""
    colours = re.compile(r"\x1b\[(?:[\d;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[\d;]*)?m")
    with PseudoTerminal("quick") as terminal:
        assert terminal.end() == 0
        assert colours.search(terminal.seen)
    with PseudoTerminal("quick", NO_COLOR="1") as terminal:
        terminal.expect("files on vega")
        assert terminal.end() == 0
        assert colours.findall(terminal.seen) == []


def test_a_password_is_typed_and_never_seen() -> None:
    """Promise 9."""
    with PseudoTerminal("password", USER="sam") as terminal:
        terminal.expect("sudo password for sam on vega")
        terminal.type("zqjx\r")
        terminal.expect("4 letters")
        assert terminal.end() == 0
        assert "zq" not in terminal.seen


def test_a_screen_that_breaks_does_not_end_the_run() -> None:
    """L5: plain lines go on, without a traceback, which could show a password."""
    with PseudoTerminal("broken-screen") as terminal:
        assert terminal.end() == 0
        assert "the screen failed and plain lines go on: TypeError" in terminal.text
        assert "files: done, 4 items" in terminal.text
        assert "Traceback" not in terminal.text


def test_a_window_that_hangs_does_not_hold_up_the_run(tmp_path: Path) -> None:
    """L5: nobody reads what is drawn; the work is done all the same."""
    done = tmp_path / "done"
    with PseudoTerminal("deaf", str(done), columns=200, lines=60) as terminal:
        deadline = time.monotonic() + 30
        while not done.exists():
            assert time.monotonic() < deadline, "the run waits for its terminal"
            time.sleep(0.1)
        assert terminal.end() == 0
        assert "done: 4 changes made" in terminal.after_the_screen


def test_the_review_comes_up_above_the_run_and_gives_its_decisions() -> None:
    """U4."""
    with PseudoTerminal("review") as terminal:
        terminal.expect("New: 1")
        terminal.type("y")
        terminal.expect("y Change vega")
        terminal.type("y")
        assert terminal.end() == 0
        assert "decided: True" in terminal.after_the_screen


def test_a_review_that_is_left_decides_nothing() -> None:
    """U4, promise 2."""
    with PseudoTerminal("review") as terminal:
        terminal.expect("New: 1")
        terminal.type("q")
        assert terminal.end() == 0
        assert "decided: False" in terminal.after_the_screen


def test_ctrl_c_in_the_review_stops_the_run() -> None:
    """I1: nothing was begun, nothing is done."""
    with PseudoTerminal("review") as terminal:
        terminal.expect("New: 1")
        terminal.type("\x03")
        assert terminal.end() != 0
        assert "decided" not in terminal.text
