"""Finding the installed jobs."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import entry_points
from typing import cast

from pcswitcher.jobs.api import Job
from pcswitcher.model.errors import SettingsError, UsageError
from pcswitcher.model.settings import Settings

GROUP = "pcswitcher.jobs"
AnyJob = Job[object, object]


def job_names() -> tuple[str, ...]:
    """The names of all installed jobs, sorted."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def select_names(only: Sequence[str], skip: Sequence[str]) -> tuple[str, ...]:
    """The jobs of a run: all, or ``only`` these, without those to ``skip``. Raises UsageError for an unknown one."""
    known = job_names()
    for name in (*only, *skip):
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1)
            raise UsageError(
                f"no job is called {name}", f"did you mean {nearest[0]}?" if nearest else f"jobs: {', '.join(known)}"
            )
    return tuple(name for name in (only or known) if name not in skip)


def load_jobs(names: Sequence[str], settings: Settings) -> tuple[AnyJob, ...]:
    """Make the named jobs, each after those it needs. Raises SettingsError for a job that cannot be loaded."""
    found: dict[str, AnyJob] = {}
    for point in entry_points(group=GROUP):
        if point.name not in names or point.name in found:
            continue
        try:
            kind = point.load()
        except (ImportError, AttributeError) as error:
            raise SettingsError(
                f"the job {point.name} cannot be loaded: {error}", "install its package again or remove it"
            ) from error
        found[point.name] = cast("type[AnyJob]", kind)(settings)
    graph = TopologicalSorter({name: [need for need in job.needs if need in found] for name, job in found.items()})
    try:
        return tuple(found[name] for name in graph.static_order())
    except CycleError as error:
        raise SettingsError(f"jobs need each other in a circle: {' → '.join(error.args[1])}") from error
