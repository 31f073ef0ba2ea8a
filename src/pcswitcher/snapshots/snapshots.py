"""Read-only snapshots of the subvolumes in scope: what the agent is asked to make, list and delete.

They live in ``/.snapshots/pc-switcher/<run>/{pre,post}-<subvolume>``, readable by root alone: a person must
not read through a snapshot what they may not read in the live tree, nor what has been deleted from it.
"""

from __future__ import annotations

from pcswitcher.machine.api import Context, exposed
from pcswitcher.model.errors import SnapshotError
from pcswitcher.model.text import escape
from pcswitcher.snapshots.folder import (
    Snapshot,
    SnapshotsFolder,
)
from pcswitcher.snapshots.layout import Layout, SnapshotsPlace
from pcswitcher.snapshots.mounts import join
from pcswitcher.snapshots.names import Moment
from pcswitcher.snapshots.reading import read_machine_layout

SNAPSHOTS = b"/.snapshots"
"""Where snapshots live on every machine (design §4)."""


@exposed
def read_layout(context: Context, trees: tuple[bytes, ...]) -> Layout:
    """Read which subvolumes hold ``trees`` (absolute paths), where they are, and what stands in the way.

    Changes nothing. Problems are gathered in the layout (``Layout.require_sound`` raises them); raises
    SnapshotError only when the machine does not answer.
    """
    return read_machine_layout(SNAPSHOTS, trees)


@exposed
def prepare_snapshots(context: Context) -> SnapshotsPlace:
    """Make sure that there is a place for snapshots: a subvolume at /.snapshots, and our directory in it.

    Makes both where missing; harmless to repeat. Raises SnapshotError when something else stands there.
    """
    return SnapshotsFolder(SNAPSHOTS).prepare(context)


@exposed
def create_snapshots(context: Context, run: str, moment: Moment, subvolumes: tuple[str, ...]) -> tuple[Snapshot, ...]:
    """Snapshot each subvolume (by name, as ``Layout.names`` has them), read-only: all of them or none.

    Repeating it gives back what is there already. ``run`` is the run's label. Raises SnapshotError, saying how
    much space there is, and CheckError for a subvolume that does not exist.
    """
    return SnapshotsFolder(SNAPSHOTS).create_snapshots(context, run, moment, subvolumes)


@exposed
def list_snapshots(context: Context) -> tuple[Snapshot, ...]:
    """All our snapshots on this machine, by run, moment and subvolume. Raises SnapshotError."""
    return SnapshotsFolder(SNAPSHOTS).list_snapshots(context)


@exposed
def delete_snapshots(context: Context, run: str, moment: Moment | None) -> tuple[Snapshot, ...]:
    """Delete a run's snapshots, of one moment or (None) of both, and tell which they were.

    Deletes read-only snapshots of ours and nothing else; what else stands there is named in the log and left.
    Harmless to repeat. Raises SnapshotError, before the first deletion, when one of them is writable.
    """
    return SnapshotsFolder(SNAPSHOTS).delete_snapshots(context, run, moment)


@exposed
def remove_empty_place(context: Context) -> None:
    """Remove /.snapshots, when it is a subvolume with nothing in it: a dry run made it and leaves nothing behind."""
    SnapshotsFolder(SNAPSHOTS).remove_empty(context)


def snapshot_path(layout: Layout, snapshot: Snapshot, tree: bytes) -> bytes:
    """Where the files of a synced tree are inside a snapshot: ``…/pre-@/root`` for /root when that is in ``@``.

    Raises SnapshotError when the snapshot is of another subvolume than the tree's.
    """
    place = layout.place_of(tree)
    if place.subvolume != snapshot.subvolume:
        raise SnapshotError(f"{escape(tree)} is in subvolume {place.subvolume}, not in {snapshot.subvolume}")
    return join(snapshot.path, place.inside)
