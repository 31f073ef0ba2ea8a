"""What a test holds in its hands: one machine, driven over ssh as its user."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pclab.connection import Argument, Connection, RemoteError, Route
from pclab.errors import LabError
from pclab.names import MARKER


class Control(Protocol):
    """What can be done to a machine from outside."""

    def act(self, command: str, *options: str) -> None:
        """Do what the `lab` command of that name does to this machine. Raises LabError when it cannot be."""


@dataclass(frozen=True)
class RunningProcess:
    """A process on a machine, and its command line."""

    pid: int
    command: str


class LabMachine:
    """One machine of a test: a PC of the lab, or a real one.

    Everything but the power and cable functions goes over ssh as the user, as a person would.
    """

    def __init__(self, name: str, user: str, route: Route, control: Control, folder: Path) -> None:
        """Given its name in tests, the user there, the way to it, its control, a private folder for sockets."""
        self.name = name
        self.user = user
        self.route = route
        self._connection = Connection(route, folder)
        self._control = control

    @property
    def host(self) -> str:
        """What the other machine calls it: the argument of `pc-switcher sync`."""
        return self.route.host

    def __repr__(self) -> str:
        return f"<LabMachine {self.name}>"

    def run(
        self,
        argv: Sequence[Argument],
        *,
        check: bool = True,
        timeout: float = 60,
        input: bytes | None = None,  # noqa: A002 -- the word of subprocess.run
        tty: bool = False,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program as the user and wait for its end.

        Given an argument list, of which any argument may be bytes; a limit in seconds; bytes for its standard
        input; tty for a terminal there. Raises RemoteError when check is set and it ends with an error,
        subprocess.TimeoutExpired when it takes longer.
        """
        done = self._connection.run(argv, timeout=timeout, stdin=input, tty=tty)
        if check and done.returncode != 0:
            raise RemoteError(self.name, str(done.args[-1]), done)
        return done

    def sudo(
        self,
        argv: Sequence[Argument],
        *,
        check: bool = True,
        timeout: float = 60,
        input: bytes | None = None,  # noqa: A002 -- the word of subprocess.run
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program as root, by sudo; else as run."""
        return self.run(["sudo", "-n", "--", *argv], check=check, timeout=timeout, input=input)

    def popen(self, argv: Sequence[Argument], *, tty: bool = False) -> subprocess.Popen[bytes]:
        """Start a program as the user, with pipes, over an ssh connection of its own; the caller ends it."""
        return self._connection.popen(argv, tty=tty)

    def write(self, path: Argument, content: bytes, mode: int = 0o644, *, sudo: bool = False) -> None:
        """Write a file there, its folders made when missing; owned by the user, or by root with sudo."""
        script = 'mkdir -p -- "$(dirname -- "$1")" && cat >"$1" && chmod -- "$2" "$1"'
        run = self.sudo if sudo else self.run
        run(["sh", "-c", script, "sh", path, f"{mode:o}"], input=content)

    def read(self, path: Argument, *, sudo: bool = False) -> bytes:
        """The content of a file there, read as the user, or as root with sudo."""
        return (self.sudo if sudo else self.run)(["cat", "--", path]).stdout

    def put(self, local: Path, remote: str, mode: int = 0o755) -> None:
        """Copy a file from here to there, owned by root, whole or not at all."""
        unfinished = f"{remote}.unfinished"
        self.write(unfinished, local.read_bytes(), mode, sudo=True)
        self.sudo(["mv", "-T", "--", unfinished, remote])

    def processes(self, pattern: str) -> list[RunningProcess]:
        """Processes there whose command line has a match of the regular expression."""
        listed = self.run(["ps", "-e", "-ww", "-o", "pid=,args="]).stdout.decode(errors="surrogateescape")
        found: list[RunningProcess] = []
        for line in listed.splitlines():
            number, _, command = line.strip().partition(" ")
            if re.search(pattern, command):
                found.append(RunningProcess(int(number), command))
        return found

    def answers(self) -> bool:
        """Whether a command can be run there now, asked over a fresh connection."""
        process = self._connection.popen(["true"], tty=False, options=["-o", "ConnectTimeout=3"])
        try:
            process.communicate(timeout=12)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        return process.returncode == 0

    def check_marker(self) -> None:
        """Raise LabError unless the machine carries the lab's marker: nothing may be broken on others."""
        if self.run(["test", "-s", str(MARKER)], check=False).returncode != 0:
            raise LabError(
                f"{self.host} has no {MARKER}: tests that change a machine refuse it",
                f"if it is a machine made for tests: echo test | sudo tee {MARKER}",
            )

    def cut(self) -> None:
        """Pull the network cable."""
        self._control.act("cut")

    def join(self) -> None:
        """Plug the network cable in again."""
        self._control.act("join")
        self.disconnect()

    def freeze(self) -> None:
        """Suspend it: every process stands still."""
        self._control.act("freeze")

    def thaw(self) -> None:
        """Let a frozen machine go on."""
        self._control.act("thaw")
        self.disconnect()

    def power_off(self, *, start: bool = False) -> None:
        """Cut the power: what was not on the disk is lost. With start, it boots again."""
        self._control.act("power-off", *(["--start"] if start else []))
        self.disconnect()

    def kill(self) -> None:
        """End all its processes at once; unwritten data survives."""
        self._control.act("kill")
        self.disconnect()

    def start(self) -> None:
        """Boot it when it is off, mend its cable, and wait until it is ready."""
        self._control.act("up")
        self.disconnect()

    def reset(self) -> None:
        """Put its disk back to the baseline and boot it."""
        self._control.act("reset")
        self.disconnect()

    def limit_bandwidth(self, megabits: float) -> None:
        """Limit what flows towards it, in megabits per second; 0 ends it."""
        self._control.act("slow", str(megabits))

    def lose_packets(self, percent: int) -> None:
        """Lose so many per cent of its packets in each direction; 0 ends it."""
        self._control.act("lose", str(percent))

    def reboot(self, *, timeout: float = 300) -> None:
        """Reboot it from inside and wait until it is ready again. Raises LabError after timeout seconds."""
        before = self._boot_mark()
        self.sudo(["systemctl", "reboot"], check=False)
        self.disconnect()
        deadline = time.monotonic() + timeout
        while self._boot_mark_or_none() in {None, before}:
            self.disconnect()
            if time.monotonic() > deadline:
                raise LabError(f"{self.name} has not come back from a reboot after {timeout:g} s")
            time.sleep(0.1)
        self.run(["systemctl", "is-system-running", "--wait"], check=False, timeout=timeout)

    def disconnect(self) -> None:
        """Let go of the kept connection; the next command makes a new one."""
        self._connection.close()

    def _boot_mark(self) -> bytes:
        """Something that is another after each boot. A lab PC shares its kernel's boot id, not its first process."""
        words = self.run(["cat", "/proc/sys/kernel/random/boot_id", "/proc/1/stat"], timeout=10).stdout.split()
        return words[0] + b" " + words[22]

    def _boot_mark_or_none(self) -> bytes | None:
        try:
            return self._boot_mark()
        except (RemoteError, subprocess.TimeoutExpired):
            return None
