"""The program under test on the machines: installed, run, and what it leaves for us to look at."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from pclab import carry
from pclab.connection import command_line
from pclab.errors import LabError
from pclab.machine import LabMachine

BUNDLE = Path("dist/pc-switcher")
COMMAND = "/usr/local/bin/pc-switcher"
SNAPSHOTS = "/.snapshots/pc-switcher"


class ProductError(LabError):
    """The program under test ended with another status than success."""


@dataclass(frozen=True)
class Trees:
    """Where the two sides of a finished run can be compared: folders on the source and on the target."""

    name: str
    source: str
    target: str


def install(machine: LabMachine, bundle: Path) -> None:
    """Put the built program on a machine. Raises LabError when it was not built."""
    if not bundle.is_file():
        raise LabError(f"there is no {bundle}", "make bundle")
    machine.put(bundle, COMMAND)


def carry_tools(machine: LabMachine) -> None:
    """Put the home maker and the compare on a machine."""
    machine.write(carry.PLACE, carry.archive(), sudo=True)


def tool(*arguments: str) -> list[str]:
    """The argument list that runs one of the carried tools there: `home …` or `compare …`."""
    return ["python3", carry.PLACE, *arguments]


def run_on_screen(machine: LabMachine, *arguments: str, timeout: float) -> None:
    """Run the program there as the user, with our terminal as its screen where we have one.

    Raises ProductError with its status, subprocess.TimeoutExpired.
    """
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    line = command_line([COMMAND, *arguments])
    sys.stdout.flush()
    done = subprocess.run(
        [*machine.route.command("-S", "none", "-t" if terminal else "-T"), line],
        stdin=None if terminal else subprocess.DEVNULL,
        timeout=timeout,
        check=False,
    )
    if done.returncode != 0:
        raise ProductError(
            f"on {machine.name}: pc-switcher {' '.join(arguments)} ended with status {done.returncode}",
            f"lab ssh {machine.name} pc-switcher logs",
        )


def last_run(machine: LabMachine) -> str:
    """The label of the machine's last run, from its snapshots. Raises LabError when it has none."""
    found = machine.sudo(["ls", "-1", "-v", SNAPSHOTS], check=False).stdout.decode().split()
    if not found:
        raise LabError(f"{machine.name} has no snapshots of ours in {SNAPSHOTS}", "look at the run's log")
    return found[-1]


def trees_of(source: LabMachine) -> tuple[Trees, ...]:
    """What the last run of a source carried: its snapshots, against the live trees of the target."""
    run = f"{SNAPSHOTS}/{last_run(source)}"
    return (Trees("/home", f"{run}/pre-@home", "/home"), Trees("/root", f"{run}/pre-@/root", "/root"))
