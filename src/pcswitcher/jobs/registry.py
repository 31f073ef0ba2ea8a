"""Finding the installed jobs, and making those of a run."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import EntryPoint, entry_points
from typing import TypeAlias, cast

from pcswitcher.jobs.api import Job
from pcswitcher.model.errors import SettingsError, UsageError
from pcswitcher.model.settings import JobSettings, Settings

GROUP = "pcswitcher.jobs"
AnyJob: TypeAlias = Job[JobSettings, object, object]


def job_types() -> dict[str, type[AnyJob]]:
    """The installed jobs by name, ours and third parties', sorted.

    Raises SettingsError for one that cannot be loaded, is no job, or goes by another name than its entry point.
    """
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        first = found.setdefault(point.name, point)
        if first.value != point.value:
            raise SettingsError(
                f"two installed packages have a job {point.name}: {first.value} and {point.value}", "remove one of them"
            )
    return {name: _load(found[name]) for name in sorted(found)}


def _load(point: EntryPoint) -> type[AnyJob]:
    hint = "install its package again, or remove it"
    try:
        kind: object = point.load()
    except Exception as error:  # whatever a third party's module does when it is imported
        reason = f"{type(error).__name__}: {error}"
        raise SettingsError(f"the job {point.name} ({point.value}) cannot be loaded: {reason}", hint) from error
    if not (isinstance(kind, type) and issubclass(kind, Job)):
        raise SettingsError(f"the job {point.name} ({point.value}) is no Job", hint)
    job = cast("type[AnyJob]", kind)
    name = getattr(job, "name", "")
    if name != point.name:
        raise SettingsError(f"the job {point.name} ({point.value}) calls itself {name or 'nothing'}", hint)
    try:
        job.settings_type()
    except (TypeError, ValueError) as error:
        raise SettingsError(f"the settings of the job {point.name} have no usable defaults: {error}", hint) from error
    return job


def select_names(only: Sequence[str], skip: Sequence[str], settings: Settings) -> tuple[str, ...]:
    """The jobs of a run: those that are enabled, or ``only`` these whether enabled or not; never those to ``skip``.

    ``settings`` name every installed job. Raises UsageError for a job that is none of them.
    """
    for name in (*only, *skip):
        if name not in settings.jobs:
            nearest = difflib.get_close_matches(name, settings.jobs, n=1)
            raise UsageError(
                f"no job is called {name}",
                f"did you mean {nearest[0]}?" if nearest else f"jobs: {', '.join(settings.jobs)}",
            )
    wanted = only or [name for name, own in settings.jobs.items() if own.enabled]
    return tuple(name for name in settings.jobs if name in wanted and name not in skip)


def make_jobs(names: Sequence[str], settings: Settings) -> tuple[AnyJob, ...]:
    """Make the named jobs with their settings, each after those it needs.

    A need that is not among ``names`` is no obstacle. Raises SettingsError for jobs that need each other.
    """
    types = job_types()
    jobs = {name: types[name](settings.jobs[name]) for name in names}
    graph = TopologicalSorter({name: [need for need in job.needs if need in jobs] for name, job in jobs.items()})
    try:
        return tuple(jobs[name] for name in graph.static_order())
    except CycleError as error:
        raise SettingsError(
            f"jobs need each other in a circle: {' → '.join(error.args[1])}", "leave one of them out with --skip"
        ) from error
