"""What a person marked as machine-specific: it stays on its machine as it is, and does not travel.

Each machine keeps the marks of its own items in ``/var/lib/pc-switcher/marks.json``, which only root reads (it names
everybody's files) and which no run carries. In a run the marks of both machines count: what is marked on one is
neither taken from it nor brought over it.

A mark names one item (``exact``; for a path also everything below it) or is a pattern: for paths in the syntax of
gitignore(5), counted from ``/``, for other items in that of fnmatch(3): ``nvidia-*``. Both are written as items are
shown (``model.text.escape``).
"""

from __future__ import annotations

import fcntl
import fnmatch
import getpass
import json
import os
import re
import uuid
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import attrs

from pcswitcher.files.patterns import Pattern, PatternIndex, compile_pattern
from pcswitcher.jobs.registry import AnyJob
from pcswitcher.machine.api import Context, Machine, exposed
from pcswitcher.machine.durable import write_file
from pcswitcher.machine.pieces import batches, receive_values, send_values
from pcswitcher.model.codec import dumps, from_json
from pcswitcher.model.errors import CheckError, FormatError, PcSwitcherError
from pcswitcher.model.events import Level, now
from pcswitcher.model.plan import Change, Decision, Plan
from pcswitcher.model.text import printable, unescape
from pcswitcher.run.bus import Bus
from pcswitcher.run.paths import STATE_DIRECTORY

MARKS_FORMAT = 1
MARKS_FILE = "marks.json"
_collected: dict[str, tuple[tuple[Mark, ...], tuple[Mark, ...]]] = {}
"""In an agent: what is to be added and removed by changes that are still on their way, by the name of the change."""


@attrs.frozen(kw_only=True)
class Mark:
    """One mark: since when, by whom and why."""

    job: str
    pattern: str
    """An item as its job shows it, or a pattern of items."""
    exact: bool = True
    """Whether it is an item. Only those are dropped when the item is gone."""
    since: datetime
    user: str
    reason: str = ""

    @property
    def key(self) -> tuple[str, str, bool]:
        """What makes it the same mark as another one."""
        return self.job, self.pattern, self.exact


@attrs.frozen(kw_only=True)
class Marks:
    """The marks of one machine."""

    format: int = MARKS_FORMAT
    marks: tuple[Mark, ...] = ()


async def read_marks_of(machine: Machine) -> Marks:
    """The marks of a machine; none where there is no file. Raises CheckError when there is one and it is damaged."""
    _, marks = await receive_values(machine, Mark, send_marks)
    return Marks(marks=marks)


async def change_marks_on(machine: Machine, add: Sequence[Mark], remove: Sequence[Mark]) -> None:
    """Add and remove marks of a machine, however many, durably and all at once.

    Raises CheckError for a damaged file, which stays as it is, and FormatError for a pattern that is none.
    """
    change = uuid.uuid4().hex
    for batch in batches(add, _size):
        await machine.call(collect_marks, change, batch, ())
    for batch in batches(remove, _size):
        await machine.call(collect_marks, change, (), batch)
    if add or remove:
        await machine.call(change_marks, change)


@exposed
def send_marks(context: Context) -> None:
    """Send this machine's marks as the call's stream: see ``read_marks_of``."""
    send_values(context, load_marks(STATE_DIRECTORY).marks)


@exposed
def collect_marks(context: Context, change: str, add: tuple[Mark, ...], remove: tuple[Mark, ...]) -> None:
    """Take a part of a change, which is made by ``change_marks``. Until then it is forgotten when the agent ends."""
    earlier = _collected.get(change, ((), ()))
    _collected[change] = (*earlier[0], *add), (*earlier[1], *remove)


@exposed
def change_marks(context: Context, change: str) -> None:
    """Make the change that was collected: see ``change_marks_on``."""
    keep_marks(STATE_DIRECTORY, *_collected.pop(change, ((), ())))


def keep_marks(state: str, add: Sequence[Mark], remove: Sequence[Mark]) -> None:
    """Add and remove marks in a state directory, durably and all at once. Raises CheckError, FormatError."""
    MarkIndex(add)
    os.makedirs(state, 0o755, exist_ok=True)
    with _alone(state):
        before = load_marks(state)
        after = changed_marks(before, add, remove)
        if after != before:
            write_file(f"{state}/{MARKS_FILE}", dumps(after, indent=1) + "\n", mode=0o600)


def load_marks(state: str) -> Marks:
    """The marks in a state directory. Raises CheckError: a file that cannot be read never counts as empty."""
    path = f"{state}/{MARKS_FILE}"
    place = f"{os.uname().nodename}: {path}"
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            data = json.loads(file.read())
        form = data.get("format") if isinstance(data, dict) else None
        if type(form) is int and form > MARKS_FORMAT:
            raise CheckError(
                f"{place} was written by a newer pc-switcher (format {form}, this one knows {MARKS_FORMAT}), so it is "
                "not known what is machine-specific",
                f"install a newer pc-switcher, or mark anew: sudo mv {path} {path}.old",
            )
        marks = from_json(Marks, data)
        MarkIndex(marks.marks)
    except FileNotFoundError:
        return Marks()
    except (OSError, ValueError, RecursionError, FormatError) as error:
        raise CheckError(
            f"{place} cannot be read, so it is not known what is machine-specific: {printable(str(error))}",
            f"correct it; or, to begin without marks: sudo mv {path} {path}.old",
        ) from error
    if marks.format != MARKS_FORMAT:
        raise CheckError(f"{place} is of format {marks.format}, which never was", f"sudo mv {path} {path}.old")
    return marks


def changed_marks(marks: Marks, add: Sequence[Mark], remove: Sequence[Mark]) -> Marks:
    """The marks with some more and some less. One that is there already stays; a new reason replaces the old. Pure."""
    found = {mark.key: mark for mark in marks.marks}
    for mark in remove:
        found.pop(mark.key, None)
    for mark in add:
        before = found.get(mark.key)
        found[mark.key] = attrs.evolve(before, reason=mark.reason or before.reason) if before else mark
    return attrs.evolve(marks, marks=tuple(found[key] for key in sorted(found)))


def marked_items(marks: Iterable[Marks], job: str, changes: Sequence[Change]) -> frozenset[str]:
    """Which of a job's changes are to machine-specific items. ``marks``: those of both machines. Pure."""
    relevant = [mark for each in marks for mark in each.marks if mark.job == job]
    if not relevant:
        return frozenset()
    index = MarkIndex(relevant)
    return frozenset(change.item for change in changes if index.find(change.item) is not None)


def marks_from(
    plan: Plan, user: str | None = None, since: datetime | None = None
) -> tuple[tuple[Mark, ...], tuple[Mark, ...]]:
    """The marks that a plan's KEEP decisions mean: for the source, and for the target.

    The machine that holds the item keeps its mark: the target, where there is anything to keep. A directory's mark
    covers what is below, so where all that changes below one is kept with it, it is the only one. ``user`` and
    ``since`` are who decided and when; left out: the person who runs this, now. Pure when both are given.
    """
    who, when = user or getpass.getuser(), since or now()
    for_source: list[Mark] = []
    for_target: list[Mark] = []
    for section in plan.sections:
        kept = {item for item, made in plan.decisions.get(section.job, {}).items() if made is Decision.KEEP}
        taken = [change for change in section.changes if change.item in kept]
        mixed = {above for change in section.changes if change.item not in kept for above in _above(change.item)}
        for side, on_target in ((for_source, False), (for_target, True)):
            mine = [change.item for change in taken if bool(change.before) is on_target]
            whole = {_bare(item) for item in mine} - mixed
            side += [
                Mark(job=section.job, pattern=item, since=when, user=who, reason="kept in the review")
                for item in mine
                if whole.isdisjoint(_above(item))
            ]
    return tuple(for_source), tuple(for_target)


async def drop_gone(machine: Machine, jobs: Sequence[AnyJob], bus: Bus) -> tuple[Mark, ...]:
    """Drop the marks of items that their job proves to be gone from ``machine``; tells which.

    Patterns stay, and so does what belongs to a job that is not asked or cannot tell. Raises CheckError.
    """
    marks = [mark for mark in (await read_marks_of(machine)).marks if mark.exact]
    gone: list[Mark] = []
    for job in jobs:
        mine = [mark for mark in marks if mark.job == job.name]
        try:
            proved = await job.gone(machine, [mark.pattern for mark in mine]) if mine else frozenset[str]()
        except PcSwitcherError as error:  # no proof
            bus.log(Level.FULL, f"marks stay whose items cannot be looked for: {error}", machine.name, job.name)
            continue
        gone += [mark for mark in mine if mark.pattern in proved]
    await change_marks_on(machine, (), gone)
    for mark in gone:
        bus.log(Level.INFO, f"{mark.pattern} is gone, and with it its mark", machine.name, mark.job)
    return tuple(gone)


class MarkIndex:
    """Finds the mark that covers an item of one job. Raises FormatError for a pattern that is none."""

    def __init__(self, marks: Iterable[Mark]) -> None:
        known = tuple(marks)
        for mark in known:
            if not mark.pattern.strip("/"):
                raise FormatError(f"{mark.pattern!r} marks nothing")
        patterns = [mark for mark in known if not mark.exact]
        self._exact = {_bare(mark.pattern): mark for mark in known if mark.exact}
        self._globs = tuple(
            (re.compile(fnmatch.translate(mark.pattern)), mark) for mark in patterns if not _is_path(mark.pattern)
        )
        self._paths = PatternIndex([_compiled(mark) for mark in patterns if _is_path(mark.pattern)])
        self._directories: dict[str, Mark | None] = {"": None}

    def find(self, item: str) -> Mark | None:
        """The mark that covers ``item``, the nearest first; None: it is not machine-specific."""
        if not _is_path(item):
            return self._exact.get(item) or next((mark for glob, mark in self._globs if glob.match(item)), None)
        path = _bare(item)
        return self._match(path, is_directory=False) or self._find_above(path)

    def _find_above(self, path: str) -> Mark | None:
        unknown: list[str] = []
        directory = path.rpartition("/")[0]
        while directory not in self._directories:
            unknown.append(directory)
            directory = directory.rpartition("/")[0]
        found = self._directories[directory]
        for below in reversed(unknown):
            found = self._match(below, is_directory=True) or found
            self._directories[below] = found
        return found

    def _match(self, path: str, *, is_directory: bool) -> Mark | None:
        return self._exact.get(path) or self._paths.strongest(_raw(path)[1:], is_directory)


def _size(mark: Mark) -> int:
    return len(dumps(mark))


def _above(item: str) -> Iterator[str]:
    """The directories that a path is below, without slashes at their ends; of other items there are none."""
    above = _bare(item) if _is_path(item) else ""
    while above := above.rpartition("/")[0]:
        yield above


def _is_path(text: str) -> bool:
    return text.startswith("/")


def _bare(item: str) -> str:
    """A path without the slashes at its end, which say no more than that it is a directory."""
    return item.rstrip("/") if _is_path(item) else item


def _compiled(mark: Mark) -> tuple[Mark, Pattern]:
    try:
        # Whether the item itself is a directory is not known here, so a slash at the end must not matter.
        return mark, compile_pattern(_raw(_bare(mark.pattern)))
    except FormatError as error:
        raise FormatError(f"{mark.pattern} is no pattern: {error.message}") from error


def _raw(text: str) -> bytes:
    try:
        return unescape(text)
    except FormatError:  # a job of others that does not escape its items
        return text.encode("utf-8", "surrogateescape")


@contextmanager
def _alone(directory: str) -> Generator[None]:
    """Hold back others who change the marks meanwhile (flock(2), given back by the kernel however we end)."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
