"""What of a lab is still on this box: the proof that `down` leaves nothing."""

from __future__ import annotations

from pathlib import Path

from pclab import cgroup, disk, network
from pclab.names import LabNames, Pc


def find(names: LabNames) -> list[str]:
    """Everything of the lab besides its keys and lock files, in words; empty after `down`."""
    mounts = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    points = [line.split(" ")[4] for line in mounts]
    ours = {names.switch, *(names.netns(pc) for pc in Pc)}
    group = cgroup.ControlGroup(cgroup.cgroup2_root() / names.cgroup)
    loops = [*disk.loops_below(names.run_directory), *disk.loops_below(names.pool_image)]
    return [
        *(f"mount {point}" for point in points if Path(point).is_relative_to(names.run_directory)),
        *(f"loop device {loop.device} of {loop.file}" for loop in loops),
        *(f"network namespace {name}" for name in sorted(network.namespaces() & ours)),
        *(f"process {process}" for process in group.processes()),
        *([f"control group {group.path}"] if group.exists else []),
        *(f"file {path}" for path in (names.pool_image, names.run_directory) if path.exists()),
        *(f"process {process}: {line}" for process, line in _processes_named_for(names)),
    ]


def _processes_named_for(names: LabNames) -> list[tuple[int, str]]:
    """Our own programs and the driver's ssh connections of this lab, wherever they live, by their command lines."""
    signs = (f"pclab.supervisor\0{names.run_id}\0", f"pclab.provision\0{names.run_id}\0", f"{names.run_directory}/ssh_")
    found: list[tuple[int, str]] = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_text(errors="replace")
        except OSError:  # it ended while we looked
            continue
        if any(sign in line for sign in signs):
            found.append((int(entry.parent.name), line.replace("\0", " ").strip()))
    return found
