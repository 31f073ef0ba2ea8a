"""A kept SSH connection from the tests to one machine, so that each command takes milliseconds."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pclab import ssh
from pclab.names import LabNames, Pc

Argument = str | bytes

_START_LIMIT = 20.0


class RemoteError(subprocess.CalledProcessError):
    """A program on a machine ended with an error. Its text shows the command and what it said."""

    def __init__(self, host: str, line: str, done: subprocess.CompletedProcess[bytes]) -> None:
        super().__init__(done.returncode, line, done.stdout, done.stderr)
        self.host = host

    def __str__(self) -> str:
        said = b"\n".join(part[-4000:] for part in (self.stdout, self.stderr) if part)
        return f"on {self.host}: `{self.cmd}` ended with {self.returncode}\n{said.decode(errors='backslashreplace')}"


@dataclass(frozen=True)
class Route:
    """How a machine is reached: the name for messages, and the ssh command up to its options and from the host on."""

    host: str
    program: tuple[str, ...]
    destination: str

    def command(self, *options: str) -> list[str]:
        """An ssh command, ready for the remote command line to follow."""
        return [*self.program, *options, self.destination, "--"]


def lab_route(names: LabNames, pc: Pc) -> Route:
    """The way to a PC of the lab, through the switch's namespace; by sudo when we are not root."""
    sudo = () if os.geteuid() == 0 else ("sudo", "-n")
    program = (*sudo, *ssh.in_switch(names), "ssh", "-F", str(ssh.config_path(names)))
    return Route(pc.value, program, pc.value)


def real_route(host: str, user: str) -> Route:
    """The way to a real machine: the developer's own ssh with its settings, keys and known hosts."""
    return Route(host, ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-l", user), host)


def command_line(argv: Sequence[Argument]) -> str:
    """One line for the remote shell that gives exactly this argument list. Names may be any bytes."""
    return shlex.join(os.fsdecode(argument) for argument in argv)


class Connection:
    """A master connection (ssh -M) to one machine, made when first needed and again when it is lost."""

    def __init__(self, route: Route, folder: Path) -> None:
        """Given the way to the machine and a private folder for the control socket."""
        self.route = route
        self._socket = folder / route.host[:40]
        self._master: subprocess.Popen[bytes] | None = None

    def run(
        self, argv: Sequence[Argument], *, timeout: float, stdin: bytes | None, tty: bool
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program there to its end. Raises subprocess.TimeoutExpired; the program may go on there then."""
        self._ensure_master()
        command = self.route.command("-S", str(self._socket), "-tt" if tty else "-T")
        return subprocess.run(
            [*command, command_line(argv)], input=stdin or b"", capture_output=True, timeout=timeout, check=False
        )

    def popen(self, argv: Sequence[Argument], *, tty: bool, options: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        """Start a program there over a connection of its own, with pipes; options are more options for ssh."""
        pipe = subprocess.PIPE
        command = self.route.command(*options, "-S", "none", "-tt" if tty else "-T")
        return subprocess.Popen([*command, command_line(argv)], stdin=pipe, stdout=pipe, stderr=pipe)

    def close(self) -> None:
        """Let go of the connection; the next run makes a new one."""
        master, self._master = self._master, None
        if master is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(
                    self.route.command("-S", str(self._socket), "-O", "exit")[:-1],
                    capture_output=True,
                    timeout=5,
                    check=False,
                )
            try:
                master.wait(2)
            except subprocess.TimeoutExpired:
                master.kill()
                master.wait()
        self._socket.unlink(missing_ok=True)

    def _ensure_master(self) -> None:
        if self._master is not None and self._master.poll() is None:
            return
        self.close()
        deadline = time.monotonic() + _START_LIMIT
        while not self._start_master(deadline):
            time.sleep(0.1)

    def _start_master(self, deadline: float) -> bool:
        """Start a master and wait for its socket. False when it ended but there is time for another try."""
        command = self.route.command("-S", str(self._socket), "-M", "-N")[:-1]
        master = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert master.stderr is not None
        while not self._socket.exists():
            if master.poll() is not None:
                said = master.stderr.read()
                master.stderr.close()
                if time.monotonic() > deadline:
                    failed = subprocess.CompletedProcess(command, master.returncode, b"", said)
                    raise RemoteError(self.route.host, shlex.join(command), failed)
                return False
            time.sleep(0.01)
        master.stderr.close()
        self._master = master
        return True
