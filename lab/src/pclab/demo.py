"""The demonstration: two PCs, a realistic home, a sync there, an independent compare, work, and a sync back.

`python -m pclab.demo [--bundle dist/pc-switcher]`. Every step that fails stops it with one clear line.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pclab import compare, product
from pclab.connection import RemoteError
from pclab.control import lab_command
from pclab.errors import LabError
from pclab.home_writing import RECORD
from pclab.machine import LabMachine
from pclab.manifest import Item, read_manifest
from pclab.names import LabNames, Pc
from pclab.session import LabSession, open_lab

HOME = "/home/sam"
LEDGER_FOLDER = f"{HOME}/Projects/ledger"
LEDGER = f"{LEDGER_FOLDER}/counter.db"
WRITER = "pclab-writer"
# MiB of the VM disk: rsync reads a sparse file whole, and the demonstration is to end within a minute.
IMAGE = "1024"
SYNC_LIMIT = 300.0
# What stays on its machine, written down here on its own: not read from the program's rules.
EXCLUDED = (
    *("*/.ssh/id_*", "*/.ssh/authorized_keys", "*/.ssh/known_hosts*"),
    *("*/.cache/mesa_shader_cache", "*/.cache/thumbnails", "*/.cache/fontconfig", "*/.cache/mozilla"),
    *("*/.config/chromium/Default/Cache", "*/.config/chromium/Default/Code Cache", "*/.config/chromium/Singleton*"),
    *("*/.config/chromium/Default/GPUCache", "*/.config/Code/GPUCache", "*/.nv", "*/.Xauthority"),
    *("*/.local/share/Trash", "*/.mozilla/firefox/*/lock", "*/.mozilla/firefox/*/.parentlock"),
    "sam/Awkward/special/listener",  # a socket: one end of a program that runs on that machine
    *("**/*.db-shm", "**/*.sqlite-shm", "*/.local/state/pc-switcher", "*/.cache/pc-switcher"),
)
# The same, of a home that is a tree of its own.
EXCLUDED_OF_ROOT = tuple(pattern.removeprefix("*/") for pattern in EXCLUDED)


@dataclass
class Demonstration:
    """The steps, on two machines."""

    atlas: LabMachine
    vega: LabMachine
    bundle: Path
    started: float = field(default_factory=time.monotonic)
    number: int = 0

    def run(self) -> None:
        """Do everything. Raises LabError, RemoteError or subprocess.TimeoutExpired where a step fails."""
        with self.step("pc-switcher on atlas; vega knows nothing of it yet"):
            product.install(self.atlas, self.bundle)
            for machine in (self.atlas, self.vega):
                product.carry_tools(machine)
        with self.step("a home on atlas, from seed 7"):
            self._home("make", HOME, "--seed", "7", "--image", IMAGE, "--user", "sam", machine=self.atlas)
        with self.step("a program on atlas that writes to its database twenty times a second"):
            start_writer(self.atlas)
        with self.step("on atlas: pc-switcher sync vega"):
            product.run_on_screen(self.atlas, *_sync(self.vega, "--allow", "first-sync"), timeout=SYNC_LIMIT)
        with self.step("compare, with a program that shares nothing with pc-switcher"):
            self._compare(self.atlas, self.vega)
            self._ledgers(self.atlas, self.vega)
        with self.step("the program on atlas ends; one more sync carries what it wrote meanwhile"):
            stop_writer(self.atlas)
            product.run_on_screen(self.atlas, *_sync(self.vega), timeout=SYNC_LIMIT)
        with self.step("a day of work on vega"):
            self._home("edit", HOME, "--seed", "8", machine=self.vega)
        with self.step("on vega: pc-switcher sync atlas"):
            product.run_on_screen(self.vega, *_sync(self.atlas), timeout=SYNC_LIMIT)
        with self.step("compare again, the other way round"):
            self._compare(self.vega, self.atlas)
            self._ledgers(self.vega, self.atlas)
        with self.step("every run can be undone: the snapshots on both"):
            for machine in (self.atlas, self.vega):
                say(f"{machine.name}:")
                product.run_on_screen(machine, "snapshots", "list", timeout=60)
        say(f"\ndone in {time.monotonic() - self.started:.0f} s\n{WHAT_NEXT}")

    @contextmanager
    def step(self, title: str) -> Generator[None]:
        """Announce a step, and say how long it took; a failure in it is told with the step's name."""
        self.number += 1
        say(f"\n== {self.number}. {title}")
        start = time.monotonic()
        try:
            yield
        except LabError as problem:
            raise LabError(f"step {self.number} ({title}): {problem.message}", problem.hint) from problem
        except (RemoteError, subprocess.TimeoutExpired) as problem:
            raise LabError(f"step {self.number} ({title}): {problem}") from problem
        say(f"   {time.monotonic() - start:.1f} s")

    def _home(self, *arguments: str, machine: LabMachine) -> None:
        done = machine.sudo(product.tool("home", *arguments), timeout=120)
        made = json.loads(done.stdout)
        say("   " + ", ".join(f"{count} {kind}" for kind, count in made["counts"].items()))
        for skipped in made["skipped"]:
            say(f"   not here: {skipped['what']}: {skipped['why']}")

    def _compare(self, source: LabMachine, target: LabMachine) -> None:
        for trees in product.trees_of(source):
            with ThreadPoolExecutor(2) as pool:
                a = pool.submit(manifest, source, trees.source)
                b = pool.submit(manifest, target, trees.target)
            excluded = EXCLUDED if trees.name == "/home" else EXCLUDED_OF_ROOT
            report = compare.diff(a.result(), b.result(), excluded)
            say(compare.text(report, f"{source.name}:{trees.source}", f"{target.name}:{trees.target}"))
            if not report.equal:
                raise LabError(
                    f"{trees.name} on {target.name} is not what it was on {source.name} when it was read",
                    f"lab ssh {target.name}",
                )

    def _ledgers(self, source: LabMachine, target: LabMachine) -> None:
        """The database that was written to all the time: sound there, with the rows of the snapshot."""
        there = f"{product.trees_of(source)[0].source}/sam/Projects/ledger/counter.db"
        a = source.sudo(product.tool("home", "ledger", there)).stdout
        b = target.sudo(product.tool("home", "ledger", LEDGER)).stdout
        say(f"  the writer's database on {target.name}: {b.decode().strip()}")
        if a != b or json.loads(b)["integrity"] != "ok":
            raise LabError(f"the database differs: {source.name} had {a.decode().strip()}")


WHAT_NEXT = """\
What to try next (lab is .venv/bin/lab):
  lab ssh atlas                     log in as sam; work there, then: pc-switcher sync vega
  lab ssh vega                      the other PC; pc-switcher history, show, logs, why PATH
  lab cut vega                      pull the cable in the middle of a sync; lab join vega
  lab power-off vega --start        cut the power
  lab reset · lab down              fresh PCs · nothing left"""


def manifest(machine: LabMachine, folder: str) -> dict[str, Item]:
    """The manifest of a folder on a machine, read as root. Raises RemoteError when a path cannot be read."""
    done = machine.sudo(product.tool("compare", "manifest", folder), timeout=120)
    return read_manifest(done.stdout.decode("ascii").splitlines())


def start_writer(machine: LabMachine) -> None:
    """Start the writer there, as the user, and wait for its first row."""
    command = product.tool("home", "writer", LEDGER_FOLDER)
    machine.sudo(["systemd-run", "--quiet", "--collect", f"--unit={WRITER}", f"--uid={machine.user}", *command])
    deadline = time.monotonic() + 20
    while machine.run(["test", "-s", f"{LEDGER}-wal"], check=False).returncode != 0:
        if time.monotonic() > deadline:
            raise LabError(f"the writer on {machine.name} wrote nothing", f"journalctl -u {WRITER}")
        time.sleep(0.1)


def stop_writer(machine: LabMachine) -> None:
    """End the writer there; it closes its database. Fine if it does not run."""
    machine.sudo(["systemctl", "stop", f"{WRITER}.service"], check=False)


def say(text: str) -> None:
    """One line or more for the person who watches."""
    print(text, flush=True)


def fresh(session: LabSession) -> None:
    """Give PCs on which a demonstration or a test has been a fresh start."""
    traces = ["test", "-e", f"{HOME}/{RECORD.decode()}", "-o", "-e", product.COMMAND]
    used = [m.name for m in session.machines.values() if m.run(traces, check=False).returncode == 0]
    if used:
        say(f"   {' and '.join(used)} served before: back to the baseline")
        session.reset()


def _sync(target: LabMachine, *options: str) -> list[str]:
    return ["sync", target.host, "--yes", *options]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: 0 when every step went well, 1 else."""
    parser = argparse.ArgumentParser(prog="demo", description="PC-switcher's demonstration on two lab PCs.")
    parser.add_argument("--bundle", type=Path, default=product.BUNDLE, help="the built program (default: %(default)s)")
    given = parser.parse_args(arguments)
    try:
        demonstrate(LabNames.from_environment(), given.bundle)
    except (LabError, RemoteError, subprocess.TimeoutExpired) as problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def demonstrate(names: LabNames, bundle: Path) -> None:
    """Bring the lab up and go through all steps. Raises LabError, RemoteError, subprocess.TimeoutExpired."""
    if not bundle.is_file():
        raise LabError(f"there is no {bundle}", "make bundle")
    start = time.monotonic()
    say("== 0. two PCs: lab up")
    if subprocess.run(lab_command(names, ["up"]), check=False).returncode != 0:
        raise LabError("the lab did not come up", "lab status")
    session = open_lab(names, (), 60, say)
    try:
        fresh(session)
        atlas, vega = session.machine(Pc.ATLAS), session.machine(Pc.VEGA)
        try:
            Demonstration(atlas, vega, bundle, start).run()
        finally:
            stop_writer(atlas)
    finally:
        session.close()


if __name__ == "__main__":
    sys.exit(main())
