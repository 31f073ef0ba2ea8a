"""`pc-switcher plan` and `pc-switcher apply`: a sync in two halves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pcswitcher.faces.face import choose_face
from pcswitcher.faces.option_words import option_help
from pcswitcher.faces.syncing import Request, run_request, tell_kept
from pcswitcher.jobs.registry import job_types, make_jobs, select_names
from pcswitcher.model.events import now
from pcswitcher.model.plan import ConflictPolicy, Gate
from pcswitcher.run.options import Mode, SyncOptions
from pcswitcher.run.paths import config_file, plan_file
from pcswitcher.run.plan import load_plan, refuse_travelling
from pcswitcher.run.plan_review import KeepingReviewer, OpenReviewer, SavedReviewer
from pcswitcher.run.review import PolicyReviewer, Reviewer
from pcswitcher.run.settings import load_settings


def plan(
    host: str,
    /,
    *,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    allow: Annotated[tuple[Gate, ...], Parameter(negative="")] = (),
    conflicts: Annotated[ConflictPolicy | None, Parameter(help=option_help("run", "conflicts"))] = None,
    only: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    skip: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    plain: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Review today what a sync to HOST would change, and keep the plan; nothing is changed.

    Apply it later with `pc-switcher apply FILE`: if either PC has changed by then, it is refused.

    Parameters
    ----------
    host
        The other PC, as ssh knows it.
    output
        The file the plan is kept in, which must not travel itself. Only you can read it: it names your files.
    allow
        Accept one special thing, may be repeated: first-sync, stale-source, diverged-target, mass-deletion.
    conflicts
        Who answers a conflict.
    only
        Plan only this job, may be repeated.
    skip
        Leave this job out, may be repeated.
    plain
        Print plain lines instead of the screen.
    json
        Print one JSON object per event.
    """
    kind = choose_face(plain=plain, json=json)
    settings = load_settings(config_file(), job_types())
    jobs = make_jobs(select_names(only, skip, settings), settings)
    path = output or plan_file(host, now())
    refuse_travelling(path, jobs)
    kept: list[Path] = []

    def keep(reviewer: Reviewer) -> Reviewer:
        return KeepingReviewer(reviewer, path, lambda: kept.append(path))

    code = run_request(
        Request(
            options=SyncOptions(host=host, mode=Mode.PLAN, allowed=frozenset(allow)),
            jobs=jobs,
            settings=settings,
            kind=kind,
            policy=OpenReviewer(conflicts or settings.run.conflicts),
            wrap=keep,
        )
    )
    for each in kept:
        tell_kept(each)
    return code


def apply(
    file: Path,
    /,
    *,
    yes: Annotated[bool, Parameter(alias="-y", negative="")] = False,
    allow: Annotated[tuple[Gate, ...], Parameter(negative="")] = (),
    conflicts: Annotated[ConflictPolicy | None, Parameter(help=option_help("run", "conflicts"))] = None,
    plain: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Do what a plan says that was reviewed and kept before; it is refused when either PC has changed since.

    Parameters
    ----------
    file
        The plan, as `pc-switcher plan` kept it.
    yes
        Accept a plan that nobody reviewed when it was made. One that was reviewed needs no yes.
    allow
        Accept one special thing that the plan left open, may be repeated.
    conflicts
        Who answers a conflict that the plan left open.
    plain
        Print plain lines instead of the screen.
    json
        Print one JSON object per event.
    """
    kind = choose_face(plain=plain, json=json)
    saved = load_plan(file)
    settings = load_settings(config_file(), job_types())
    names = select_names([section.job for section in saved.sections], (), settings)
    return run_request(
        Request(
            options=SyncOptions(host=saved.host, mode=Mode.SYNC, allowed=frozenset(allow)),
            jobs=make_jobs(names, settings),
            settings=settings,
            kind=kind,
            policy=PolicyReviewer(accept=yes or saved.reviewed, conflicts=conflicts or settings.run.conflicts),
            ask=not yes,
            wrap=lambda reviewer: SavedReviewer(saved, reviewer),
        )
    )
