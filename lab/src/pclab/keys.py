"""SSH keys of a lab: made once, so that a PC that is made again keeps its host key."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pclab import programs
from pclab.names import LabNames, Pc


def driver_key(names: LabNames) -> Path:
    """The private key with which tests and the `lab` command log in as sam."""
    return names.keys / "driver"


def host_key(names: LabNames, pc: Pc) -> Path:
    """The private host key of a PC."""
    return names.keys / f"{pc.value}-host"


def user_key(names: LabNames, pc: Pc) -> Path:
    """The private key of sam on a PC."""
    return names.keys / f"{pc.value}-sam"


def public_key(private: Path) -> str:
    """The public half, one line without a newline."""
    return private.with_name(private.name + ".pub").read_text().strip()


def create(names: LabNames) -> None:
    """Make the keys that are missing."""
    names.keys.mkdir(parents=True, exist_ok=True)
    wanted = {driver_key(names): "lab driver"}
    for pc in Pc:
        wanted[host_key(names, pc)] = f"root@{pc.value}"
        wanted[user_key(names, pc)] = f"sam@{pc.value}"
    for path, comment in wanted.items():
        if not path.with_name(path.name + ".pub").exists():
            path.unlink(missing_ok=True)
            programs.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])


def known_hosts(entries: Iterable[tuple[Pc, str]]) -> str:
    """A known_hosts file (sshd(8)) from PCs and their public host keys: by name and by address."""
    return "".join(f"{pc.value},{pc.address} {' '.join(key.split()[:2])}\n" for pc, key in entries)
