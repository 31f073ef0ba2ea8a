"""Whether both machines have the jobs of a run: their agents are other processes, under another account."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib.metadata import entry_points

from pcswitcher.jobs.registry import GROUP
from pcswitcher.machine.api import Context, Machine, exposed
from pcswitcher.model.errors import CheckError


@exposed
def read_job_names(context: Context) -> tuple[str, ...]:
    """The jobs that this machine's agent can find, sorted."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


async def require_jobs(machines: Sequence[Machine], names: Sequence[str]) -> None:
    """Raise CheckError naming every machine whose agent lacks a job, before any of its functions is asked for.

    The program that was carried to the other PC holds all jobs of this one. What can be missing is a package that a
    person installed for their own account only: the agent runs as root, and reads no person's packages.
    """
    found = await asyncio.gather(*(machine.call(read_job_names) for machine in machines))
    lacking = [
        f"{machine.name}'s agent lacks the job {', '.join(missing)}"
        for machine, there in zip(machines, found, strict=True)
        if (missing := [name for name in names if name not in there])
    ]
    if lacking:
        raise CheckError(
            "; ".join(lacking),
            "install its package for the whole machine, not for your account only: sudo python3 -m pip install …",
        )
