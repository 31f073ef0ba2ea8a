"""Driving the program under test as a person or a script would: commands, and a terminal to type into."""

from __future__ import annotations

import codecs
import json
import os
import re
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from pclab import compare, product
from pclab.compare import Report
from pclab.connection import Argument
from pclab.emulator import Emulator
from pclab.machine import LabMachine
from pclab.manifest import Item, read_manifest

Json = Mapping[str, object]

OURS = r"pc-switcher|pcswitcher|(^|/|\s)rsync\s|/proc/self/fd/\d+ agent"
"""What a command line of ours, or of a program we start, looks like."""
_REVIEW = r"N = no\] "
_END_MARK = "the-shell-goes-on:"


@dataclass(frozen=True)
class Ended:
    """A command of the program that came to its end."""

    status: int
    out: str
    err: str
    seconds: float

    @property
    def events(self) -> list[Json]:
        """Standard output as JSON lines; each must be an object."""
        found = [json.loads(line) for line in self.out.splitlines()]
        assert all(isinstance(event, dict) for event in found), self.out
        return found

    def __str__(self) -> str:
        return f"status {self.status} after {self.seconds:.1f} s\n{self.out}\n-- standard error --\n{self.err}"


def command(machine: LabMachine, *arguments: str, status: int | None = 0, timeout: float = 120) -> Ended:
    """Run `pc-switcher …` there as the user, without a terminal, and hold it to an exit status (None: any)."""
    start = time.monotonic()
    done = machine.run(["pc-switcher", *arguments], check=False, timeout=timeout)
    ended = Ended(
        done.returncode,
        done.stdout.decode(errors="surrogateescape"),
        done.stderr.decode(errors="surrogateescape"),
        time.monotonic() - start,
    )
    assert status is None or ended.status == status, f"pc-switcher {' '.join(arguments)}: {ended}"
    return ended


def sync(source: LabMachine, target: LabMachine, *options: str, status: int | None = 0, timeout: float = 120) -> Ended:
    """Sync one machine to the other with plain lines and a yes beforehand."""
    return command(source, "sync", target.host, "--plain", "--yes", *options, status=status, timeout=timeout)


def overrule(source: LabMachine, target: LabMachine, *items: str) -> Ended:
    """Sync where the target changed things itself: a yes alone leaves them, all are named; then the source's win."""
    asked = sync(source, target, status=14)
    assert f"{target.name} changed" in asked.out, asked
    for item in items:
        assert item in asked.out, asked
    return sync(source, target, "--conflicts", "source")


def first_sync(source: LabMachine, target: LabMachine, *options: str) -> Ended:
    """The first sync to a machine, with its gates opened."""
    return sync(source, target, "--allow", "first-sync", "--allow", "mass-deletion", *options)


def shell(machine: LabMachine, script: str, *arguments: str, sudo: bool = True, check: bool = True) -> str:
    """Run a shell script there, as root or as the user; what it printed."""
    run = machine.sudo if sudo else machine.run
    done = run(["sh", "-euc", script, "sh", *arguments], check=check)
    return done.stdout.decode(errors="surrogateescape")


def python(machine: LabMachine, program: str, *arguments: Argument) -> bytes:
    """Run a Python program there as root, its arguments in `sys.argv[1:]`; what it printed.

    For what a shell cannot say or create: names of any bytes, attributes, paths beyond PATH_MAX.
    """
    return machine.sudo(["python3", "-c", program, *arguments], timeout=120).stdout


def manifest(machine: LabMachine, folder: str) -> dict[str, Item]:
    """The independent manifest of a folder there, read as root."""
    done = machine.sudo(product.tool("compare", "manifest", folder), timeout=120)
    return read_manifest(done.stdout.decode("ascii").splitlines())


def differences(
    source: LabMachine, source_folder: str, target: LabMachine, target_folder: str, excluded: Sequence[str] = ()
) -> Report:
    """Hold two folders against each other with the independent compare."""
    return compare.diff(manifest(source, source_folder), manifest(target, target_folder), excluded)


def assert_equal(
    source: LabMachine, source_folder: str, target: LabMachine, target_folder: str, excluded: Sequence[str] = ()
) -> Report:
    """The same, and an assertion that tells what differs."""
    report = differences(source, source_folder, target, target_folder, excluded)
    assert report.equal, compare.text(report, f"{source.name}:{source_folder}", f"{target.name}:{target_folder}")
    return report


def ours_running(machine: LabMachine) -> list[str]:
    """Command lines of our program, and of what it starts, that run there now."""
    return [process.command for process in machine.processes(OURS) if "ps -e" not in process.command]


def assert_quiet(*machines: LabMachine, within: float = 10) -> None:
    """Nothing of ours runs there any more, at the latest after so many seconds."""
    deadline = time.monotonic() + within
    while left := {machine.name: found for machine in machines if (found := ours_running(machine))}:
        assert time.monotonic() < deadline, f"still running after {within:g} s: {left}"
        time.sleep(0.2)


class Terminal:
    """The program in a terminal there, inside a shell that goes on after it, as a person has it.

    Use it as a context manager; what is left of it ends with it.
    """

    def __init__(
        self,
        machine: LabMachine,
        *arguments: str,
        term: str = "xterm-256color",
        columns: int = 100,
        rows: int = 30,
        command: Sequence[str] = ("pc-switcher",),
    ) -> None:
        """Start `pc-switcher …` there, or another command, in a terminal of that kind and size."""
        self.machine = machine
        self.seen = ""
        self.emulator = Emulator(columns, rows)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        size = f"cols {columns} rows {rows}"
        line = f'stty {size}; stty -g; tty; trap : INT; TERM={term} "$@"; echo "{_END_MARK}$?:$(stty -g):"'
        self._process = machine.popen(["sh", "-c", line, "sh", *command, *arguments], tty=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        os.set_blocking(self._stdout.fileno(), False)
        self._settings = self.expect(r"([0-9a-f]+(?::[0-9a-f]+){10,})\r?\n")[1]
        self.device = self.expect(r"(/dev/pts/\d+)")[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hang_up()

    def expect(self, pattern: str, timeout: float = 30) -> re.Match[str]:
        """Wait until what is on the terminal, control sequences left out, has a match of the pattern."""
        deadline = time.monotonic() + timeout
        while not (found := re.search(pattern, self.text)):
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"no {pattern!r} within {timeout:g} s on the terminal:\n{self.text}")
        return found

    def expect_review(self) -> re.Match[str]:
        """Wait for the review's question."""
        return self.expect(_REVIEW)

    def expect_shown(self, pattern: str, timeout: float = 30) -> re.Match[str]:
        """Wait until what a person sees on the terminal at that moment has a match of the pattern."""
        deadline = time.monotonic() + timeout
        while not (found := re.search(pattern, self.shown)):
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"no {pattern!r} within {timeout:g} s, the terminal shows:\n{self.shown}")
        return found

    @property
    def shown(self) -> str:
        """What a person sees on the terminal now, its lines as an emulator draws them."""
        return self.emulator.text

    @property
    def text(self) -> str:
        """What was printed so far, control sequences left out."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07", "", self.seen)

    def type(self, keys: str) -> None:
        """Press keys."""
        self._stdin.write(keys.encode())
        self._stdin.flush()

    def forget(self) -> None:
        """Forget what was printed so far, so that `expect` looks at what comes."""
        self._read(0)
        self.seen = ""

    def resize(self, columns: int, rows: int) -> None:
        """Change the terminal's size; the program gets its SIGWINCH."""
        self._read(0)
        self.emulator.resize(columns, rows)
        self.machine.run(["stty", "-F", self.device, "cols", str(columns), "rows", str(rows)])

    def end(self, timeout: float = 60) -> int:
        """Wait for the program's end. Its exit status; the terminal must be as it was, in every way it can be asked."""
        mark = self.expect(_END_MARK + r"(\d+):([0-9a-f:]+):", timeout)
        assert mark[2] == self._settings, f"the terminal was left changed: {self._settings} → {mark[2]}"
        assert not self.emulator.left_changed, f"the terminal was left changed: {self.emulator.left_changed}"
        return int(mark[1])

    def hang_up(self) -> None:
        """Close the terminal's window: the connection ends, and with it the terminal."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _read(self, patience: float) -> bool:
        """Take in what comes next; False when nothing came in time, or nothing will."""
        ready, _, _ = select.select([self._stdout], [], [], max(patience, 0))
        if not ready:
            return False
        data = self._stdout.read() or b""
        printed = self._decoder.decode(data)
        self.seen += printed
        self.emulator.feed(printed)
        return bool(data)
