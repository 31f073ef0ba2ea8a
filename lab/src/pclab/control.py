"""Controls of machines: what the tests use to break a PC of the lab."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pclab
from pclab.errors import LabError
from pclab.names import RUN_ID_VARIABLE, LabNames, Pc


def lab_command(names: LabNames, arguments: Sequence[str]) -> list[str]:
    """The `lab` command with these arguments, as root: by sudo, never asking, when we are not."""
    start = [sys.executable, "-m", "pclab", "--run-id", names.run_id, *arguments]
    if os.geteuid() == 0:
        return start
    package_folder = Path(pclab.__file__).parent.parent
    return ["sudo", "-n", "env", f"PYTHONPATH={package_folder}", f"{RUN_ID_VARIABLE}={names.run_id}", *start]


def carry_out(names: LabNames, arguments: Sequence[str], timeout: float = 120) -> None:
    """Carry out a `lab` command within timeout seconds. Raises LabError with what it said when it fails."""
    done = subprocess.run(
        lab_command(names, arguments), stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
    )
    if done.returncode != 0:
        raise LabError(f"lab {' '.join(arguments)}: {done.stderr.decode(errors='replace').strip()}")


@dataclass(frozen=True)
class LabControl:
    """Control of one PC of a lab."""

    names: LabNames
    pc: Pc

    def act(self, command: str, *options: str) -> None:
        """Carry out a `lab` command on the PC. Raises LabError when it fails."""
        carry_out(self.names, [command, self.pc.value, *options])
