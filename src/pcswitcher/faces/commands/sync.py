"""`pc-switcher sync`: make the other PC continue where this one stopped."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from pcswitcher.faces.face import choose_face
from pcswitcher.faces.option_words import option_help
from pcswitcher.faces.syncing import Request, run_request
from pcswitcher.jobs.registry import job_types, make_jobs, select_names
from pcswitcher.model.errors import ExitCode
from pcswitcher.model.plan import ConflictPolicy, Gate
from pcswitcher.run.options import Mode, SyncOptions
from pcswitcher.run.paths import config_file
from pcswitcher.run.review import PolicyReviewer
from pcswitcher.run.settings import load_settings


def sync(
    host: str,
    /,
    *more: str,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    yes: Annotated[bool, Parameter(alias="-y", negative="")] = False,
    allow: Annotated[tuple[Gate, ...], Parameter(negative="")] = (),
    conflicts: Annotated[ConflictPolicy | None, Parameter(help=option_help("run", "conflicts"))] = None,
    only: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    skip: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    plain: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Make HOST a replica of this PC, after you have seen what would change.

    Both PCs get read-only snapshots before and after. Nothing on HOST changes before your yes.

    Parameters
    ----------
    host
        The other PC, as ssh knows it.
    more
        Further PCs, one after the other.
    dry_run
        Only show what would change; leave nothing behind. Exit code 4 when there is something.
    yes
        Accept the plan without asking. Removals are accepted too; gates (see --allow) and conflicts are not.
    allow
        Accept one special thing, may be repeated: first-sync, stale-source, diverged-target, mass-deletion.
    conflicts
        Who answers a conflict.
    only
        Run only this job, may be repeated.
    skip
        Leave this job out, may be repeated.
    plain
        Print plain lines instead of the screen.
    json
        Print one JSON object per event.
    """
    kind = choose_face(plain=plain, json=json)
    settings = load_settings(config_file(), job_types())
    names = select_names(only, skip, settings)
    policy = PolicyReviewer(accept=yes, conflicts=conflicts or settings.run.conflicts)
    code = ExitCode.DONE
    for each in (host, *more):
        options = SyncOptions(host=each, mode=Mode.DRY_RUN if dry_run else Mode.SYNC, allowed=frozenset(allow))
        jobs = make_jobs(names, settings)
        ended = run_request(
            Request(options=options, jobs=jobs, settings=settings, kind=kind, policy=policy, ask=not yes)
        )
        if ended is not ExitCode.DONE:
            code = ended  # changes pending on one PC stay pending when the next one has none
        if ended not in {ExitCode.DONE, ExitCode.CHANGES_PENDING}:
            break
    return code
