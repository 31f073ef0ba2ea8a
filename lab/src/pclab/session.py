"""One run of tests and the machines it uses: brought up, locked, reset, given back."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from pclab import control, host, locks, real
from pclab.connection import lab_route
from pclab.control import LabControl
from pclab.errors import HostUnfitError, LabError
from pclab.machine import LabMachine
from pclab.names import DEFAULT_PCS, USER, LabNames, Pc

Say = Callable[[str], None]


class LabSession:
    """The machines of one run of tests."""

    def __init__(self, machines: Sequence[LabMachine], names: LabNames | None, resources: ExitStack) -> None:
        """Given the machines, the lab's names (None for real machines) and what to give back at the end."""
        self.machines: Mapping[str, LabMachine] = {machine.name: machine for machine in machines}
        self.names = names
        self._resources = resources

    def machine(self, name: str) -> LabMachine:
        """The machine of that name. Raises LabError when this run has none."""
        if name not in self.machines:
            raise LabError(f"this run has no {name}, only {', '.join(self.machines)}")
        return self.machines[name]

    def reset(self, names: Sequence[str] | None = None) -> None:
        """Put machines back to their baseline, those of these names or all, and boot them."""
        chosen = [self.machine(name) for name in (names if names is not None else self.machines)]
        if self.names is None:
            for machine in chosen:
                machine.reset()
            return
        for machine in chosen:
            machine.disconnect()
        control.carry_out(self.names, ["reset", *(machine.name for machine in chosen)])

    def close(self) -> None:
        """Let go of the machines; they stay up."""
        for machine in self.machines.values():
            machine.disconnect()
        self._resources.close()


def lab_problem() -> str | None:
    """Why this box, or this user, cannot have a lab; None when it can."""
    found = host.problems()
    if os.geteuid() != 0 and not _sudo_without_password():
        found.insert(0, "neither root nor passwordless sudo")
    return f"no lab here: {'; '.join(found)}" if found else None


def open_lab(names: LabNames, pcs: Sequence[Pc], wait: float, say: Say) -> LabSession:
    """Bring a lab up and take it for this run. Raises HostUnfitError or LabError.

    Given its names, the PCs beside atlas and vega, how many seconds to wait for another run, where to say it.
    """
    problem = lab_problem()
    if problem:
        raise HostUnfitError(problem, "install the packages in lab/packages.txt, and run as root")
    with ExitStack() as stack:
        lock = names.session_lock
        if not lock.exists():
            sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
            subprocess.run([*sudo, "install", "-D", "-m", "0666", "/dev/null", str(lock)], check=True)
        stack.enter_context(locks.held(lock, holder=f"tests of {real.holder()}", wait=wait, say=say))
        chosen = [*DEFAULT_PCS, *(pc for pc in pcs if pc not in DEFAULT_PCS)]
        control.carry_out(names, ["up", *chosen], timeout=900)
        folder = _socket_folder(stack)
        machines = [LabMachine(pc, USER, lab_route(names, pc), LabControl(names, pc), folder) for pc in chosen]
        return _checked(machines, names, stack)


def open_real(chosen: real.RealMachines) -> LabSession:
    """Check two real machines and take them for this run. Raises RealMachineError."""
    real.check(chosen)
    with ExitStack() as stack:
        machines = real.machines(chosen, _socket_folder(stack))
        lock = real.MachineLock(machines[0].route)
        stack.callback(lock.release)
        lock.take()
        machines[0].after_reboot = lock.take
        return _checked(machines, None, stack)


def _checked(machines: Sequence[LabMachine], names: LabNames | None, stack: ExitStack) -> LabSession:
    for machine in machines:
        stack.callback(machine.disconnect)
        machine.check_marker()
    return LabSession(machines, names, stack.pop_all())


def _socket_folder(stack: ExitStack) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="pclab-"))  # short: a socket's path has at most 107 bytes (unix(7))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _sudo_without_password() -> bool:
    if not shutil.which("sudo"):
        return False
    return subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
