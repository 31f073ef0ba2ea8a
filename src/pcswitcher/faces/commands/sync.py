"""`pc-switcher sync`: make the other PC continue where this one stopped."""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from pcswitcher.faces.interrupt import interruptible
from pcswitcher.faces.json_lines import JsonFace
from pcswitcher.faces.plain import PlainFace
from pcswitcher.faces.screen import ScreenFace
from pcswitcher.faces.terminal import (
    Pause,
    TerminalReviewer,
    can_draw,
    is_person,
    password_asker,
    plain_pause,
)
from pcswitcher.faces.words import log_words, one_line
from pcswitcher.jobs.api import Gate
from pcswitcher.jobs.registry import AnyJob, load_jobs, select_names
from pcswitcher.machine.sudo import AskPassword, ask_nobody
from pcswitcher.model.errors import ExitCode, UsageError
from pcswitcher.model.events import now
from pcswitcher.run.bus import Bus
from pcswitcher.run.log_file import LogFile
from pcswitcher.run.paths import config_file, logs_directory
from pcswitcher.run.pipeline import Sync, SyncOptions
from pcswitcher.run.review import PolicyReviewer, Reviewer
from pcswitcher.run.settings import load_settings


def sync(
    host: str,
    /,
    *more: str,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    yes: Annotated[bool, Parameter(alias="-y", negative="")] = False,
    allow: Annotated[tuple[Gate, ...], Parameter(negative="")] = (),
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
        Accept the plan without asking. Removals are accepted too, gates (see --allow) are not.
    allow
        Accept one special thing, may be repeated: first-sync, mass-deletion.
    only
        Run only this job, may be repeated.
    skip
        Leave this job out, may be repeated.
    plain
        Print plain lines instead of the screen.
    json
        Print one JSON object per event.
    """
    if plain and json:
        raise UsageError("--plain and --json exclude each other", "choose one")
    jobs = load_jobs(select_names(only, skip), load_settings(config_file()))
    code = ExitCode.DONE
    for each in (host, *more):
        options = SyncOptions(host=each, dry_run=dry_run, allowed=frozenset(allow))
        ended = asyncio.run(_sync(options, jobs, yes=yes, plain=plain, json=json))
        if ended is not ExitCode.DONE:
            code = ended  # changes pending on one PC stay pending when the next one has none
        if ended not in {ExitCode.DONE, ExitCode.CHANGES_PENDING}:
            break
    return code


async def _sync(options: SyncOptions, jobs: tuple[AnyJob, ...], *, yes: bool, plain: bool, json: bool) -> ExitCode:
    with ExitStack() as stack:
        bus = Bus()
        reviewer: Reviewer = PolicyReviewer(accept=yes)
        ask: AskPassword = ask_nobody
        restore = stack.close
        if json:
            bus.add(JsonFace(sys.stdout))
        else:
            pause: Pause = plain_pause
            if plain or not can_draw():
                bus.add(PlainFace(sys.stdout))
            else:
                screen = stack.enter_context(ScreenFace(Console()))
                bus.add(screen)
                pause = screen.paused
            ask = password_asker(pause)
            if is_person() and not yes:
                reviewer = TerminalReviewer(pause)
        log: LogFile | None = None
        if not options.dry_run:
            log = LogFile(logs_directory() / f"{now():%Y%m%dT%H%M%S.%fZ}-{_file_part(options.host)}.jsonl")
            stack.callback(log.close)
            bus.add(log)
        result = await interruptible(Sync(options, jobs, bus, reviewer, ask).run(), bus, restore)
    _repeat_warnings(bus, log.problem if log else "")
    return result.exit_code


def _repeat_warnings(bus: Bus, problem: str) -> None:
    """Say once more at the end what needs attention (requirement U5), and why the log is not whole."""
    lines = [*dict.fromkeys(map(log_words, bus.warnings)), *filter(None, [one_line(problem)])]
    if lines:
        sys.stderr.write("\n  ".join(["Needs attention:", *lines]) + "\n")


def _file_part(host: str) -> str:
    return "".join(letter if letter.isalnum() or letter in ".-" else "_" for letter in host)
