"""Our directory below the place for snapshots: making, listing and deleting what is in it."""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack, suppress
from datetime import datetime

import attrs

from pcswitcher.machine.api import Context
from pcswitcher.model.errors import PcSwitcherError, SnapshotError
from pcswitcher.model.events import Level
from pcswitcher.model.text import escape
from pcswitcher.snapshots.ioctls import SubvolumeInfo, machine_name
from pcswitcher.snapshots.layout import PlaceKind, ScopeSubvolume, SnapshotsPlace, place_problem
from pcswitcher.snapshots.mounts import covering_mount, join
from pcswitcher.snapshots.names import Moment, check_run, entry_name, is_run, parse_entry
from pcswitcher.snapshots.reading import find_subvolume, inspect_place, read_mounts
from pcswitcher.snapshots.subvolumes import (
    all_subvolumes,
    close_to_others,
    create_snapshot,
    create_subvolume,
    delete_subvolume,
    inspect_subvolume,
    make_private_directory,
)

OWN_DIRECTORY = b"pc-switcher"
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


@attrs.frozen(kw_only=True)
class Snapshot:
    """One of our snapshots, as it is now. It is known by its ``uuid``; a path can come to mean another one."""

    run: str
    moment: Moment
    subvolume: str
    """The name of the subvolume it was taken of."""
    path: bytes
    uuid: str
    source_uuid: str
    """The UUID of the subvolume it was taken of."""
    created: datetime
    """UTC, by the clock of its machine."""
    generation: int
    """The btrfs transaction that last changed a file in it. Another number than recorded: it was written to."""
    read_only: bool


@attrs.frozen
class SnapshotsFolder:
    """The place for snapshots at ``path`` (absolute), and our directory in it."""

    path: bytes

    @property
    def own(self) -> bytes:
        """The directory that holds one directory per run."""
        return join(self.path, OWN_DIRECTORY)

    def prepare(self, context: Context) -> SnapshotsPlace:
        """Make the subvolume and our directory where missing. Raises SnapshotError when something else is there."""
        machine = machine_name()
        mounts = read_mounts()
        place = inspect_place(mounts, self.path)
        problem = place_problem(machine, place, covering_mount(mounts, self.path).filesystem)
        if problem is not None:
            raise SnapshotError(problem.message, problem.hint)
        if place.kind is PlaceKind.MISSING:
            create_subvolume(self.path)
            close_to_others(self.path)
            shown = escape(self.path)
            context.log(Level.INFO, f"created the subvolume {shown}, nested in the subvolume above it", path=shown)
            place = inspect_place(mounts, self.path)
        self._check_owner(self.path)
        make_private_directory(self.own)
        self._check_owner(self.own)
        close_to_others(self.own)
        return place

    def create_snapshots(
        self, context: Context, run: str, moment: Moment, subvolumes: tuple[str, ...]
    ) -> tuple[Snapshot, ...]:
        """Snapshot each subvolume, all or none; gives back those that are there already."""
        directory = join(self.own, check_run(run).encode())
        entries = {name: entry_name(moment, name) for name in subvolumes}
        place = self.prepare(context)
        mounts, listed = read_mounts(), all_subvolumes(self.path)
        scope = [find_subvolume(mounts, place, name, listed) for name in entries]
        made: list[Snapshot] = []
        with ExitStack() as undo:
            if not os.path.lexists(directory):
                make_private_directory(directory)
                undo.callback(_remove_empty, directory)
            self._check_owner(directory)
            for source in scope:
                context.check_cancelled()
                path = join(directory, entries[source.name])
                if os.path.lexists(path):
                    info = _check_same(path, source)
                else:
                    info = create_snapshot(source.root, path)
                    undo.callback(_undo_snapshot, context, path)
                    context.log(Level.FULL, f"snapshot {escape(path)}", subvolume=source.name, uuid=info.uuid)
                made.append(_describe(run, moment, source.name, path, info))
            undo.pop_all()
        return tuple(made)

    def list_snapshots(self, context: Context) -> tuple[Snapshot, ...]:
        """All our snapshots, by run, moment and subvolume."""
        found: list[Snapshot] = []
        self._check_own()
        for run in _names_in(self.own):
            context.check_cancelled()
            if is_run(run):
                found.extend(self._list_run(context, escape(run)))
            else:
                context.log(Level.WARNING, f"{escape(join(self.own, run))} is none of ours")
        return tuple(found)

    def delete_snapshots(self, context: Context, run: str, moment: Moment | None) -> tuple[Snapshot, ...]:
        """Delete a run's snapshots of one moment, or of both, and then its directory, and ours, when it is empty."""
        directory = join(self.own, check_run(run).encode())
        self._check_own()
        chosen = [item for item in self._list_run(context, run) if moment in {None, item.moment}]
        for item in chosen:
            if not item.read_only or not item.source_uuid:
                raise SnapshotError(
                    f"{machine_name()}: {escape(item.path)} is not a read-only snapshot; nothing was deleted",
                    f"look into it, then: btrfs subvolume delete {escape(item.path)}",
                )
        for item in chosen:
            context.check_cancelled()
            delete_subvolume(item.path)
            context.log(Level.FULL, f"deleted snapshot {escape(item.path)}", uuid=item.uuid)
        _remove_empty(directory)
        # A dry run leaves nothing behind (design §3); `prepare` makes our directory again when it is needed.
        _remove_empty(self.own)
        return tuple(chosen)

    def remove_empty(self, context: Context) -> None:
        """Remove the place itself when it is a subvolume with nothing in it. Raises SnapshotError."""
        _remove_empty(self.own)
        if not _names_in(self.path) and inspect_place(read_mounts(), self.path).kind is PlaceKind.SUBVOLUME:
            delete_subvolume(self.path)
            context.log(Level.FULL, f"deleted the empty subvolume {escape(self.path)}")

    def _list_run(self, context: Context, run: str) -> list[Snapshot]:
        directory = join(self.own, run.encode())
        found: list[Snapshot] = []
        for entry in _names_in(directory):
            path = join(directory, entry)
            parsed = parse_entry(entry)
            try:
                info = inspect_subvolume(path) if parsed else None
            except SnapshotError:
                info = None
            if parsed is None or info is None:
                context.log(Level.WARNING, f"{escape(path)} is no snapshot of ours")
            else:
                found.append(_describe(run, parsed[0], parsed[1], path, info))
        return sorted(found, key=lambda item: (list(Moment).index(item.moment), item.subvolume))

    def _check_own(self) -> None:
        """Raise SnapshotError when someone else than root could have put something into our directory's place."""
        for path in (self.path, self.own):
            if os.path.lexists(path):
                self._check_owner(path)

    def _check_owner(self, path: bytes) -> None:
        """Raise SnapshotError unless ``path`` is a directory that only root can change."""
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != 0 or status.st_mode & _OTHERS_WRITE:
            raise SnapshotError(
                f"{machine_name()}: {escape(path)} is not a directory that only root can change",
                f"chown root: {escape(path)} && chmod go-w {escape(path)}",
            )


def _describe(run: str, moment: Moment, subvolume: str, path: bytes, info: SubvolumeInfo) -> Snapshot:
    return Snapshot(
        run=run,
        moment=moment,
        subvolume=subvolume,
        path=path,
        uuid=info.uuid,
        source_uuid=info.source_uuid,
        created=info.created,
        generation=info.content_generation,
        read_only=info.read_only,
    )


def _check_same(path: bytes, source: ScopeSubvolume) -> SubvolumeInfo:
    """Accept what is already at ``path`` as the snapshot that was asked for. Raises SnapshotError."""
    info = inspect_subvolume(path)
    if not info.read_only or info.source_uuid != source.uuid:
        raise SnapshotError(
            f"{machine_name()}: {escape(path)} exists and is not a read-only snapshot of {source.name}",
            f"look into it, then: btrfs subvolume delete {escape(path)}",
        )
    return info


def _undo_snapshot(context: Context, path: bytes) -> None:
    """Delete a snapshot just made, because one after it failed. What fails here must not hide why we are here."""
    try:
        delete_subvolume(path)
    except PcSwitcherError as error:
        context.log(Level.ERROR, f"left behind: {error}")


def _names_in(directory: bytes) -> list[bytes]:
    """The names in a directory, sorted; none when it does not exist. Raises SnapshotError."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SnapshotError(f"{machine_name()}: cannot read {escape(directory)}: {error.strerror}") from error
    try:
        return sorted(os.fsencode(name) for name in os.listdir(descriptor))
    finally:
        os.close(descriptor)


def _remove_empty(directory: bytes) -> None:
    """Remove a directory unless something is in it, or it is gone."""
    with suppress(OSError):
        os.rmdir(directory)
