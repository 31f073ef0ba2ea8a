"""Measuring: PC-switcher and plain rsync carry the same home over the same cable, each to a target of its own."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pclab import compare, product
from pclab.demo import EXCLUDED, HOME, fresh, manifest
from pclab.errors import LabError
from pclab.machine import LabMachine
from pclab.names import Pc
from pclab.session import LabSession

RSYNC_TARGET = "/srv/bench/home"
RSYNC_OPTIONS = ("-aAXHS", "--numeric-ids", "--delete")
_LIMIT = 1_800.0
_NETWORK_CARD = "/sys/class/net/eth0/statistics"


class Engine(StrEnum):
    """Who carries the home."""

    OURS = "pc-switcher"
    RSYNC = "rsync"


class Task(StrEnum):
    """What there is to carry: everything, a day of work, or nothing."""

    FULL = "full"
    DAILY = "daily"
    NOTHING = "no change"


@dataclass(frozen=True)
class Sample:
    """One measurement: wall seconds seen from outside, and bytes over the source's network card, both ways."""

    files: int
    round: int
    task: Task
    engine: Engine
    seconds: float
    bytes_over_network: int


@dataclass(frozen=True)
class Course:
    """How to measure: numbers of files, rounds of each, MiB of the VM disk (0: none), caches emptied before each."""

    sizes: tuple[int, ...]
    rounds: int
    image: int
    cold: bool


@dataclass(frozen=True)
class Bench:
    """The two PCs, and where progress is said."""

    session: LabSession
    bundle: Path
    course: Course
    say: Callable[[str], None]

    @property
    def atlas(self) -> LabMachine:
        """The source of both."""
        return self.session.machine(Pc.ATLAS)

    @property
    def vega(self) -> LabMachine:
        """The target of both: of ours its /home, of rsync a folder of its own."""
        return self.session.machine(Pc.VEGA)

    def run(self) -> list[Sample]:
        """Every round of every size. Raises LabError when a sync fails, or when ours is not exact."""
        return [
            sample
            for files in self.course.sizes
            for number in range(1, self.course.rounds + 1)
            for sample in self._round(files, number)
        ]

    def _round(self, files: int, number: int) -> list[Sample]:
        """All three tasks from a fresh start; who goes first changes from round to round."""
        self._prepare(files)
        engines = list(Engine)[:: 1 if number % 2 else -1]
        samples: list[Sample] = []
        for task in Task:
            if task is Task.DAILY:
                self.atlas.sudo(product.tool("home", "edit", HOME, "--seed", str(100 + number)), timeout=_LIMIT)
            for engine in engines:
                sample = self._measure(files, number, task, engine)
                samples.append(sample)
                self.say(
                    f"{files:>7} files, round {number}, {task:<9} {engine:<11} {sample.seconds:8.2f} s"
                    f" {sample.bytes_over_network / 1e6:10.1f} MB"
                )
        if number == 1:
            self._prove()
        return samples

    def _prepare(self, files: int) -> None:
        self.say(f"{files:>7} files: fresh PCs and a home on atlas")
        fresh(self.session)
        product.install(self.atlas, self.bundle)
        for machine in (self.atlas, self.vega):
            product.carry_tools(machine)
        self.vega.sudo(["mkdir", "-p", RSYNC_TARGET])
        options = ["--seed", "7", "--files", str(files), "--image", str(self.course.image), "--user", self.atlas.user]
        self.atlas.sudo(product.tool("home", "make", HOME, *options), timeout=_LIMIT)

    def _measure(self, files: int, number: int, task: Task, engine: Engine) -> Sample:
        self._settle()
        command = self._ours(task) if engine is Engine.OURS else self._rsync()
        before = self._network_bytes()
        start = time.monotonic()
        done = self.atlas.run(command, check=False, timeout=_LIMIT)
        seconds = time.monotonic() - start
        if done.returncode != 0:
            said = (done.stderr or done.stdout)[-2_000:].decode(errors="replace")
            raise LabError(f"{engine} ({task}, {files} files) ended with status {done.returncode}: {said}")
        return Sample(files, number, task, engine, seconds, self._network_bytes() - before)

    def _ours(self, task: Task) -> list[str]:
        gates = ["--allow", "first-sync"] if task is Task.FULL else []
        return [product.COMMAND, "sync", self.vega.host, "--yes", "--plain", *gates]

    def _rsync(self) -> list[str]:
        """The usual way: root on both ends through sudo, over sam's own ssh, with the key and host keys of the PCs."""
        return [
            *("sudo", "-n", "rsync", *RSYNC_OPTIONS, "-e", f"ssh -i {HOME}/.ssh/id_ed25519"),
            *("--rsync-path=sudo -n rsync", "/home/", f"{self.vega.user}@{self.vega.host}:{RSYNC_TARGET}/"),
        ]

    def _settle(self) -> None:
        """Write out what is pending; then, for a cold course, let the kernel of both PCs forget what it read."""
        for machine in (self.atlas, self.vega):
            machine.sudo(["sync"])
        if self.course.cold:
            # The PCs of the lab share this box's kernel, and may not do it themselves.
            sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
            drop = [*sudo, "sysctl", "-q", "vm.drop_caches=3"]
            subprocess.run(drop, check=True, timeout=120)

    def _network_bytes(self) -> int:
        counters = [f"{_NETWORK_CARD}/{direction}_bytes" for direction in ("rx", "tx")]
        return sum(int(line) for line in self.atlas.run(["cat", *counters]).stdout.split())

    def _prove(self) -> None:
        """A time of an inexact sync is worth nothing."""
        trees = product.trees_of(self.atlas)[0]
        a, b = manifest(self.atlas, trees.source), manifest(self.vega, trees.target)
        report = compare.diff(a, b, EXCLUDED)
        if not report.equal:
            raise LabError(f"vega is not what atlas was:\n{compare.text(report, 'atlas', 'vega')}")
        self.say(f"        {len(b)} paths on vega compared with atlas: equal, but for the excluded ones")
