"""One PC of a lab: made, started, stopped, broken and put back."""

from __future__ import annotations

import enum
import json
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pclab import cgroup, disk, faults, namespace, network, programs, ssh
from pclab.errors import NotReadyError, WrongUsageError
from pclab.names import LabNames, Pc, Suite


class Power(enum.StrEnum):
    """What a PC is doing."""

    ABSENT = "absent"
    UNFINISHED = "unfinished"
    OFF = "off"
    ON = "on"
    FROZEN = "frozen"


@dataclass(frozen=True)
class Specification:
    """What a PC's disk is made from."""

    suite: Suite
    size: int
    recipe: str

    def to_json(self) -> str:
        """As kept beside the disk."""
        return json.dumps({"suite": self.suite.value, "size": self.size, "recipe": self.recipe})

    @classmethod
    def from_json(cls, text: str) -> Specification:
        """As read back."""
        entry: dict[str, str] = json.loads(text)
        return cls(Suite(entry["suite"]), int(entry["size"]), entry["recipe"])


@dataclass(frozen=True)
class LabPc:
    """One PC of one lab."""

    names: LabNames
    pc: Pc

    @property
    def group(self) -> cgroup.ControlGroup:
        """The control group in which all of the PC lives."""
        return cgroup.ControlGroup(cgroup.cgroup2_root() / self.names.cgroup / self.pc.value)

    @property
    def power(self) -> Power:
        """What the PC is doing."""
        if self.names.baseline(self.pc).exists():
            group = self.group
            if not group.populated:
                return Power.OFF
            return Power.FROZEN if group.frozen else Power.ON
        return Power.UNFINISHED if self.names.image(self.pc).exists() else Power.ABSENT

    @property
    def specification(self) -> Specification:
        """What its disk was made from."""
        return Specification.from_json(self.names.specification(self.pc).read_text())

    def create(self, tarball: Path, specification: Specification) -> None:
        """Make the disk, boot it once, stop it cleanly and keep that as the baseline.

        The first boot gives it its machine id. The baseline appears last and whole: it is what ready means.
        """
        self.kill()
        self.names.baseline(self.pc).unlink(missing_ok=True)
        network.create_port(self.names, self.pc)
        self.group.create()
        image = self.names.image(self.pc)
        disk.make_file_system(image, specification.size)
        # Attached here and not in the private namespace: from outside, its file would have another name there.
        device = disk.attach(image)
        arguments = (self.names.run_id, self.pc.value, str(tarball), device)
        programs.run(namespace.privately("pclab.provision", *arguments), timeout=300)
        disk.detach(image)
        self.start()
        self.wait_ready()
        self.stop()
        self.names.specification(self.pc).write_text(specification.to_json())
        disk.clone(self.names.image(self.pc), self.names.baseline(self.pc))

    def start(self) -> None:
        """Boot the PC from its disk, with its cable plugged in. It must be off."""
        network.create_port(self.names, self.pc)
        network.set_link(self.names, self.pc, up=True)
        image = self.names.image(self.pc)
        disk.detach(image)
        device = disk.attach(image)
        self.group.create()
        self.names.root(self.pc).mkdir(parents=True, exist_ok=True)
        with open(self.names.console(self.pc), "ab") as console:
            subprocess.Popen(
                namespace.privately("pclab.supervisor", self.names.run_id, self.pc.value, device),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )

    def wait_ready(self, seconds: float = 60) -> None:
        """Wait until ssh answers and systemd says `running`. Raises NotReadyError, naming failed units."""
        ssh.wait_for_answer(self.names, self.pc, seconds)
        asked = programs.run(
            [*ssh.command(self.names, self.pc), "systemctl is-system-running --wait"], timeout=seconds, check=False
        )
        state = asked.stdout.decode().strip()
        if state != "running":
            failed = programs.run([*ssh.command(self.names, self.pc), "systemctl --failed --plain"], check=False)
            said = (failed.stdout + asked.stderr).decode(errors="replace").strip()
            raise NotReadyError(f"{self.pc} is {state or 'not reachable'}, not running:\n{said}", f"lab ssh {self.pc}")

    def stop(self) -> None:
        """Shut the PC down cleanly, as its power button does."""
        for process in self._init_processes():
            os.kill(process, signal.SIGRTMIN + 3)
        self.group.wait_empty(60)
        self.kill()

    def kill(self) -> None:
        """End every process of the PC at once; fine if it is off. The page cache survives: no power loss."""
        self.group.kill()
        disk.detach(self.names.image(self.pc))

    def power_off(self) -> None:
        """Cut the power: only what had reached the disk at this instant is there at the next start."""
        self._refuse_unless_ready()
        image = self.names.image(self.pc)
        crash = image.with_suffix(".crash")
        network.set_link(self.names, self.pc, up=False)
        disk.clone(image, crash)
        self.kill()
        os.replace(crash, image)

    def reset(self) -> None:
        """Put the whole disk back to the baseline: `@`, `@home` and an empty `/.snapshots`. Leaves the PC off."""
        self._refuse_unless_ready()
        self.kill()
        faults.clear(self.names, self.pc)
        disk.clone(self.names.baseline(self.pc), self.names.image(self.pc))

    def freeze(self, *, frozen: bool) -> None:
        """Suspend the PC with all its processes, or let it go on."""
        if self.power not in {Power.ON, Power.FROZEN}:
            raise WrongUsageError(f"{self.pc} is {self.power}", f"lab up {self.pc}")
        self.group.freeze(frozen=frozen)

    def set_link(self, *, up: bool) -> None:
        """Plug the network cable in, or pull it."""
        self._refuse_unless_ready()
        network.set_link(self.names, self.pc, up=up)

    def limit_bandwidth(self, megabits: float) -> None:
        """Limit what flows towards the PC, in megabits per second; 0 ends it."""
        self._refuse_unless_ready()
        faults.limit_bandwidth(self.names, self.pc, megabits)

    def lose_packets(self, percent: int) -> None:
        """Lose so many per cent of its packets in each direction; 0 ends it."""
        self._refuse_unless_ready()
        faults.lose_packets(self.names, self.pc, percent)

    def _refuse_unless_ready(self) -> None:
        if not self.names.baseline(self.pc).exists():
            raise WrongUsageError(f"{self.pc} of lab {self.names.run_id} is not there", f"lab up {self.pc}")

    def _init_processes(self) -> list[int]:
        return [process for process in self.group.processes() if is_init(_status(process))]


def is_init(status: str) -> bool:
    """Whether the text of /proc/PID/status is of a process that is number 1 one namespace below ours."""
    for line in status.splitlines():
        if line.startswith("NSpid:"):
            numbers = line.split()[1:]
            return len(numbers) == 2 and numbers[-1] == "1"
    return False


def _status(process: int) -> str:
    try:
        return Path(f"/proc/{process}/status").read_text()
    except OSError:
        return ""
