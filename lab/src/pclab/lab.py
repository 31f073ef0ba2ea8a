"""A whole lab: up, reset, down."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pclab import cgroup, disk, faults, golden, host, keys, leftovers, locks, network, ssh
from pclab.errors import LabError, WrongUsageError
from pclab.names import LabNames, Pc, Suite
from pclab.pc import LabPc, Power, Specification

Say = Callable[[str], None]
DEFAULT_SIZE = 16 * 1024**3
_NOT_THERE = frozenset({Power.ABSENT, Power.UNFINISHED})


@dataclass(frozen=True)
class PcStatus:
    """What is known of one PC from outside."""

    pc: Pc
    power: Power
    address: str
    suite: Suite | None
    link_up: bool | None


@dataclass(frozen=True)
class Lab:
    """One lab on this box. Given its names and where progress is said."""

    names: LabNames
    say: Say
    started: float = field(default_factory=time.monotonic)

    def pc(self, pc: Pc) -> LabPc:
        """One of its PCs."""
        return LabPc(self.names, pc)

    def up(self, pcs: Sequence[Pc], suite: Suite | None = None, size: int | None = None) -> None:
        """Bring PCs into working order: made, booted, cable plugged in, not frozen, no faults. Waits until so.

        Given the suite and the disk size in bytes for PCs that are made now (trixie and 16 GiB when None).
        Raises WrongUsageError when a PC exists with another suite or size.
        """
        host.require()
        with self._alone():
            for pc in pcs:
                self._refuse_other_specification(pc, suite, size)
            missing = [pc for pc in pcs if not self._is_current(pc)]
            if missing:
                chosen = suite or Suite.TRIXIE
                self._create(missing, Specification(chosen, size or DEFAULT_SIZE, golden.recipe(chosen)))
            self._each([pc for pc in pcs if pc not in missing], self._bring_up)

    def start(self, pcs: Sequence[Pc]) -> None:
        """Boot PCs that are off, and wait until they are ready."""
        self._each(pcs, self._start)

    def reset(self, pcs: Sequence[Pc], *, start: bool = True) -> None:
        """Put the disks of PCs back to their baseline, all at once, and boot them unless start is off."""
        with self._alone():
            self._each(pcs, lambda pc: self._reset(pc, start=start))

    def power_off(self, pc: Pc, *, start: bool = False) -> None:
        """Cut the power of one PC; with start, it boots again."""
        with self._alone():
            self.pc(pc).power_off()
            if start:
                self._start(pc)

    def kill(self, pc: Pc) -> None:
        """End every process of a PC at once."""
        with self._alone():
            self.pc(pc).kill()

    def down(self) -> None:
        """Leave nothing of this lab but its keys: no process, mount, loop device, namespace, group or memory.

        Fine when there is nothing, half a lab, or a stale one.
        """
        with self._alone():
            cgroup.ControlGroup(cgroup.cgroup2_root() / self.names.cgroup).kill()
            network.end_processes(self.names)
            disk.Pool(self.names).remove()
            network.remove_all(self.names)
            host.remove_folder(self.names.run_directory)
            left = leftovers.find(self.names)
        if left:
            raise LabError(f"lab {self.names.run_id} left something: {'; '.join(left)}", "end it, then: lab down")
        self.say("nothing is left")

    def status(self) -> list[PcStatus]:
        """What every PC is doing."""
        return [self._status(pc) for pc in Pc]

    def existing(self) -> list[Pc]:
        """PCs that are ready to be used or started."""
        return [pc for pc in Pc if self.pc(pc).power not in _NOT_THERE]

    def _create(self, pcs: Sequence[Pc], wanted: Specification) -> None:
        tarball = golden.tarball(wanted.suite, self.step)
        self.step(f"golden {wanted.suite} is there")
        disk.Pool(self.names).create()
        keys.create(self.names)
        ssh.write_config(self.names)
        network.create_switch(self.names)
        self._each(pcs, lambda pc: self._make(pc, tarball, wanted))

    def _is_current(self, pc: Pc) -> bool:
        """Whether a PC is there, and made from what would be taken today."""
        machine = self.pc(pc)
        if machine.power in _NOT_THERE:
            return False
        made_from = machine.specification
        if made_from.recipe == golden.recipe(made_from.suite):
            return True
        self.step(f"{pc} was made from an older recipe, so it is made again")
        return False

    def _make(self, pc: Pc, tarball: Path, wanted: Specification) -> None:
        self.pc(pc).create(tarball, wanted)
        self.step(f"{pc} is made: {wanted.suite}, baseline kept")
        self._start(pc)

    def _bring_up(self, pc: Pc) -> None:
        machine = self.pc(pc)
        if machine.power is Power.OFF:
            self._start(pc)
            return
        if machine.power is Power.FROZEN:
            machine.freeze(frozen=False)
        machine.set_link(up=True)
        faults.clear(self.names, pc)
        ssh.wait_for_answer(self.names, pc, 60)
        self.step(f"{pc} is up")

    def _start(self, pc: Pc) -> None:
        machine = self.pc(pc)
        if machine.power is Power.OFF:
            machine.start()
            machine.wait_ready()
        self.step(f"{pc} is up")

    def _reset(self, pc: Pc, *, start: bool) -> None:
        self.pc(pc).reset()
        if start:
            self._start(pc)
        else:
            self.step(f"{pc} is reset and off")

    def _status(self, pc: Pc) -> PcStatus:
        machine = self.pc(pc)
        power = machine.power
        made = power not in _NOT_THERE
        return PcStatus(
            pc=pc,
            power=power,
            address=pc.address,
            suite=machine.specification.suite if made else None,
            link_up=network.link_is_up(self.names, pc) if made and os.geteuid() == 0 else None,
        )

    def _refuse_other_specification(self, pc: Pc, suite: Suite | None, size: int | None) -> None:
        machine = self.pc(pc)
        if machine.power in _NOT_THERE:
            return
        there = machine.specification
        if (suite and suite is not there.suite) or (size and size != there.size):
            raise WrongUsageError(
                f"{pc} exists with {there.suite} and {there.size >> 20} MiB", "lab down, or take another --run-id"
            )

    def step(self, text: str) -> None:
        """Say what is done, and how many seconds after the start."""
        self.say(f"{time.monotonic() - self.started:6.1f} s  {text}")

    def _each(self, pcs: Iterable[Pc], action: Callable[[Pc], None]) -> None:
        chosen = list(pcs)
        if not chosen:
            return
        with ThreadPoolExecutor(len(chosen)) as pool:
            futures = [pool.submit(action, pc) for pc in chosen]
        failures = [error for error in (future.exception() for future in futures) if error]
        if len(failures) > 1 and all(isinstance(error, LabError) for error in failures):
            raise LabError("\n".join(str(error) for error in failures))
        if failures:
            raise failures[0]

    @contextmanager
    def _alone(self) -> Generator[None]:
        self.names.run_directory.mkdir(parents=True, exist_ok=True)
        with locks.held(self.names.lock, holder=f"lab, process {os.getpid()}", wait=600, say=self.say):
            yield
