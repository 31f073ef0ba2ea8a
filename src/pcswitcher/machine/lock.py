"""One run at a time on each machine, whichever its role.

The agent holds flock(2) on ``/run/pc-switcher/lock`` for as long as it lives: a lost connection or a dead
process frees it, so no lock is ever stale. The file's content only tells others who holds it.
"""

from __future__ import annotations

import fcntl
import os
from datetime import datetime
from enum import StrEnum

import attrs

from pcswitcher.machine.api import Context, exposed
from pcswitcher.model.codec import dumps, loads
from pcswitcher.model.errors import BusyError, FormatError

RUNTIME_DIRECTORY = "/run/pc-switcher"
LOCK_PATH = f"{RUNTIME_DIRECTORY}/lock"


class Role(StrEnum):
    """What a machine is in a run."""

    SOURCE = "source"
    TARGET = "target"


@attrs.frozen(kw_only=True)
class Holder:
    """Who holds a machine's lock."""

    role: Role
    source: str
    target: str
    user: str
    host: str
    """Where the command was typed."""
    process: int
    """Its process id there."""
    since: datetime
    run: str = ""
    """The run's label, as soon as it has one: see ``name_run``."""


@exposed
def acquire_lock(context: Context, hostname: str, holder: Holder) -> None:
    """Take this machine for a run, until the agent ends. Raises BusyError naming who has it."""
    os.makedirs(RUNTIME_DIRECTORY, 0o755, exist_ok=True)
    descriptor = os.open(LOCK_PATH, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        words = os.pread(descriptor, 64 * 1024, 0)
        os.close(descriptor)
        raise busy_error(hostname, words) from None
    except OSError:
        os.close(descriptor)
        raise
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, dumps(holder).encode(), 0)
    context.resources.callback(_release, descriptor)


@exposed
def name_run(context: Context, run: str) -> None:
    """Write the label of the run that has this agent's lock into it, for whoever is refused from now on."""
    descriptor = os.open(LOCK_PATH, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        holder = loads(Holder, os.pread(descriptor, 64 * 1024, 0))
        # Longer than what is there: at no moment does anybody read an empty file.
        os.pwrite(descriptor, dumps(attrs.evolve(holder, run=run)).encode(), 0)
    finally:
        os.close(descriptor)


def busy_error(hostname: str, words: bytes) -> BusyError:
    """Say who holds the lock of ``hostname``; ``words`` is the lock file's content."""
    try:
        holder = loads(Holder, words)
    except FormatError:
        return BusyError(f"{hostname} takes part in another run", "wait for it to end, then try again")
    label = f" (run {holder.run})" if holder.run else ""
    return BusyError(
        f"{hostname} is the {holder.role} of another run: {holder.source} → {holder.target}{label}, started by "
        f"{holder.user} on {holder.host} at {holder.since:%Y-%m-%d %H:%M:%S %Z} (process {holder.process})",
        f"wait for it to end, or end it on {holder.host}: kill {holder.process}",
    )


def _release(descriptor: int) -> None:
    os.ftruncate(descriptor, 0)
    os.close(descriptor)
