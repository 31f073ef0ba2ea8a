"""The base: the state that two machines had in common after their last run, per job, kept on both.

``/var/lib/pc-switcher/bases/<machine id of the other>/<run>-<job>.base`` holds one line of JSON (``BaseHead``) and
then the job's encoded state. A base counts only where both machines hold one of the same run and digest. The target
gets it before it is changed, the source last of all: whatever a crash leaves, the newest one both have is true, and
the later ones of the target tell what was being brought to it, so that nobody takes it for edits made there.

The base is the state of the source, which all that was applied is on the target too. Of an item that was skipped, kept
or failed it has what the base before had (``Job.agree``): the target has still nothing to lose where it changed
nothing, and its own edit stays an edit, also one made while the run was on. Were it in the base, the next run would
overwrite it without a question (promise 7).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from pcswitcher.jobs.registry import AnyJob
from pcswitcher.machine.api import Context, Listener, Machine, exposed
from pcswitcher.machine.durable import sync_directory
from pcswitcher.machine.lock import Role
from pcswitcher.model.codec import dumps, loads
from pcswitcher.model.errors import CheckError, FormatError
from pcswitcher.model.plan import Finding, Severity
from pcswitcher.run.paths import STATE_DIRECTORY
from pcswitcher.run.record import RunRecord, read_records
from pcswitcher.snapshots.names import Moment

BASE_FORMAT = 1
BROUGHT = 8
"""How many states of runs that were cut short are kept; each may be some ten MB."""
_PIECE = 512 * 1024
_HEAD_LIMIT = 64 * 1024
_FILE = re.compile(r"(\d{4,9})-([A-Za-z0-9_-]{1,60})\.base")
_PEER = re.compile(r"[A-Za-z0-9-]{1,80}")


@attrs.frozen(kw_only=True)
class BaseHead:
    """What is known of a base without reading its state."""

    format: int = BASE_FORMAT
    run: str
    """Label of the run after which it was true."""
    job: str
    state_version: int
    """Of the job: see ``Job.state_version``."""
    source_id: str
    """Machine ids of that run."""
    target_id: str
    digest: str
    """SHA-256 of the encoded state."""
    size: int
    """Bytes of the encoded state."""
    subvolumes: tuple[str, ...] = ()
    """Those whose snapshots after the run show the same state: they are held against pruning."""


@attrs.frozen(kw_only=True)
class KeptBases:
    """The bases a machine keeps: what is known of each, and files that cannot be read."""

    heads: tuple[BaseHead, ...]
    damaged: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Common:
    """What two machines have in common: by job, the state; and what a person should know about what is lost."""

    states: Mapping[str, object]
    heads: Mapping[str, BaseHead]
    brought: Mapping[str, tuple[object, ...]] = attrs.field(factory=dict[str, tuple[object, ...]])
    """By job: what runs since then were bringing to the target when they were cut short, oldest first."""
    brought_by: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict[str, tuple[str, ...]])
    """By job: the labels of these runs, oldest first."""
    known: bool = False
    """Whether they have anything in common, of whichever job."""
    findings: tuple[Finding, ...] = ()


@exposed
def read_heads(context: Context, peer: str) -> KeptBases:
    """The bases this machine has in common with the machine whose id is ``peer``, oldest first."""
    return _read_heads(_directory(peer))


@exposed
def read_held(context: Context) -> tuple[str, ...]:
    """UUIDs of all snapshots of this machine that belong to a base with any other machine that may still be there."""
    top = f"{STATE_DIRECTORY}/bases"
    records, _, _ = read_records(STATE_DIRECTORY)
    names = set(os.listdir(top)) if os.path.isdir(top) else set[str]()
    peers = sorted(names - replaced_machines(records))
    heads = [head for peer in peers if _PEER.fullmatch(peer) for head in _read_heads(f"{top}/{peer}").heads]
    return held_snapshots(heads, records)


@exposed
def send_state(context: Context, peer: str, run: str, job: str) -> None:
    """Send the encoded state of a base as the call's stream. Raises FormatError when it is not as its head says."""
    with open(_path(peer, run, job), "rb") as file:
        head = loads(BaseHead, file.readline(_HEAD_LIMIT))
        digest = hashlib.sha256()
        while piece := file.read(_PIECE):
            context.check_cancelled()
            digest.update(piece)
            context.send(piece)
    if digest.hexdigest() != head.digest:
        raise FormatError(f"the base of {job} of run {run} is damaged")


@exposed
def write_state(context: Context, peer: str, head: BaseHead, data: str, first: bool, last: bool) -> None:  # noqa: FBT001 - travels as JSON
    """Write a base piece by piece (``data``: base64). With the ``last`` piece it counts, durably.

    Raises FormatError when the whole is not what its head says; what was there before then stays.
    """
    path = _path(peer, head.run, head.job)
    directory, new = os.path.dirname(path), f"{path}.new"
    if first:
        os.makedirs(directory, 0o700, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | (os.O_TRUNC if first else os.O_APPEND)
    try:
        piece = base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise FormatError("a piece of a base is not base64") from error
    with os.fdopen(os.open(new, flags, 0o600), "wb") as file:
        if first:
            file.write(dumps(head).encode("ascii") + b"\n")
        file.write(piece)
        if last:
            file.flush()
            os.fsync(file.fileno())
    if last:
        if _digest(new) != head.digest:
            os.unlink(new)
            raise FormatError(f"the base of {head.job} did not arrive whole")
        os.replace(new, path)
        sync_directory(directory)


@exposed
def forget_bases(context: Context, peer: str, job: str, keep: tuple[str, ...]) -> None:
    """Remove a job's bases of all runs but those of ``keep``, and what was never written whole."""
    directory = _directory(peer)
    for name in os.listdir(directory) if os.path.isdir(directory) else ():
        match = _FILE.fullmatch(name.removesuffix(".new"))
        if match and match[2] == job and (name.endswith(".new") or match[1] not in keep):
            Path(directory, name).unlink(missing_ok=True)


async def read_common(
    source: Machine, target: Machine, source_id: str, target_id: str, jobs: Sequence[AnyJob]
) -> Common:
    """Read what both machines last had in common. What cannot be used is told and counts as not there."""
    here, there = await asyncio.gather(source.call(read_heads, target_id), target.call(read_heads, source_id))
    states: dict[str, object] = {}
    heads: dict[str, BaseHead] = {}
    brought: dict[str, tuple[object, ...]] = {}
    brought_by: dict[str, tuple[str, ...]] = {}
    findings: list[Finding] = []
    for job in jobs:
        head = newest_common(here.heads, there.heads, job.name)
        later = brought_since(there.heads, target_id, job.name, head)
        brought_by[job.name] = tuple(each.run for each in later)
        if head is None:
            lost = [each for each in (*here.heads, *there.heads) if each.job == job.name and each not in later]
            if lost or any(name.endswith(f"-{job.name}.base") for name in (*here.damaged, *there.damaged)):
                findings.append(_unusable(source, target, job, "the two machines do not have the same one"))
            continue
        try:
            data = await _read_state(source, target_id, head)
            states[job.name] = job.decode_state(head.state_version, data)
            heads[job.name] = head
            brought[job.name] = await _read_brought(target, source_id, job, later)
        except FormatError as error:
            findings.append(_unusable(source, target, job, error.message))
    known = any(newest_common(here.heads, there.heads, name) for name in {head.job for head in here.heads})
    return Common(
        states=states, heads=heads, brought=brought, brought_by=brought_by, known=known, findings=tuple(findings)
    )


async def keep_base(machine: Machine, peer: str, head: BaseHead, data: bytes) -> None:
    """Keep a base on a machine; ``peer`` is the id of the other one. Raises CheckError when it cannot be written."""
    try:
        for start, piece, last in _pieces(data):
            encoded = base64.b64encode(piece).decode("ascii")
            await machine.call(write_state, peer, head, encoded, start == 0, last)
    except FormatError as error:
        raise CheckError(f"{machine.name}: {error.message}", "start the same command again") from error


def newest_common(here: Sequence[BaseHead], there: Sequence[BaseHead], job: str) -> BaseHead | None:
    """The newest base of a job that two machines have alike. Pure."""
    known = {(head.run, head.digest) for head in there if head.job == job}
    mine = [head for head in here if head.job == job and (head.run, head.digest) in known]
    return max(mine, key=lambda head: int(head.run), default=None)


def held_snapshots(heads: Iterable[BaseHead], records: Sequence[RunRecord]) -> tuple[str, ...]:
    """UUIDs of the snapshots that bases hold, told from the records of their runs on one machine. Pure."""
    by_label = {record.label: record for record in records}
    return tuple(
        dict.fromkeys(
            snapshot.uuid
            for head in heads
            if (record := by_label.get(head.run)) is not None
            for snapshot in record.snapshots
            if snapshot.moment is Moment.POST
            and snapshot.subvolume in head.subvolumes
            and snapshot.machine == record.own_name
        )
    )


def replaced_machines(records: Sequence[RunRecord]) -> frozenset[str]:
    """Ids of machines that were installed anew or replaced, as the records of one machine (oldest first) tell. Pure.

    Such a machine was last met under a hostname with which another one has completed a run since. A machine that took
    part in a run after that is there still, and so is one that was given another name.
    """
    last: dict[str, str] = {}
    replaced: set[str] = set()
    for record in records:
        own_is_source = record.role is Role.SOURCE
        peer, name = (record.target_id, record.target) if own_is_source else (record.source_id, record.source)
        replaced.discard(peer)
        last[peer] = name
        if record.complete:
            replaced |= {other for other, known in last.items() if known == name and other != peer}
    return frozenset(replaced)


def brought_since(there: Sequence[BaseHead], target_id: str, job: str, common: BaseHead | None) -> tuple[BaseHead, ...]:
    """The bases that only the target has, since the ``common`` one: of runs that were cut short. Pure."""
    first = int(common.run) if common else 0
    later = [each for each in there if each.job == job and each.target_id == target_id and int(each.run) > first]
    return tuple(sorted(later, key=lambda head: int(head.run)))


async def _read_brought(target: Machine, peer: str, job: AnyJob, heads: Sequence[BaseHead]) -> tuple[object, ...]:
    """The states of these bases; one that cannot be read is left out: it only tells what is nobody's edit."""
    states: list[object] = []
    for head in heads:
        with contextlib.suppress(FormatError):
            states.append(job.decode_state(head.state_version, await _read_state(target, peer, head)))
    return tuple(states)


def _pieces(data: bytes) -> Iterator[tuple[int, bytes, bool]]:
    for start in range(0, max(len(data), 1), _PIECE):
        yield start, data[start : start + _PIECE], start + _PIECE >= len(data)


async def _read_state(machine: Machine, peer: str, head: BaseHead) -> bytes:
    chunks: list[bytes] = []
    await machine.call_listening(Listener(chunk=chunks.append), send_state, peer, head.run, head.job)
    return b"".join(chunks)


def _unusable(source: Machine, target: Machine, job: AnyJob, reason: str) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        machine=target.name,
        message=f"{job.title}: what {source.name} and {target.name} last had in common cannot be used ({reason}); "
        f"what {target.name} changed itself cannot be told from what {source.name} changed",
        hint="look at every change and removal before you say yes",
    )


def _directory(peer: str) -> str:
    if not _PEER.fullmatch(peer):
        raise FormatError(f"{peer!r} is no id of a machine")
    return f"{STATE_DIRECTORY}/bases/{peer}"


def _path(peer: str, run: str, job: str) -> str:
    name = f"{run}-{job}.base"
    if not _FILE.fullmatch(name):
        raise FormatError(f"{name!r} is no name of a base")
    return f"{_directory(peer)}/{name}"


def _read_heads(directory: str) -> KeptBases:
    heads: list[BaseHead] = []
    damaged: list[str] = []
    names = [name for name in os.listdir(directory) if _FILE.fullmatch(name)] if os.path.isdir(directory) else []
    for name in sorted(names, key=lambda name: int(name.partition("-")[0])):
        try:
            with open(f"{directory}/{name}", "rb") as file:
                line = file.readline(_HEAD_LIMIT)
                head = loads(BaseHead, line)
                whole = os.fstat(file.fileno()).st_size == len(line) + head.size
        except (OSError, FormatError):
            damaged.append(name)
            continue
        if head.format == BASE_FORMAT and whole and name == f"{head.run}-{head.job}.base":
            heads.append(head)
        else:
            damaged.append(name)
    return KeptBases(heads=tuple(heads), damaged=tuple(damaged))


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        file.readline(_HEAD_LIMIT)
        return hashlib.file_digest(file, "sha256").hexdigest()
