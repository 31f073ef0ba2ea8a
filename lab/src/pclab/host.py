"""What this box must have to carry a lab."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from pclab import cgroup
from pclab.errors import HostUnfitError, LabError

_PROGRAMS = (
    *("btrfs", "ip", "losetup", "mkfs.btrfs", "mmdebstrap", "nft", "nsenter", "setpriv", "ssh", "ssh-keygen"),
    *("systemd-nspawn", "tar", "tc", "unshare", "zstd"),
)


def problems() -> list[str]:
    """Everything that keeps this box from carrying a lab, besides not being root; empty when it can."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    found = [f"the program {program} is missing" for program in _PROGRAMS if not shutil.which(program, path=path)]
    if not Path("/dev/loop-control").exists():
        found.append("there are no loop devices (/dev/loop-control)")
    if "btrfs" not in Path("/proc/filesystems").read_text().split() and not _can_load("btrfs", path):
        found.append("the kernel has no btrfs")
    root = cgroup.find_cgroup2(Path("/proc/self/mountinfo").read_text())
    if root is None:
        found.append("no cgroup2 hierarchy is mounted")
    return found


def _can_load(module: str, path: str) -> bool:
    modprobe = shutil.which("modprobe", path=path)
    if modprobe is None:
        return False
    return subprocess.run([modprobe, "--dry-run", "--quiet", module], check=False).returncode == 0


def require() -> None:
    """Raise HostUnfitError, with all reasons together, when this box cannot carry a lab."""
    found = problems()
    if os.geteuid() != 0:
        found.insert(0, "this is not root")
    if found:
        raise HostUnfitError("; ".join(found), "install the packages in lab/packages.txt, and run as root")


def remove_folder(folder: Path) -> None:
    """Remove the lab's folder of mount points and small files; fine if it is gone.

    Raises LabError when anything is still mounted below: removing would reach into it.
    """
    mounts = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    held = [point for point in (line.split(" ")[4] for line in mounts) if Path(point).is_relative_to(folder)]
    if held:
        raise LabError(f"still mounted: {', '.join(held)}", "lab down")
    shutil.rmtree(folder, ignore_errors=True)
