"""Fills the new disk of a PC.

Runs in a private mount namespace: `python -m pclab.provision RUN_ID PC TARBALL DEVICE`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pclab import disk, identity, namespace, programs
from pclab.names import LabNames, Pc


def fill(names: LabNames, pc: Pc, tarball: Path, device: str) -> None:
    """Fill the empty file system on a device: subvolumes, golden tarball, identity."""
    root = names.root(pc)
    root.mkdir(parents=True, exist_ok=True)
    programs.run(["mount", "-o", "noatime", device, str(root)])
    for subvolume in disk.SUBVOLUMES:
        programs.run(["btrfs", "subvolume", "create", str(root / subvolume)])
    for place in filter(None, disk.SUBVOLUMES.values()):
        (root / "@" / place).mkdir()
    programs.run(["umount", str(root)])
    disk.mount_tree(device, root)
    _unpack(tarball, root)
    for file in identity.files(identity.load(names, pc, disk.file_system_uuid(device))):
        write(root, file)
    programs.run(["umount", "--recursive", str(root)])


def write(root: Path, file: identity.FileContent) -> None:
    """Write one file of an identity below a root; a folder made for it gets its owner."""
    path = root / file.path
    if not path.parent.exists():
        path.parent.mkdir(mode=0o700 if file.owner else 0o755)
        os.chown(path.parent, file.owner, file.owner)
    path.unlink(missing_ok=True)
    path.write_text(file.content)
    os.chown(path, file.owner, file.owner)
    path.chmod(file.mode)


def _unpack(tarball: Path, root: Path) -> None:
    programs.run(
        [
            *("tar", "--extract", "--preserve-permissions", "--numeric-owner", "--xattrs", "--xattrs-include=*"),
            *("--acls", "--use-compress-program=zstd", "--file", str(tarball), "--directory", str(root)),
        ],
        timeout=300,
    )


def main(arguments: list[str]) -> None:
    """Entry of the process in its own mount namespace and in the PC's control group."""
    names, pc = LabNames(arguments[0]), Pc(arguments[1])
    namespace.settle_in(names, pc)
    fill(names, pc, Path(arguments[2]), arguments[3])


if __name__ == "__main__":
    main(sys.argv[1:])
