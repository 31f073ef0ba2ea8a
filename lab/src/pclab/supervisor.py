"""The "boot loader" of one PC: mounts its disk, boots it, and again after a reboot from inside.

Runs in a private mount namespace, so no mount of a PC is seen outside and all of them vanish with it:
`python -m pclab.supervisor RUN_ID PC DEVICE`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pclab import cgroup, disk, namespace, programs
from pclab.names import LabNames, Pc

REBOOT_ASKED = 133
"""What systemd-nspawn --keep-unit ends with when the PC asked for a reboot (its EXIT_FORCE_RESTART)."""

_CGROUP_MOUNT = "/sys/fs/cgroup"


def nspawn_command(names: LabNames, pc: Pc, device: str) -> list[str]:
    """The command that boots a PC from its mounted disk.

    --register=no and --keep-unit: no systemd is needed outside. --network-namespace-path makes nspawn withhold
    CAP_NET_ADMIN, hence --capability=all; CAP_SYS_TIME is dropped since the clock is the box's. The loop device
    is passed in so that the PC can mount its own top level, as a real one can.
    """
    return [
        *("setpriv", "--pdeathsig", "KILL", "systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit"),
        *(f"--machine={pc.value}", f"--hostname={pc.value}", f"--directory={names.root(pc)}"),
        f"--network-namespace-path=/run/netns/{names.netns(pc)}",
        *("--capability=all", "--drop-capability=CAP_SYS_TIME", f"--bind={device}", "--link-journal=no"),
        *("--resolv-conf=off", "--timezone=off", "--console=pipe", "--kill-signal=SIGRTMIN+3"),
    ]


def boot_until_off(names: LabNames, pc: Pc, device: str) -> int:
    """Boot the PC, and again each time it reboots itself. Gives back nspawn's last exit status."""
    root = names.root(pc)
    environment = {**os.environ, "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"}
    while True:
        disk.mount_tree(device, root)
        done = subprocess.run(nspawn_command(names, pc, device), env=environment, stdin=subprocess.DEVNULL, check=False)
        programs.run(["umount", "--recursive", str(root)])
        if done.returncode != REBOOT_ASKED:
            return done.returncode


def main(arguments: list[str]) -> int:
    """Entry of the process in its own mount namespace."""
    names, pc, device = LabNames(arguments[0]), Pc(arguments[1]), arguments[2]
    namespace.settle_in(names, pc)
    if cgroup.cgroup2_root() != Path(_CGROUP_MOUNT):
        # systemd in the PC wants the unified hierarchy alone; on a hybrid box we show it just that.
        programs.run(["umount", "--recursive", "--lazy", _CGROUP_MOUNT])
        programs.run(["mount", "-t", "cgroup2", "cgroup2", _CGROUP_MOUNT])
    return boot_until_off(names, pc, device)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
