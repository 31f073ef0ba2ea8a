"""What a machine remembers of its runs: two small files per run, written by its agent.

``/var/lib/pc-switcher/runs/<label>/run.json`` tells who synced whom, when, and how it ended. It holds counts
and host names, no paths, and may be read by everyone on the machine. ``details.json`` beside it names the items
that need attention; only root reads it, for it tells of everybody's files.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import attrs

from pcswitcher.machine.api import Context, Machine, exposed
from pcswitcher.machine.durable import write_file
from pcswitcher.machine.lock import Role
from pcswitcher.machine.pieces import receive_values, send_values
from pcswitcher.model.codec import dumps, from_json, loads
from pcswitcher.model.errors import CheckError, FormatError, PcSwitcherError
from pcswitcher.model.events import Outcome
from pcswitcher.model.plan import Action
from pcswitcher.run.paths import STATE_DIRECTORY
from pcswitcher.snapshots.folder import Snapshot
from pcswitcher.snapshots.names import Moment

RECORD_FORMAT = 2
DETAILS_FORMAT = 1
DETAILS_LIMIT = 1000
"""How many items of one kind are named in the details; the log names all."""
_LABEL = re.compile(r"\d{4,9}")


@attrs.frozen(kw_only=True)
class JobRecord:
    """What one job of a run was to do, what was decided about it, and how it ended."""

    name: str
    title: str = ""
    outcome: Outcome
    items: int
    """Items that are as planned."""
    size: int
    """Bytes that travelled for them, by the plan."""
    reason: str = ""
    seconds: float = 0.0
    counts: dict[Action, int] = attrs.field(factory=dict[Action, int])
    """The changes of the plan that was shown, by action."""
    conflicts: int = 0
    """How many of them the target had changed itself."""
    skipped: int = 0
    """How many the person decided to skip."""
    kept: int = 0
    """How many the person decided to keep as machine-specific."""
    marked: int = 0
    """Items that differ and were left alone because they were machine-specific before."""
    problems: int = 0
    """Items that differ and could not be planned."""
    failures: int = 0
    """Items that could not be made as planned."""
    differences: int = 0
    """What verification found."""


@attrs.frozen(kw_only=True)
class SnapshotRecord:
    """A snapshot a run took. It is known by its UUID: a path can come to mean another one (faults row 36)."""

    machine: str
    """Host name."""
    moment: Moment
    subvolume: str
    uuid: str


@attrs.frozen(kw_only=True)
class Ancestry:
    """Whose work a machine holds: see ``run.lineage``."""

    branch: str = ""
    """Names the machine's own line of work; empty in records of format 1: its machine id."""
    seen: dict[str, int] = attrs.field(factory=dict[str, int])
    """By branch: the number of the newest run whose work is contained."""


@attrs.frozen(kw_only=True)
class RunRecord:
    """One run as one of its machines remembers it."""

    format: int = RECORD_FORMAT
    label: str
    role: Role
    source: str
    """Host name, for people."""
    target: str
    source_id: str
    """Machine id (see MachineIdentity), for decisions."""
    target_id: str
    user: str
    version: str
    started: datetime
    ended: datetime | None = None
    outcome: Outcome | None = None
    """None: the run did not come to its end."""
    changed: bool = False
    """Whether the target may differ from its snapshots of before; False again once a run was undone."""
    message: str = ""
    jobs: tuple[JobRecord, ...] = ()
    warnings: int = 0
    log: str = ""
    """The name of its log on the source, as `pc-switcher logs` takes it."""
    snapshots: tuple[SnapshotRecord, ...] = ()
    """Of both machines, as far as they were taken and not dropped again."""
    ancestry: Ancestry = Ancestry()
    """The source's when the run began."""

    @property
    def own_name(self) -> str:
        """The host name its machine had then."""
        return self.source if self.role is Role.SOURCE else self.target

    @property
    def number(self) -> int:
        """The label as a number. Larger than those of all runs before it on both its machines."""
        return int(self.label)

    @property
    def complete(self) -> bool:
        """Whether the target holds the source's work since."""
        return self.outcome in {Outcome.DONE, Outcome.PARTIAL}

    @property
    def halfway(self) -> bool:
        """Whether it left the target between before and after."""
        return self.changed and not self.complete


@attrs.frozen(kw_only=True)
class JobDetails:
    """The items of one job that need attention, each with its reason where there is one; safe for a terminal."""

    name: str
    failures: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    """With what was decided: "source: /home/sam/note"."""
    skipped: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class RunDetails:
    """What of a run only root may read."""

    format: int = DETAILS_FORMAT
    label: str
    warnings: tuple[str, ...] = ()
    jobs: tuple[JobDetails, ...] = ()


@attrs.frozen(kw_only=True)
class MachineIdentity:
    """Our own id of an installation. It is void when /etc/machine-id is another than when it was given."""

    id: str
    etc_machine_id: str


@attrs.frozen(kw_only=True)
class Memory:
    """What a machine knows when a run begins."""

    identity: MachineIdentity
    records: tuple[RunRecord, ...]
    last_number: int
    damaged: tuple[str, ...]
    """Labels of records that cannot be read, or that a newer program wrote."""

    @property
    def unfinished(self) -> tuple[RunRecord, ...]:
        """Runs that did not come to their end, oldest first."""
        return tuple(record for record in self.records if record.outcome is None)


@exposed
def send_memory(context: Context) -> Memory:
    """Tell this machine's memory, its records as the call's stream: see ``read_memory_of``."""
    memory = load_memory()
    send_values(context, map(_essence, memory.records))
    return attrs.evolve(memory, records=())


async def read_memory_of(machine: Machine) -> Memory:
    """Read what a machine remembers. Of runs that came to their end, only what lineage and recovery look at.

    Raises CheckError when its id cannot be read.
    """
    memory, records = await receive_values(machine, RunRecord, send_memory)
    return attrs.evolve(memory, records=records)


def load_memory() -> Memory:
    """Read this machine's id and its runs. A machine without an id is given one that ``write_record`` keeps."""
    records, damaged, last = read_records(STATE_DIRECTORY)
    return Memory(
        identity=_read_identity() or MachineIdentity(id=str(uuid.uuid4()), etc_machine_id=_etc_machine_id()),
        records=records,
        last_number=last,
        damaged=damaged,
    )


@exposed
def write_record(context: Context, record: RunRecord, identity: MachineIdentity) -> None:
    """Keep a run's record and the machine's id, durably. Repeating it replaces what was there."""
    directory = run_directory(record.label)
    os.makedirs(STATE_DIRECTORY, 0o755, exist_ok=True)
    if _read_identity() != identity:
        write_file(f"{STATE_DIRECTORY}/machine.json", dumps(identity, indent=1) + "\n")
    os.makedirs(directory, 0o755, exist_ok=True)
    write_file(f"{directory}/run.json", dumps(record, indent=1) + "\n")


@exposed
def write_details(context: Context, details: RunDetails) -> None:
    """Keep what only root may read of a run, durably. Repeating it replaces what was there."""
    directory = run_directory(details.label)
    os.makedirs(directory, 0o755, exist_ok=True)
    write_file(f"{directory}/details.json", dumps(details, indent=1) + "\n", mode=0o600)


@exposed
def read_details(context: Context, label: str) -> RunDetails | None:
    """What only root may read of a run; None when nothing was kept. Raises CheckError when it cannot be read."""
    path = f"{run_directory(label)}/details.json"
    try:
        return loads(RunDetails, Path(path).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, FormatError) as error:
        raise CheckError(f"{os.uname().nodename}: {path} cannot be read: {error}") from error


def within_limit(items: Sequence[str]) -> tuple[str, ...]:
    """The first DETAILS_LIMIT of ``items``, and a line that says how many more there are."""
    more = len(items) - DETAILS_LIMIT
    return (*items[:DETAILS_LIMIT], *((f"and {more:,} more",) if more > 0 else ()))


def snapshot_records(machine: str, snapshots: Sequence[Snapshot]) -> tuple[SnapshotRecord, ...]:
    """Snapshots taken on ``machine`` (its host name), as a run's record keeps them."""
    return tuple(
        SnapshotRecord(machine=machine, moment=each.moment, subvolume=each.subvolume, uuid=each.uuid)
        for each in snapshots
    )


def read_records(state: str) -> tuple[tuple[RunRecord, ...], tuple[str, ...], int]:
    """All records below a state directory, oldest first; labels of unreadable ones; the highest number."""
    try:
        labels = sorted((name for name in os.listdir(f"{state}/runs") if _LABEL.fullmatch(name)), key=int)
    except FileNotFoundError:
        return (), (), 0
    records: list[RunRecord] = []
    damaged: list[str] = []
    for label in labels:
        if not os.listdir(f"{state}/runs/{label}"):
            continue  # the run was cut short before it wrote the first word; its number is taken
        try:
            records.append(_read_record(Path(state, "runs", label, "run.json")))
        except (OSError, FormatError):
            damaged.append(label)
    return tuple(records), tuple(damaged), int(labels[-1]) if labels else 0


def find_record(records: tuple[RunRecord, ...], label: str) -> RunRecord:
    """The record of a run by its label or number. Raises PcSwitcherError naming the ones there are."""
    for record in records:
        if record.label == label or (label.isdecimal() and int(record.label) == int(label)):
            return record
    last = f"the last one is {records[-1].label}" if records else "there are none yet"
    raise PcSwitcherError(f"this PC knows no run {label}; {last}", "pc-switcher history")


def run_directory(label: str) -> str:
    """Where a machine keeps what it knows of a run. Raises FormatError for what is no label."""
    if not _LABEL.fullmatch(label):
        raise FormatError(f"{label!r} is not the label of a run")
    return f"{STATE_DIRECTORY}/runs/{label}"


def _essence(record: RunRecord) -> RunRecord:
    """What travels of a record. One of a run without an end is written again when it is settled, so it stays whole."""
    if record.outcome is None:
        return record
    jobs = tuple(JobRecord(name=each.name, outcome=each.outcome, items=0, size=0) for each in record.jobs)
    return attrs.evolve(record, jobs=jobs, snapshots=(), message="", log="")


def _read_record(path: Path) -> RunRecord:
    """Read a record of this format or an older one. Raises OSError, FormatError."""
    try:
        data = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise FormatError(f"not JSON: {error}") from error
    form = data.get("format") if isinstance(data, dict) else None
    if type(form) is not int or not 1 <= form <= RECORD_FORMAT:
        raise FormatError(f"not of format {RECORD_FORMAT}")
    record = from_json(RunRecord, {**data, "format": RECORD_FORMAT})
    if record.label != path.parent.name:
        raise FormatError(f"it is of run {record.label}")
    # Format 1 does not tell whether a run that failed had begun to change the target; it may have.
    return attrs.evolve(record, changed=record.outcome is not Outcome.DECLINED) if form == 1 else record


def _read_identity() -> MachineIdentity | None:
    try:
        identity = loads(MachineIdentity, Path(STATE_DIRECTORY, "machine.json").read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, FormatError) as error:
        path = f"{STATE_DIRECTORY}/machine.json"
        raise CheckError(
            f"{os.uname().nodename}: {path} cannot be read: {error}", f"move it away: sudo mv {path} {path}.old"
        ) from error
    return identity if identity.etc_machine_id == _etc_machine_id() else None


def _etc_machine_id() -> str:
    try:
        return Path("/etc/machine-id").read_text("ascii").strip()
    except OSError as error:
        raise CheckError(
            f"{os.uname().nodename} has no /etc/machine-id: {error.strerror}", "sudo systemd-machine-id-setup"
        ) from error
