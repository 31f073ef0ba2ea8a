"""What this box must have to carry a lab."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pclab import cgroup
from pclab.errors import HostUnfit

_PROGRAMS = (
    *("btrfs", "ip", "losetup", "mkfs.btrfs", "mmdebstrap", "nft", "setpriv", "ssh", "ssh-keygen"),
    *("systemd-nspawn", "tar", "tc", "unshare", "zstd"),
)


def problems() -> list[str]:
    """Everything that keeps this box from carrying a lab, besides not being root; empty when it can."""
    found = [f"the program {program} is missing" for program in _PROGRAMS if not shutil.which(program)]
    if not Path("/dev/loop-control").exists():
        found.append("there are no loop devices (/dev/loop-control)")
    if "btrfs" not in Path("/proc/filesystems").read_text().split():
        found.append("the kernel has no btrfs")
    root = cgroup.find_cgroup2(Path("/proc/self/mountinfo").read_text())
    if root is None:
        found.append("no cgroup2 hierarchy is mounted")
    return found


def require() -> None:
    """Raise HostUnfit, with all reasons together, when this box cannot carry a lab."""
    found = problems()
    if os.geteuid() != 0:
        found.insert(0, "this is not root")
    if found:
        raise HostUnfit("; ".join(found), "install the packages in lab/packages.txt, and run as root")


def remove_folder(folder: Path) -> None:
    """Remove a folder of empty mount points and small files; fine if it is gone."""
    shutil.rmtree(folder, ignore_errors=True)
