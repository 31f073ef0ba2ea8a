"""The settings of the job ``files``."""

from __future__ import annotations

import itertools

import attrs

from pcswitcher.files.rule import TreeKind
from pcswitcher.model.settings import JobSettings, setting

OWN_PLACES = ("/var/lib/pc-switcher/", "/.snapshots/", "/run/", "/proc/", "/sys/", "/dev/")
"""What can be no part of a synced tree: our memory, snapshots, and what is no disk."""


def _check_path(_: object, __: attrs.Attribute[str], path: str) -> None:
    parts = path.rstrip("/").split("/")[1:]
    if not path.startswith("/") or not parts or not path.isprintable() or {"", ".", ".."} & set(parts):
        raise ValueError(f"{path!r} is no absolute path of a directory, without dots and below /")
    tree = path.rstrip("/") + "/"
    for own in OWN_PLACES:
        if own.startswith(tree) or tree.startswith(own):
            raise ValueError(f"{path!r} must not travel: {own} is what this machine, or its kernel, keeps for itself")


def _check_apart(_: object, __: attrs.Attribute[tuple[TreeSettings, ...]], trees: tuple[TreeSettings, ...]) -> None:
    places = sorted(tree.path.rstrip("/") + "/" for tree in trees)
    for above, below in itertools.pairwise(places):
        if below.startswith(above):
            raise ValueError(f"{below} lies in {above}: each directory belongs to one tree")


@attrs.frozen(kw_only=True)
class TreeSettings:
    """One directory tree that is synced."""

    path: str = attrs.field(validator=_check_path)
    homes: TreeKind


@attrs.frozen(kw_only=True)
class FilesSettings(JobSettings):
    """Which trees are made equal, and how many deletions are usual."""

    trees: tuple[TreeSettings, ...] = attrs.field(
        default=(
            TreeSettings(path="/home", homes=TreeKind.HOMES),
            TreeSettings(path="/root", homes=TreeKind.HOME),
        ),
        validator=_check_apart,
        metadata={
            "help": "Directory trees that are made equal. homes: where rules for home folders apply: "
            '"homes" (every directory directly below) or "home" (the tree itself).'
        },
    )
    max_deletions: int = setting(5000, "More deletions than this on the other PC need --allow mass-deletion.", least=0)
    max_deletion_percent: int = setting(
        25,
        "So do 50 or more deletions that are more than this share of what it has",
        least=0,
        most=100,
        unit="percent",
    )
