"""The files that make one PC this PC and no other. Pure: from names and keys to contents."""

from __future__ import annotations

from dataclasses import dataclass

from pclab import keys
from pclab.disk import MOUNT_OPTIONS, SUBVOLUMES
from pclab.names import LabNames, Pc

_SAM = 1000


@dataclass(frozen=True)
class FileContent:
    """A file to write: where below the root, with which bytes, mode and owner (user and group id)."""

    path: str
    content: str
    mode: int = 0o644
    owner: int = 0


@dataclass(frozen=True)
class KeyPair:
    """The two halves of an SSH key, as text."""

    private: str
    public: str


@dataclass(frozen=True)
class Identity:
    """What tells a PC from the others."""

    run_id: str
    pc: Pc
    file_system: str
    host_key: KeyPair
    user_key: KeyPair
    known_hosts: str
    authorized_keys: tuple[str, ...]


def load(names: LabNames, pc: Pc, file_system: str) -> Identity:
    """The identity of a PC, from the lab's kept keys and the UUID of its file system."""
    host, user = keys.host_key(names, pc), keys.user_key(names, pc)
    return Identity(
        run_id=names.run_id,
        pc=pc,
        file_system=file_system,
        host_key=KeyPair(host.read_text(), keys.public_key(host)),
        user_key=KeyPair(user.read_text(), keys.public_key(user)),
        known_hosts=keys.known_hosts((other, keys.public_key(keys.host_key(names, other))) for other in Pc),
        authorized_keys=(
            keys.public_key(keys.driver_key(names)),
            *(keys.public_key(keys.user_key(names, other)) for other in Pc),
        ),
    )


def files(identity: Identity) -> tuple[FileContent, ...]:
    """Every file that carries the identity of a PC."""
    return (
        FileContent("etc/hostname", f"{identity.pc}\n"),
        FileContent("etc/hosts", hosts()),
        FileContent("etc/fstab", fstab(identity.file_system)),
        FileContent("etc/pc-switcher-lab", f"{identity.run_id}\n"),
        FileContent("etc/ssh/ssh_host_ed25519_key", identity.host_key.private, 0o600),
        FileContent("etc/ssh/ssh_host_ed25519_key.pub", f"{identity.host_key.public}\n"),
        FileContent("etc/ssh/ssh_known_hosts", identity.known_hosts),
        FileContent("home/sam/.ssh/id_ed25519", identity.user_key.private, 0o600, _SAM),
        FileContent("home/sam/.ssh/id_ed25519.pub", f"{identity.user_key.public}\n", 0o644, _SAM),
        FileContent(
            "home/sam/.ssh/authorized_keys",
            "".join(f"{line}\n" for line in identity.authorized_keys),
            0o600,
            _SAM,
        ),
    )


def hosts() -> str:
    """The /etc/hosts of every PC."""
    local = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
    return local + "".join(f"{pc.address}\t{pc.value}\n" for pc in Pc)


def fstab(file_system: str) -> str:
    """The /etc/fstab of a PC, from the UUID of its file system."""
    return "".join(
        f"UUID={file_system}\t/{place}\tbtrfs\tsubvol={subvolume},{MOUNT_OPTIONS}\t0\t0\n"
        for subvolume, place in SUBVOLUMES.items()
    )
