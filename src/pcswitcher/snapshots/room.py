"""How much room the filesystems below synced trees have, and what it is that runs out.

Free bytes alone mislead: btrfs also fails when its metadata is full, ext4 when its inodes are, and either when a quota
is reached. So each is read, and each can be named.
"""

from __future__ import annotations

import os

import attrs

from pcswitcher.machine.api import Context, exposed
from pcswitcher.model.text import human_size
from pcswitcher.snapshots.ioctls import (
    filesystem_uuid,
    metadata_room,
    opened_directory,
    subvolume_info,
    subvolume_quota,
)
from pcswitcher.snapshots.subvolumes import read_space

METADATA_CHUNK = 512 * 1024**2
"""What btrfs claims for metadata at a time, written twice as it is by default (mkfs.btrfs(8)): with less
unallocated, metadata cannot grow."""
LEAST_METADATA_PERCENT = 10
LEAST_METADATA = 8 * 1024**2
"""The kernel itself gives up some 4 MiB before the end (btrfs_statfs in fs/btrfs/super.c)."""
LEAST_FILES_PERCENT = 1


@attrs.frozen(kw_only=True)
class Quota:
    """What quota allows a subvolume, and what is left of it, in bytes."""

    subvolume: int
    limit: int
    left: int


@attrs.frozen(kw_only=True)
class Room:
    """Room on the filesystem of one directory, in bytes."""

    path: bytes
    filesystem: str
    """What tells it from other filesystems of this machine."""
    total: int
    free: int
    files: int = 0
    """How many files it can hold (inodes); 0: no fixed number, as on btrfs."""
    files_free: int = 0
    is_btrfs: bool = False
    unallocated: int = 0
    """What btrfs has claimed for nothing yet."""
    metadata: int = 0
    """What btrfs has claimed for metadata."""
    metadata_left: int = 0
    """What of it can still be written."""
    quota: Quota | None = None
    """Of the subvolume the directory lies in."""

    @property
    def words(self) -> str:
        """The room as people read it."""
        text = f"{human_size(self.free)} of {human_size(self.total)} free"
        return f"{text}, {human_size(self.unallocated)} unallocated" if self.is_btrfs else text

    @property
    def lacks_metadata(self) -> bool:
        """Whether btrfs is about to fail for want of metadata, however much is free for data."""
        if not self.is_btrfs or self.unallocated >= METADATA_CHUNK:
            return False
        return self.metadata_left < max(self.metadata * LEAST_METADATA_PERCENT // 100, LEAST_METADATA)

    @property
    def lacks_files(self) -> bool:
        """Whether hardly another file can be created."""
        return self.files_free * 100 < self.files * LEAST_FILES_PERCENT


@exposed
def read_rooms(context: Context, paths: tuple[bytes, ...]) -> tuple[Room, ...]:
    """Tell how much room the filesystem of each directory has; one that is missing is left out.

    Raises SnapshotError.
    """
    return tuple(read_room(path) for path in paths if os.path.isdir(path))


def read_room(path: bytes) -> Room:
    """Tell how much room the filesystem of the directory ``path`` has. Raises SnapshotError."""
    space = read_space(path)
    with opened_directory(path) as descriptor:
        numbers = os.fstatvfs(descriptor)
        if not space.is_btrfs:
            device = os.fstat(descriptor).st_dev
            return Room(
                path=path,
                filesystem=f"{os.major(device)}:{os.minor(device)}",
                total=space.total,
                free=space.free,
                files=numbers.f_files,
                files_free=numbers.f_favail,
            )
        metadata, metadata_left = metadata_room(descriptor)
        identity = subvolume_info(descriptor).subvolume_id
        quota = subvolume_quota(descriptor, identity)
        return Room(
            path=path,
            # Every subvolume has a device number of its own, so that would not do here.
            filesystem=filesystem_uuid(descriptor),
            total=space.total,
            free=space.free,
            is_btrfs=True,
            unallocated=space.unallocated,
            metadata=metadata,
            metadata_left=metadata_left,
            quota=None if quota is None else Quota(subvolume=identity, limit=quota[0], left=quota[1]),
        )
