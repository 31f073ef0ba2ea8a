"""What the log is told of commands and calls."""

from __future__ import annotations

import asyncio
import re
import shlex
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.machine import probe, session, trace
from pcswitcher.machine.api import AgentLog, Context, Listener, exposed
from pcswitcher.machine.fake import FakeMachine, FakeProgram, open_fake
from pcswitcher.machine.process import Program, Sink
from pcswitcher.machine.session import _local_sudo
from pcswitcher.machine.ssh import open_master
from pcswitcher.machine.sudo import ask_nobody
from pcswitcher.machine.trace import EXCERPT, Excerpt, LogRoute, command_here, local_command, paste
from pcswitcher.model.errors import ConnectError, ProgramError
from pcswitcher.model.events import Level
from pcswitcher.model.secret import Secret, mask
from pcswitcher.model.text import printable

pytestmark = pytest.mark.timeout(60)


class Log:
    """Hears the lines of all machines."""

    def __init__(self, least: Level = Level.DEBUG, libraries: Level = Level.WARNING) -> None:
        self.lines: list[tuple[str, AgentLog]] = []
        self.route = LogRoute(to=self.of, least=least, libraries=libraries)

    def of(self, hostname: str) -> Callable[[AgentLog], None]:
        return lambda line: self.lines.append((hostname, line))

    @property
    def messages(self) -> list[str]:
        """What was said, with numbers and durations left out."""
        return [re.sub(r"\b\d+\.\d{3} s", "… s", line.message) for _, line in self.lines]

    def fields(self, start: str) -> dict[str, str]:
        (found,) = [line.fields for _, line in self.lines if line.message.startswith(start)]
        return found


async def _speak(program: Program, sink: Sink) -> int:
    await sink(1, b"out \xff\n")
    await sink(2, b"err\n")
    return 3


async def _is_told(program: Program, sink: Sink) -> int:
    return 0 if program.environment == {"LC_ALL": "C", "PASSWORD": "hush"} else 1


async def _chatter(program: Program, sink: Sink) -> int:
    for number in range(10_000):
        await sink(1, b"word%06d " % number)
    return 0


def on_fake(log: Log, test: Callable[[FakeMachine], Awaitable[None]], **more: FakeProgram) -> None:
    async def run() -> None:
        programs = {"speak": _speak, "chatter": _chatter, **more}
        machine = await open_fake("vega", programs, packages=frozenset({__name__.partition(".")[0]}), log=log.route)
        try:
            await test(machine)
        finally:
            await machine.close()

    asyncio.run(run())


def test_a_command_is_told_before_and_after_with_its_output_and_nothing_it_read() -> None:
    """L1, promise 9: of its input the size, of its environment the names."""
    log = Log()

    async def test(machine: FakeMachine) -> None:
        environment = {"LC_ALL": "C", "PASSWORD": Secret("hush")}
        done = await machine.run(["speak", b"it's \x1b[31m"], stdin=b"hush", environment=environment, directory="/tmp")
        assert (done.status, done.stdout) == (3, b"out \xff\n")

    on_fake(log, test)
    assert {machine for machine, _ in log.lines} == {"vega"}
    assert {line.level for _, line in log.lines} == {Level.DEBUG}
    assert log.messages == [
        r"command 2: speak $'it\'s \x1b[31m'",
        "command 2 ended with status 3 after … s",
    ]
    assert log.fields("command 2:") == {"stdin": "4 B", "environment": "LC_ALL PASSWORD", "directory": "/tmp"}
    assert log.fields("command 2 ended") == {"stdout": "out \\xff", "stderr": "err"}
    assert "hush" not in repr(log.lines)


def test_the_program_itself_gets_the_secret() -> None:
    """Faults row 25: what is hidden from the log is what the program was to be told."""

    async def test(machine: FakeMachine) -> None:
        environment = {"LC_ALL": "C", "PASSWORD": Secret("hush")}
        assert (await machine.run(["is-told"], environment=environment)).status == 0

    on_fake(Log(), test, **{"is-told": _is_told})


def test_a_command_that_somebody_listens_to_is_told_all_the_same_and_its_output_is_cut() -> None:
    """L1."""
    log = Log()
    heard = bytearray()

    async def test(machine: FakeMachine) -> None:
        await machine.run(["chatter"], listener=lambda _, data: heard.extend(data))

    on_fake(log, test)
    assert len(heard) == 110_000
    printed = log.fields("command 2 ended")["stdout"]
    first, middle, last = printed.split("\n")
    assert first.startswith("word000000 word000001")
    assert last.endswith("word009999 ")
    assert middle == f"… {110_000 - len(first) - len(last):,} bytes left out …"
    assert EXCERPT - 20 < len(first) <= EXCERPT
    assert EXCERPT - 20 < len(last) <= EXCERPT


def test_a_command_that_is_missing_and_one_that_is_stopped_are_told_too() -> None:
    """L1, I1."""
    log, started = Log(), asyncio.Event()

    async def _hang(program: Program, sink: Sink) -> int:
        started.set()
        await asyncio.sleep(60)
        return 0

    async def test(machine: FakeMachine) -> None:
        with pytest.raises(ProgramError):
            await machine.run(["none"])
        hanging = asyncio.create_task(machine.run(["hang"]))
        await started.wait()
        hanging.cancel()
        await asyncio.wait({hanging})

    on_fake(log, test, hang=_hang)
    assert log.messages[1:] == ["command 2 failed after … s", "command 3: hang", "command 3 was stopped after … s"]
    assert log.fields("command 2 failed")["error"].startswith("ProgramError: vega: none cannot be started")


def test_a_call_is_told_by_its_name_alone() -> None:
    """L1, promise 9: its arguments may be large, and may be anything."""
    log = Log()

    async def test(machine: FakeMachine) -> None:
        await machine.call(secretive, "hush")
        with pytest.raises(ProgramError):
            await machine.call(fail, "hush")

    on_fake(log, test)
    name = f"{__name__}"
    assert log.messages == [
        f"call 2: {name}:secretive",
        "call 2 ended after … s",
        f"call 3: {name}:fail",
        "call 3 failed after … s",
    ]
    assert log.fields("call 3 failed") == {"error": "ProgramError: no"}
    assert "hush" not in repr(log.lines)


@exposed
def secretive(context: Context, password: str) -> str:
    return password


@exposed
def fail(context: Context, password: str) -> None:
    raise ProgramError("no")


@exposed
def run_here(context: Context) -> None:
    """A function that runs a program where it is."""
    with command_here(["btrfs", "subvolume"], environment=["LC_ALL"]) as command:
        command.hear(2, b"words")
        command.ended(1)


def test_a_command_that_a_function_runs_on_its_machine_is_told_under_the_number_of_the_call() -> None:
    """L1: on either machine."""
    log = Log()

    async def test(machine: FakeMachine) -> None:
        await machine.call(run_here)

    on_fake(log, test)
    assert log.messages == [
        f"call 2: {__name__}:run_here",
        "command 2.1: btrfs subvolume",
        "command 2.1 ended with status 1 after … s",
        "call 2 ended after … s",
    ]
    assert log.fields("command 2.1 ended") == {"stderr": "words"}
    assert log.fields("command 2.1:") == {"environment": "LC_ALL"}


@exposed
def say_all(context: Context, times: int) -> None:
    """Say something at each level, so many times."""
    for _ in range(times):
        for level in Level:
            context.log(level, level.name)


@pytest.mark.parametrize("least", list(Level))
def test_an_agent_sends_only_what_is_wanted(least: Level) -> None:
    """L1, L2, J4: what nobody wants is not even sent; commands and calls are told at DEBUG alone."""
    log, heard = Log(least), []

    async def test(machine: FakeMachine) -> None:
        await machine.call(say_all, 1)
        await machine.call_listening(Listener(log=heard.append), say_all, 1)
        await machine.run(["speak"])

    on_fake(log, test)
    wanted = [level for level in Level if level >= least]
    assert [line.level for line in heard] == wanted
    lines = [line for _, line in log.lines if not line.message.startswith(("call ", "command "))]
    assert [line.level for line in lines] == wanted
    assert (len(lines) < len(log.lines)) == (least is Level.DEBUG)


def test_a_function_that_says_very_much_is_heard_in_order_and_its_answer_comes_last() -> None:
    """L5, J4."""
    log = Log(Level.FULL)

    async def test(machine: FakeMachine) -> None:
        await machine.call(say_all, 1000)
        assert len(log.lines) == 5000

    on_fake(log, test)
    assert log.messages == [level.name for level in list(Level)[1:]] * 1000


def test_nothing_is_made_for_a_log_that_does_not_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """L5: above DEBUG no command line is built and no output is kept."""

    def forbidden(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(trace, "paste", forbidden)
    monkeypatch.setattr(Excerpt, "add", forbidden)
    log = Log(Level.FULL)

    async def test(machine: FakeMachine) -> None:
        await machine.run(["speak"])
        await machine.call(run_here)
        await machine.call(probe.echo, "x", b"x")

    on_fake(log, test)
    assert log.lines == []
    local_command(None, ["x"]).ended(0)


def test_the_ways_to_become_root_and_to_connect_are_told_without_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """L1, promise 9: the commands before there is an agent, under the name of this PC."""
    for name, script in (("sudo", "echo 'a password is required' >&2; exit 1"), ("ssh", "exit 255")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("platform.node", lambda: "atlas")
    log = Log()

    async def ask(_: str) -> str:
        return "hush"

    async def run() -> None:
        for how in (ask_nobody, ask):
            with pytest.raises(ConnectError):
                await _local_sudo("atlas", how, log.route)
        with pytest.raises(ConnectError):
            await open_master("vega", log.route)
        monkeypatch.setenv("PATH", str(tmp_path / "none"))
        with pytest.raises(ConnectError):
            await session._local_sudo("atlas", ask_nobody, log.route)

    asyncio.run(run())
    assert {machine for machine, _ in log.lines} == {"atlas"}
    assert log.messages[:2] == [
        "command local-1: sudo -n -- env true",
        "command local-1 ended with status 1 after … s",
    ]
    assert log.fields("command local-1 ended") == {"stderr": "a password is required"}
    assert "command local-3: sudo -k -S -p '' -- env true" in log.messages
    assert any(message.startswith("command local-4: ssh -M -T -S ") for message in log.messages)
    assert "command local-4 ended with status 255 after … s" in log.messages
    assert log.messages[-1] == "command local-5 failed after … s"
    assert "hush" not in repr(log.lines)


ARGUMENTS = st.lists(st.binary(max_size=12).filter(lambda word: b"\0" not in word), min_size=1, max_size=5)


@given(ARGUMENTS)
def test_a_command_is_shown_on_one_safe_line(arguments: list[bytes]) -> None:
    """L1."""
    shown = paste(arguments)
    assert printable(shown) == shown
    assert "\n" not in shown


@given(st.lists(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]), max_size=9), min_size=1))
def test_a_command_that_can_be_printed_is_quoted_as_a_shell_reads_it(arguments: list[str]) -> None:
    """L1."""
    shown = paste(arguments)
    if "\\" not in shown:
        assert shlex.split(shown) == arguments


def test_what_is_shown_can_be_pasted_into_bash() -> None:
    """L1: names that are no text, quotes, escapes, blanks."""
    words = [
        b"",
        b"it's",
        b"a b",
        b"\xff\xfe",
        b"\x1b[31m1",
        b"new\nline\t",
        b"back\\slash",
        "käse\u202e".encode(),
        b"$HOME",
    ]
    bash = shutil.which("bash")
    assert bash
    script = f"printf '%s\\0' {paste(words)}"
    done = subprocess.run([bash, "-c", script], capture_output=True, check=True, timeout=20)
    assert done.stdout == b"".join(word + b"\0" for word in words)


def test_a_command_without_end_is_cut_between_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "SHOWN_ARGUMENTS", 20)
    assert paste(["install", "one", "two", "three", "four", "five"]) == "install one two # and 3 more arguments"
    assert paste(["x" * 50]) == "# and 1 more argument"


@given(st.integers(0, 60), st.integers(1, 40), st.sampled_from([b" ", b"\n", b"\t"]))
def test_an_excerpt_never_cuts_an_address_in_two(before: int, piece: int, blank: bytes) -> None:
    """L3, promise 9: half an address would not be known as one, and its password would be shown."""
    address = b"https://sam:hush@vega/"
    text = blank.join(
        [b"x" * (EXCERPT - before), address, b"y" * (3 * EXCERPT), address, b"z" * (EXCERPT - before), b""]
    )
    excerpt = Excerpt()
    for start in range(0, len(text), piece * 100):
        excerpt.add(text[start : start + piece * 100])
    assert "hush" not in mask(excerpt.text)
    assert "hus" not in mask(excerpt.text)


@given(st.lists(st.binary(max_size=3000), max_size=6))
def test_an_excerpt_of_what_is_short_is_all_of_it(pieces: list[bytes]) -> None:
    """L1."""
    excerpt, text = Excerpt(), b"".join(pieces)
    for each in pieces:
        excerpt.add(each)
    if len(text) <= 2 * EXCERPT:
        assert excerpt.text == text.decode("utf-8", "backslashreplace").rstrip("\n")
    else:
        assert "bytes left out …" in excerpt.text
        assert len(excerpt.text.encode()) < 9 * EXCERPT
