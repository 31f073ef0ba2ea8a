"""Standing still at one chosen request of a run of the program under test, to break something just then.

A driver (data/stepper.py) runs the installed program's own command line on a PC. A *point* is the first of its
requests to one of the agents that is alike in step of the run, machine and purpose. At the point the driver tells us
and waits; whatever we do then happens before the request is sent (or after its answer came), in every run alike.
"""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

from pclab import product
from pclab.driving import Ended
from pclab.machine import LabMachine

PLACE = "/usr/local/lib/pclab-stepper.py"
_DRIVER = Path(__file__).with_name("data") / "stepper.py"
_INTERVAL, _LIMIT = 0.5, 3.0


class Edge(StrEnum):
    """On which side of a request the run stands still."""

    BEFORE = "before"
    AFTER = "after"
    LOST = "lost"
    """It was carried out, its answer never comes, and the connection is gone: the run goes on by itself."""


@dataclass(frozen=True)
class Point:
    """A place in a run where it can be made to stand still."""

    step: str
    """The step of the run it is in, or `after …`."""
    machine: str
    """Host name of the machine that is asked."""
    what: str
    """The function or program that is asked for; a journal entry with its edge and step."""

    @property
    def is_journal(self) -> bool:
        """Whether it is one of the edges of the steps."""
        return self.what.startswith("write_journal ")

    def __str__(self) -> str:
        return f"{self.step}: {self.what} on {self.machine}"


def carry_stepper(machine: LabMachine) -> None:
    """Put the driver on a machine."""
    machine.write(PLACE, _DRIVER.read_bytes(), sudo=True)


class SteppedRun:
    """A run that stands still at its points, one after the other. Use it as a context manager: it ends with it."""

    def __init__(
        self, machine: LabMachine, *arguments: str, points: Sequence[Point] = (), edge: Edge = Edge.BEFORE
    ) -> None:
        """Start `pc-switcher …` there as the user. Without a point it only records the points it passes."""
        orders = {
            "points": [asdict(point) for point in points],
            "edge": edge,
            "interval": _INTERVAL,
            "limit": _LIMIT,
        }
        self._machine = machine
        self._started = time.monotonic()
        self._process = machine.popen(["python3", PLACE, product.COMMAND, json.dumps(orders), *arguments])
        self._lines: list[str] = []
        self._half = b""
        self._stood = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def stands(self, timeout: float = 60) -> bool:
        """Wait until the run stands at its next point; False when it came to its end without."""
        deadline = time.monotonic() + timeout
        self._stood += 1
        while sum(line.startswith('{"standing"') for line in self._lines) < self._stood:
            if not self._read(deadline):
                return False
        return True

    def signal(self, name: str = "INT") -> None:
        """Send the program a signal, as a key or the closing of a window does."""
        self._machine.run(["pkill", f"-{name}", "-f", f"^python3 {PLACE}"])

    def go_on(self) -> None:
        """Let it go on from its point. Fine if it has ended."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass

    def end(self, timeout: float = 60) -> Ended:
        """Wait for its end. Raises AssertionError when it does not come in time."""
        deadline = time.monotonic() + timeout
        while self._read(deadline):
            pass
        assert self._process.stderr is not None
        error = self._process.stderr.read().decode(errors="replace")
        seconds = time.monotonic() - self._started
        return Ended(self._process.wait(5), "\n".join(self._lines), error, seconds)

    def passed(self) -> tuple[Point, ...]:
        """The points a recording run passed, in order."""
        return tuple(Point(**json.loads(line)["passed"]) for line in self._lines if line.startswith('{"passed"'))

    def _read(self, deadline: float) -> bool:
        """Take in what it prints next; False at its end."""
        assert self._process.stdout is not None
        stream = self._process.stdout.fileno()
        ready, _, _ = select.select([stream], [], [], max(deadline - time.monotonic(), 0))
        assert ready, "\n".join(["the run does not go on", *self._lines])
        data = os.read(stream, 1 << 16)
        *whole, self._half = (self._half + data).split(b"\n")
        self._lines += [line.decode(errors="replace") for line in whole]
        return bool(data)
