"""Where one tree is on both machines."""

from __future__ import annotations

import attrs


@attrs.frozen
class TreePlace:
    """Where a tree is on both machines: the directories read from (snapshots), and the target's live tree.

    All absolute. ``source_directory`` is what rsync reads; ``target_tree`` what is written to.
    """

    source_directory: bytes
    target_directory: bytes
    target_tree: bytes
