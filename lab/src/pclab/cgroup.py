"""Control groups: what makes sure that nothing of ours survives, and that nothing else is hit."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pclab.errors import HostUnfitError, LabError


def find_cgroup2(mountinfo: str) -> Path | None:
    """Where the unified hierarchy is mounted, from the text of /proc/self/mountinfo (proc(5)); None if nowhere."""
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        if right.split(" ", 1)[0] == "cgroup2":
            return Path(left.split(" ")[4])
    return None


def cgroup2_root() -> Path:
    """Where this box mounts the unified hierarchy. Raises HostUnfitError when it does not."""
    root = find_cgroup2(Path("/proc/self/mountinfo").read_text())
    if root is None:
        raise HostUnfitError("no cgroup2 hierarchy is mounted", "mount -t cgroup2 cgroup2 /sys/fs/cgroup")
    return root


@dataclass(frozen=True)
class ControlGroup:
    """One control group and all below it."""

    path: Path

    def create(self) -> None:
        """Make it; fine if it exists."""
        self.path.mkdir(parents=True, exist_ok=True)

    @property
    def exists(self) -> bool:
        """Whether it is there."""
        return self.path.is_dir()

    @property
    def populated(self) -> bool:
        """Whether any process lives in it or below."""
        return self._event("populated")

    @property
    def frozen(self) -> bool:
        """Whether all its processes stand still."""
        return self._event("frozen")

    def processes(self) -> list[int]:
        """Process ids in it and below."""
        found: list[int] = []
        for folder, _, _ in os.walk(self.path):
            try:
                found += [int(line) for line in Path(folder, "cgroup.procs").read_text().split()]
            except OSError:  # a group may go while we look
                continue
        return found

    def freeze(self, *, frozen: bool) -> None:
        """Stop all its processes where they are, or let them go on; waits until that is so."""
        (self.path / "cgroup.freeze").write_text("1" if frozen else "0")
        _wait(lambda: self.frozen == frozen, f"freezing of {self.path}")

    def kill(self) -> None:
        """Kill every process in it and below, and take the group away. Fine if it is not there.

        Works on orphans and on frozen processes, and cannot reach a foreign one (cgroup-v2, cgroup.kill).
        """
        if not self.exists:
            return
        (self.path / "cgroup.kill").write_text("1")
        self.wait_empty(20)
        self.remove()

    def wait_empty(self, seconds: float) -> None:
        """Wait until no process lives in it. Raises LabError when that takes longer."""
        _wait(lambda: not self.populated, f"end of the processes in {self.path}", seconds)

    def remove(self) -> None:
        """Take the empty group away, deepest first. Fine if it is not there."""
        for folder, _, _ in os.walk(self.path, topdown=False):
            Path(folder).rmdir()

    def _event(self, key: str) -> bool:
        try:
            lines = (self.path / "cgroup.events").read_text().splitlines()
        except OSError:
            return False
        return f"{key} 1" in lines


def _wait(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"the {what} took more than {seconds:g} s")
        time.sleep(0.01)
