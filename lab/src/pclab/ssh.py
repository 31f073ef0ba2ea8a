"""How the `lab` command and the tests reach a PC: OpenSSH as sam, with the lab's own key and known hosts."""

from __future__ import annotations

import ctypes
import os
import socket
import threading
import time
from pathlib import Path

from pclab import keys
from pclab.errors import NotReadyError
from pclab.names import USER, LabNames, Pc

_CLONE_NEWNET = 0x40000000


def config_path(names: LabNames) -> Path:
    """The driver's own ssh_config; nobody's ~/.ssh takes part."""
    return names.run_directory / "ssh_config"


def write_config(names: LabNames) -> None:
    """Write the driver's ssh_config and known_hosts. Host keys are checked, strictly."""
    known = names.run_directory / "known_hosts"
    known.write_text(keys.known_hosts((pc, keys.public_key(keys.host_key(names, pc))) for pc in Pc))
    config_path(names).write_text(config_text(keys.driver_key(names), known))


def config_text(key: Path, known_hosts: Path) -> str:
    """An ssh_config(5) with one entry per PC."""
    hosts = "".join(f"Host {pc.value}\n    HostName {pc.address}\n    HostKeyAlias {pc.value}\n" for pc in Pc)
    return hosts + "".join(
        f"{line}\n"
        for line in (
            "Host *",
            f"    User {USER}",
            f"    IdentityFile {key}",
            "    IdentitiesOnly yes",
            "    IdentityAgent none",
            f"    UserKnownHostsFile {known_hosts}",
            "    GlobalKnownHostsFile /dev/null",
            "    StrictHostKeyChecking yes",
            "    BatchMode yes",
            "    ConnectTimeout 10",
            "    ServerAliveInterval 2",
            "    ServerAliveCountMax 3",
            "    LogLevel ERROR",
        )
    )


def in_switch(names: LabNames) -> tuple[str, ...]:
    """The start of a command that runs in the switch's network namespace. Needs root.

    Not `ip netns exec`: that makes a mount namespace as well, which would hold copies of every lab's mounts.
    """
    return ("nsenter", f"--net=/run/netns/{names.switch}")


def command(names: LabNames, pc: Pc, *options: str) -> list[str]:
    """The start of an ssh command to a PC, ready for the remote command to follow. Needs root."""
    return [
        *in_switch(names),
        *("ssh", "-F", str(config_path(names)), *options, pc.value, "--"),
    ]


def answers(names: LabNames, pc: Pc, timeout: float = 1.0) -> bool:
    """Whether the PC's ssh server greets us within timeout seconds."""
    found: list[bytes] = []

    def look() -> None:
        # setns(2) of a network namespace moves only the calling thread.
        with open(f"/run/netns/{names.switch}", "rb") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        try:
            with socket.create_connection((pc.address, 22), timeout) as connection:
                found.append(connection.recv(4))
        except OSError:
            return

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return found == [b"SSH-"]


def wait_for_answer(names: LabNames, pc: Pc, seconds: float) -> None:
    """Wait for the ssh server's greeting. Raises NotReadyError with the console's place when it does not come."""
    deadline = time.monotonic() + seconds
    while not answers(names, pc):
        if time.monotonic() > deadline:
            raise NotReadyError(f"{pc} does not answer over ssh after {seconds:g} s", f"see {names.console(pc)}")
        time.sleep(0.03)
