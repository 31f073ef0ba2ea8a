"""From a delta to the steps that apply it, in the order that keeps every path old or final. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from pcswitcher.files.change import CARRIED, Action, FileChange, TreeDelta
from pcswitcher.files.databases import JOURNALS, SHARED_MEMORY
from pcswitcher.files.entry import Kind, order_key, parent_of
from pcswitcher.files.flags import NOCOW
from pcswitcher.files.steps import Area, FileStep, Fingerprint, MetadataStep, StepAction

_STEPS = {
    Action.CREATE: StepAction.PLACE,
    Action.RETYPE: StepAction.EXCHANGE,
    Action.UPDATE: StepAction.REPLACE,
    Action.LINK: StepAction.REPLACE,
}


@attrs.frozen
class ApplyPlan:
    """What is carried into which area, then the steps in their order, then metadata: files, then directories.

    ``along``: for paths that come into place with a directory above them, that directory.
    """

    carried: dict[Area, tuple[bytes, ...]]
    steps: tuple[FileStep, ...]
    metadata: tuple[MetadataStep, ...]
    along: dict[bytes, bytes]


def plan(delta: TreeDelta) -> ApplyPlan:
    """Order a delta.

    First what makes room for a change of kind, then everything carried, then deletions deepest first; then
    metadata, that of directories last and deepest first.
    """
    arriving: set[bytes] = set()
    along: dict[bytes, bytes] = {}
    carried: dict[Area, list[bytes]] = {area: [] for area in Area}
    placing: list[FileStep] = []
    units: dict[bytes, list[FileChange]] = {}
    for change in delta.changes:
        if change.action is Action.DELETE and change.unit:
            units.setdefault(change.unit, []).append(change)
        if change.action not in CARRIED or change.after is None:
            continue
        area = _area(change, delta.flag_mask)
        carried[area].append(change.path)
        parent = parent_of(change.path)
        if change.path and parent in arriving and area is Area.PLAIN:
            along[change.path] = along.get(parent, parent)
        elif change.unit:
            units.setdefault(change.unit, []).append(change)
        else:
            placing.append(_carry_step(change, area))
        if change.after.kind is Kind.DIRECTORY:
            arriving.add(change.path)
    for unit, members in units.items():
        placing.extend(_unit_steps(unit, members, delta.flag_mask))
    emptied = {change.path for change in delta.changes if change.action is Action.RETYPE and _was_directory(change)}
    removing = [change for change in delta.deletions() if not change.unit]
    first = [_remove_step(change) for change in removing if _below_any(change.path, emptied)]
    last = [_remove_step(change) for change in removing if not _below_any(change.path, emptied)]
    return ApplyPlan(
        {area: tuple(paths) for area, paths in carried.items()},
        (*first, *placing, *last),
        tuple(_metadata(delta)),
        along,
    )


def _area(change: FileChange, mask: int) -> Area:
    after = change.after
    nocow = after is not None and after.kind is Kind.FILE and after.flags & mask & NOCOW
    return Area.NOCOW if nocow else Area.PLAIN


def _carry_step(change: FileChange, area: Area, unit: bytes = b"") -> FileStep:
    before = None if change.before is None else Fingerprint.of(change.before)
    after = None if change.after is None else Fingerprint.of(change.after)
    return FileStep(change.path, _STEPS[change.action], before, after, area, unit)


def _remove_step(change: FileChange, unit: bytes = b"") -> FileStep:
    before = None if change.before is None else Fingerprint.of(change.before)
    return FileStep(change.path, StepAction.REMOVE, before, unit=unit)


def _unit_steps(unit: bytes, members: list[FileChange], mask: int) -> Iterator[FileStep]:
    """First everything of the old database but itself goes, then the new one comes, then its log and journal.

    An old log beside a new database, or a new one beside an old database, would be replayed into it.
    """
    by_path = {change.path: change for change in members}
    for suffix in (SHARED_MEMORY, *JOURNALS):
        change = by_path.get(unit + suffix)
        if change is not None and change.before is not None:
            yield _remove_step(change, unit)
    for path in (unit, *(unit + suffix for suffix in JOURNALS)):
        change = by_path.get(path)
        if change is None or change.after is None:
            continue
        step = _carry_step(change, _area(change, mask), unit)
        yield step if path == unit else attrs.evolve(step, action=StepAction.PLACE, expected=None)


def _was_directory(change: FileChange) -> bool:
    return change.before is not None and change.before.kind is Kind.DIRECTORY


def _below_any(path: bytes, directories: set[bytes]) -> bool:
    """Whether a path is below one of ``directories``, looking at its ancestors only."""
    if not directories:
        return False
    parent = parent_of(path)
    while parent:
        if parent in directories:
            return True
        parent = parent_of(parent)
    return False


def _metadata(delta: TreeDelta) -> Iterator[MetadataStep]:
    directories: list[MetadataStep] = []
    for change in delta.changes:
        after = change.after
        if after is None:
            continue
        if change.action is Action.METADATA and change.before is not None:
            step = MetadataStep(after, Fingerprint.of(change.before))
        elif change.action in CARRIED and after.flags & delta.flag_mask:
            step = MetadataStep(after, Fingerprint.of(after), flags_only=True)
        else:
            continue
        if after.kind is Kind.DIRECTORY:
            directories.append(step)
        else:
            yield step
    yield from sorted(directories, key=lambda step: order_key(step.entry.path), reverse=True)
