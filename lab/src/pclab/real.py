"""Two real machines in the place of the lab: which, whether they are prepared, and who uses them."""

from __future__ import annotations

import enum
import getpass
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pclab.connection import Route, command_line, real_route
from pclab.errors import LabError, RealMachineError
from pclab.machine import LabMachine

DATA = Path(__file__).parent / "data"
LOCK = "/run/pc-switcher-test.lock"
_PYTHON = ("sudo", "-n", "python3", "-c")


class Variable(enum.StrEnum):
    """The environment variables that name the two machines. None has a default."""

    PC1 = "PC_SWITCHER_TEST_PC1_HOST"
    PC2 = "PC_SWITCHER_TEST_PC2_HOST"
    USER = "PC_SWITCHER_TEST_USER"


@dataclass(frozen=True)
class RealMachines:
    """Hosts of the two machines (anything ssh understands), and the user on both."""

    pc1: str
    pc2: str
    user: str


def from_environment(environment: Mapping[str, str]) -> RealMachines | None:
    """The machines the environment names; None when it names none.

    Raises RealMachineError with the names of those that are missing when only some are set, or when both are
    the same.
    """
    values = {variable: environment.get(variable, "").strip() for variable in Variable}
    if not any(values.values()):
        return None
    missing = [variable.value for variable, value in values.items() if not value]
    if missing:
        raise RealMachineError(
            f"{' and '.join(missing)} must be set too: tests on real machines have no defaults",
            "set all of " + ", ".join(Variable) + ", or none to use the lab",
        )
    if values[Variable.PC1] == values[Variable.PC2]:
        raise RealMachineError(f"{Variable.PC1} and {Variable.PC2} are both {values[Variable.PC1]}", "name two")
    return RealMachines(values[Variable.PC1], values[Variable.PC2], values[Variable.USER])


@dataclass(frozen=True)
class Probe:
    """What a machine says of itself (data/probe.py)."""

    python: tuple[int, int]
    programs_missing: tuple[str, ...]
    marker: bool
    subvolumes: Mapping[str, str]
    baseline: tuple[str, ...]

    @classmethod
    def from_json(cls, text: str) -> Probe:
        """As printed by data/probe.py."""
        entry = json.loads(text)
        return cls(
            python=(int(entry["python"][0]), int(entry["python"][1])),
            programs_missing=tuple(str(name) for name in entry["programs_missing"]),
            marker=bool(entry["marker"]),
            subvolumes={str(place): str(name) for place, name in entry["subvolumes"].items()},
            baseline=tuple(str(name) for name in entry["baseline"]),
        )


def unprepared(probe: Probe) -> list[str]:
    """Everything that is missing on a machine before tests may run there; empty when it is prepared."""
    found: list[str] = []
    if probe.python < (3, 11):
        found.append(f"python3 is {probe.python[0]}.{probe.python[1]}, needed is 3.11")
    found += [f"{name} is missing" for name in probe.programs_missing]
    if not probe.marker:
        found.append("the marker /etc/pc-switcher-lab is missing (tests change and reset the machine)")
    for place, wanted in {"/": "@", "/home": "@home", "/.snapshots": "@snapshots"}.items():
        there = probe.subvolumes.get(place)
        if there != wanted:
            found.append(f"{place} is {there or 'not a btrfs mount'}, not the btrfs subvolume {wanted}")
    found += [
        f"the baseline snapshot /.snapshots/baseline/{name} is missing"
        for name in ("@", "@home")
        if name not in probe.baseline
    ]
    return found


def look_at(route: Route) -> list[str]:
    """What keeps tests from running on a machine, each with its host; empty when it is reachable and prepared."""
    script = (DATA / "probe.py").read_text()
    argv = [*route.command(), command_line([*_PYTHON, script])]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        return [f"{route.host}: does not answer within 30 s"]
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode == 255:
        return [f"{route.host}: cannot be reached over ssh without a question: {said}"]
    if done.returncode != 0:
        return [f"{route.host}: passwordless sudo with python3 fails: {said}"]
    return [f"{route.host}: {problem}" for problem in unprepared(Probe.from_json(done.stdout.decode()))]


def check(machines: RealMachines) -> None:
    """Raise RealMachineError with every problem of both machines together."""
    routes = [real_route(host, machines.user) for host in (machines.pc1, machines.pc2)]
    problems = [problem for route in routes for problem in look_at(route)]
    if problems:
        raise RealMachineError(
            "the machines are not ready for tests:\n  " + "\n  ".join(problems), "docs/lab.md, Real machines"
        )


def holder() -> str:
    """Who we are, for others who wait: user, host, process and time."""
    since = time.strftime("%Y-%m-%d %H:%M:%S %z")
    return f"{getpass.getuser()} on {socket.gethostname()} (process {os.getpid()}), since {since}"


class MachineLock:
    """The lock that keeps two users of the real machines apart; a process on the first machine holds it."""

    def __init__(self, route: Route) -> None:
        """Given the way to the first machine."""
        self._route = route
        self._process: subprocess.Popen[bytes] | None = None

    def take(self) -> None:
        """Take it. Raises RealMachineError, naming the holder, when somebody else has it.

        It is gone with its ssh connection, however that ends: the process there ends when its input closes.
        """
        self.release()
        script = (DATA / "hold_lock.py").read_text()
        remote = command_line([*_PYTHON, script, LOCK, holder()])
        argv = [*self._route.command("-o", "ServerAliveInterval=5", "-o", "ControlPath=none"), remote]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._process = process
        assert process.stdout is not None
        said = process.stdout.readline().decode(errors="replace").strip()
        if said != "held":
            self.release()
            raise RealMachineError(
                f"the machines are in use: {said or f'the lock on {self._route.host} cannot be taken'}",
                "wait for that run to end",
            )

    def release(self) -> None:
        """Give it back; fine if it is not held."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class RealControl:
    """Control of a real machine: it has no power switch or cable of ours."""

    host: str

    def act(self, command: str, *options: str) -> None:
        """Refuse: raises LabError."""
        raise LabError(f"{self.host} is a real machine: {command} is for the lab alone", "mark the test lab_only")


class RealMachine(LabMachine):
    """A real machine. Its reset puts the baseline snapshots back and reboots."""

    after_reboot: Callable[[], None] | None = None
    """What to do when it is back from a reboot: the first machine's lock went with it and is taken again."""

    def reset(self) -> None:
        """Put `/.snapshots/baseline` back as `@` and `@home`, reboot, and clear all other snapshots."""
        self.check_marker()
        script = (DATA / "put_back.py").read_text()
        self.run([*_PYTHON, script, "swap"], timeout=300)
        self.reboot()
        self.run([*_PYTHON, script, "clean"], timeout=300)

    def reboot(self, *, timeout: float = 300) -> None:
        """Reboot it from inside and wait until it is ready again. Raises LabError after timeout seconds."""
        super().reboot(timeout=timeout)
        if self.after_reboot is not None:
            self.after_reboot()


def machines(chosen: RealMachines, folder: Path) -> Sequence[RealMachine]:
    """The two machines as the tests know them, atlas and vega. Given a private folder for sockets."""
    return [
        RealMachine(name, chosen.user, real_route(host, chosen.user), RealControl(host), folder)
        for name, host in (("atlas", chosen.pc1), ("vega", chosen.pc2))
    ]
