"""What differs between two trees, as plain data: the answer of every detector of changes."""

from __future__ import annotations

from enum import StrEnum

import attrs

from pcswitcher.files.entry import Entry


class Action(StrEnum):
    """What happens to one path on the target."""

    CREATE = "create"  # is new
    UPDATE = "update"  # gets another content (and whatever else differs)
    METADATA = "metadata"  # keeps its content
    DELETE = "delete"  # goes
    RETYPE = "retype"  # becomes another kind of file
    LINK = "link"  # becomes a name of another inode; its content may be the same


CARRIED = frozenset({Action.CREATE, Action.UPDATE, Action.RETYPE, Action.LINK})
"""Actions for which something must travel."""


@attrs.frozen
class FileChange:
    """One changed path.

    ``before`` is what the target has (None: nothing), ``after`` what the source has (None: it goes).
    ``why`` says what differs in short words: "size", "mtime", "mode", "xattr user.x", "link group".
    ``group`` is the first path of its hard-link group on the source (b"": no hard link).
    ``unit`` is the database file it travels with (b"": none).
    """

    path: bytes
    action: Action
    before: Entry | None
    after: Entry | None
    why: tuple[str, ...] = ()
    group: bytes = b""
    unit: bytes = b""

    @property
    def carried_bytes(self) -> int:
        """Bytes of content to move for this path; a hard-link group counts once, at its first path."""
        if self.action not in CARRIED or self.after is None or (self.group and self.group != self.path):
            return 0
        return self.after.size


@attrs.frozen
class PathProblem:
    """A path that is left as it is on the target although the machines differ, and why, for a person."""

    path: bytes
    reason: str


@attrs.frozen
class TreeDelta:
    """All that differs between the source's tree and the target's, sorted as a walk meets the paths.

    ``problems`` are paths that will not be made equal. ``kept`` are directories only the target has that
    stay because something in them is excluded by rules. ``flag_mask`` are the inode flags that both
    filesystems know. Entries and bytes count what is in scope on each machine.
    """

    changes: tuple[FileChange, ...] = ()
    problems: tuple[PathProblem, ...] = ()
    kept: tuple[bytes, ...] = ()
    source_entries: int = 0
    target_entries: int = 0
    flag_mask: int = 0

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.changes

    @property
    def bytes_to_move(self) -> int:
        """Bytes of file content that must travel."""
        return sum(change.carried_bytes for change in self.changes)

    def count(self, action: Action) -> int:
        """How many paths have this action."""
        return sum(1 for change in self.changes if change.action is action)

    def deletions(self) -> tuple[FileChange, ...]:
        """What goes, deepest first."""
        return tuple(change for change in reversed(self.changes) if change.action is Action.DELETE)
