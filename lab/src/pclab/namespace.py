"""Private mount namespaces: no mount of a PC is seen outside, and all of them vanish with it."""

from __future__ import annotations

import sys
from pathlib import Path

from pclab import cgroup, programs
from pclab.names import LabNames, Pc


def privately(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of ours in a mount namespace of its own."""
    return ["unshare", "--mount", "--propagation", "private", sys.executable, "-m", module, *arguments]


def settle_in(names: LabNames, pc: Pc) -> None:
    """Join the PC's control group, and let go of every lab's mounts that were copied into our namespace.

    To be called first by what was started privately. A copy of a pool or a network namespace would keep it
    alive after its lab is gone.
    """
    (cgroup.cgroup2_root() / names.cgroup / pc.value / "cgroup.procs").write_text("0")
    for point in mounts_to_drop(Path("/proc/self/mountinfo").read_text(), names, pc):
        programs.run(["umount", "--lazy", point], check=False)


def mounts_to_drop(mountinfo: str, names: LabNames, pc: Pc) -> list[str]:
    """Mount points of this and other labs in a mount table, deepest first, but for the PC's own network namespace."""
    points = [line.split(" ")[4] for line in mountinfo.splitlines()]
    kept = f"/run/netns/{names.netns(pc)}"
    ours = (point for point in points if point.startswith(("/run/pc-switcher-lab/", "/run/netns/pcl-")))
    return sorted((point for point in ours if point != kept), key=len, reverse=True)


def drop_everywhere(point: Path) -> None:
    """Unmount one of our mount points in every other mount namespace of the box that has a copy of it.

    Any program that made itself a namespace while a lab was up holds such copies (mount_namespaces(7)).
    """
    seen = {Path("/proc/self/ns/mnt").readlink()}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            namespace = (process / "ns" / "mnt").readlink()
            if namespace in seen:
                continue
            seen.add(namespace)
            table = (process / "mountinfo").read_text(errors="surrogateescape")
        except OSError:  # it ended while we looked
            continue
        if any(line.split(" ")[4] == str(point) for line in table.splitlines()):
            programs.run(["nsenter", f"--mount={process}/ns/mnt", "umount", "--lazy", str(point)], check=False)
