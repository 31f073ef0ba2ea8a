"""Every name and address the lab uses. All carry the run id, so labs stand side by side."""

from __future__ import annotations

import enum
import os
import re
from dataclasses import dataclass
from pathlib import Path

from pclab.errors import WrongUsageError

RUN_ID_VARIABLE = "PC_SWITCHER_LAB_ID"
DEFAULT_RUN_ID = "main"
CACHE = Path("/var/cache/pc-switcher-lab")
MARKER = Path("/etc/pc-switcher-lab")
USER = "sam"
PREFIX_BITS = 24
SWITCH_ADDRESS = "10.77.0.250"

_RUN_ID = re.compile(r"[a-z][a-z0-9]{0,11}")
_RUN_ROOT = Path("/run/pc-switcher-lab")
_STATE_ROOT = Path("/var/lib/pc-switcher-lab")
_POOL_ROOT = Path("/dev/shm")  # noqa: S108 -- not a temporary file: the pool is meant to live in memory


class Pc(enum.StrEnum):
    """The PCs a lab can have."""

    ATLAS = "atlas"
    VEGA = "vega"
    LYRA = "lyra"

    @property
    def address(self) -> str:
        """Its IPv4 address. Each lab has its own switch, so equal addresses never meet."""
        return {Pc.ATLAS: "10.77.0.11", Pc.VEGA: "10.77.0.12", Pc.LYRA: "10.77.0.13"}[self]

    @property
    def port(self) -> str:
        """The name of its port on the switch."""
        return f"p-{self.value}"


DEFAULT_PCS = (Pc.ATLAS, Pc.VEGA)


class Suite(enum.StrEnum):
    """The Debian releases a PC can run."""

    TRIXIE = "trixie"
    BOOKWORM = "bookworm"


@dataclass(frozen=True)
class LabNames:
    """Names and paths that belong to one lab, and to it alone."""

    run_id: str

    def __post_init__(self) -> None:
        if not _RUN_ID.fullmatch(self.run_id):
            raise WrongUsageError(
                f"{self.run_id!r} cannot be a lab's run id",
                "use a letter, then up to 11 small letters and digits",
            )

    @classmethod
    def from_environment(cls) -> LabNames:
        """The lab named by PC_SWITCHER_LAB_ID, else `main`."""
        return cls(os.environ.get(RUN_ID_VARIABLE) or DEFAULT_RUN_ID)

    @property
    def switch(self) -> str:
        """Network namespace with the switch; tests reach the PCs from it."""
        return f"pcl-{self.run_id}-sw"

    def netns(self, pc: Pc) -> str:
        """Network namespace of one PC."""
        return f"pcl-{self.run_id}-{pc.value}"

    @property
    def cgroup(self) -> str:
        """Control group above everything that runs for this lab, relative to the cgroup2 root."""
        return f"pcl-{self.run_id}"

    @property
    def run_directory(self) -> Path:
        """What is gone with the lab: mount points, locks, consoles."""
        return _RUN_ROOT / self.run_id

    @property
    def lock(self) -> Path:
        """Held by a `lab` command that changes the lab."""
        return _RUN_ROOT / f"{self.run_id}.lock"

    @property
    def session_lock(self) -> Path:
        """Held by a run of tests for its whole length."""
        return _RUN_ROOT / f"{self.run_id}.session"

    @property
    def keys(self) -> Path:
        """SSH keys; they outlive the lab, so host keys stay the same when it is made again."""
        return _STATE_ROOT / self.run_id / "keys"

    @property
    def pool_image(self) -> Path:
        """The file, in memory, that holds the disks of all PCs."""
        return _POOL_ROOT / f"pc-switcher-lab-{self.run_id}.img"

    @property
    def pool(self) -> Path:
        """Where the pool is mounted."""
        return self.run_directory / "pool"

    def image(self, pc: Pc) -> Path:
        """The disk of a PC."""
        return self.pool / f"{pc.value}.img"

    def baseline(self, pc: Pc) -> Path:
        """The disk as it was after the first clean stop. That it exists is what makes a PC ready."""
        return self.pool / f"{pc.value}.base"

    def specification(self, pc: Pc) -> Path:
        """What the disk was made from."""
        return self.pool / f"{pc.value}.json"

    def root(self, pc: Pc) -> Path:
        """Where the disk is mounted, seen only by the PC's own mount namespace."""
        return self.run_directory / pc.value / "root"

    def console(self, pc: Pc) -> Path:
        """What the PC wrote to its console."""
        return self.run_directory / pc.value / "console.log"


def parse_size(text: str) -> int:
    """Bytes of a size such as `16G` or `512M`. Raises WrongUsageError for anything else, or below 1 GiB."""
    found = re.fullmatch(r"(\d+)([MG])", text)
    size = int(found[1]) * (1024**2 if found[2] == "M" else 1024**3) if found else 0
    if size < 1024**3:
        raise WrongUsageError(f"{text!r} is no disk size", "give megabytes or gigabytes, at least 1G: 1500M, 16G")
    return size
