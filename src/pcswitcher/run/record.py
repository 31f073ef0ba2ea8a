"""What a machine remembers of its runs: one small file per run, written by its agent.

``/var/lib/pc-switcher/runs/<label>/run.json`` tells who synced whom, when, and how it ended. It holds counts
and host names, no paths, and may be read by everyone on the machine.
"""

from __future__ import annotations

import os
import re
import uuid
from datetime import datetime
from pathlib import Path

import attrs

from pcswitcher.machine.api import Context, exposed
from pcswitcher.machine.durable import write_file
from pcswitcher.machine.lock import Role
from pcswitcher.model.codec import dumps, loads
from pcswitcher.model.errors import CheckError, FormatError, PcSwitcherError
from pcswitcher.model.events import Outcome
from pcswitcher.run.paths import STATE_DIRECTORY

RECORD_FORMAT = 1
_LABEL = re.compile(r"\d{4,9}")


@attrs.frozen(kw_only=True)
class JobRecord:
    """How one job of a run ended."""

    name: str
    outcome: Outcome
    items: int
    size: int
    reason: str = ""


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
    message: str = ""
    jobs: tuple[JobRecord, ...] = ()


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
    """Labels of records that cannot be read."""


@exposed
def read_memory(context: Context) -> Memory:
    """Read the machine's id and its runs. A machine without an id is given one that ``write_record`` keeps."""
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
    if not _LABEL.fullmatch(record.label):
        raise FormatError(f"{record.label!r} is not the label of a run")
    os.makedirs(STATE_DIRECTORY, 0o755, exist_ok=True)
    if _read_identity() != identity:
        write_file(f"{STATE_DIRECTORY}/machine.json", dumps(identity, indent=1) + "\n")
    directory = f"{STATE_DIRECTORY}/runs/{record.label}"
    os.makedirs(directory, 0o755, exist_ok=True)
    write_file(f"{directory}/run.json", dumps(record, indent=1) + "\n")


def read_records(state: str) -> tuple[tuple[RunRecord, ...], tuple[str, ...], int]:
    """All records below a state directory, oldest first; labels of unreadable ones; the highest number."""
    try:
        labels = sorted((name for name in os.listdir(f"{state}/runs") if _LABEL.fullmatch(name)), key=int)
    except FileNotFoundError:
        return (), (), 0
    records: list[RunRecord] = []
    damaged: list[str] = []
    for label in labels:
        try:
            records.append(loads(RunRecord, Path(state, "runs", label, "run.json").read_bytes()))
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
