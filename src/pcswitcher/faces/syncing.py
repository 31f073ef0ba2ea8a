"""One run with the face a person chose: what `sync`, `plan` and `apply` share."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from pcswitcher.faces.face import FaceKind, open_face
from pcswitcher.jobs.registry import AnyJob
from pcswitcher.model.errors import ExitCode
from pcswitcher.model.events import Level, now
from pcswitcher.model.plan import Plan
from pcswitcher.model.settings import Settings
from pcswitcher.model.text import printable
from pcswitcher.run.bus import Bus
from pcswitcher.run.log_file import LogFile
from pcswitcher.run.logs import start_tidying
from pcswitcher.run.options import Mode, SyncOptions
from pcswitcher.run.paths import logs_directory, shown
from pcswitcher.run.pipeline import Sync
from pcswitcher.run.plan import refuse_travelling, save_plan
from pcswitcher.run.review import Reviewer


@attrs.frozen(kw_only=True)
class Request:
    """What is to be run, and how it is shown and decided."""

    options: SyncOptions
    jobs: Sequence[AnyJob]
    settings: Settings
    kind: FaceKind
    policy: Reviewer
    """Decides where no person is asked."""
    ask: bool = True
    """Whether a person is asked where there is one."""
    wrap: Callable[[Reviewer], Reviewer] = lambda reviewer: reviewer
    """Put around whoever decides."""


def run_request(request: Request) -> ExitCode:
    """Do the run, and give its exit code."""
    return asyncio.run(_run(request))


async def _run(request: Request) -> ExitCode:
    settings, options = request.settings, request.options
    bus = Bus(level=min(settings.log.file, settings.log.screen), libraries=settings.log.libraries)
    log: LogFile | None = None
    if options.mode is Mode.SYNC:
        name = f"{now():%Y%m%dT%H%M%S.%fZ}-{_file_part(options.host)}"
        log = LogFile(logs_directory() / f"{name}.jsonl", settings.log.file)
        bus.add(log)
        options = attrs.evolve(options, log=log)
        start_tidying(logs_directory(), settings.log.keep)

    saved: list[Path] = []

    def save(plan: Plan, path: Path) -> None:
        refuse_travelling(path, request.jobs)
        save_plan(plan, path)
        saved.append(path)

    try:
        opening = open_face(
            request.kind, bus, request.policy, ask=request.ask, log=settings.log, disk=settings.disk, save=save
        )
        async with opening as face:
            sync = Sync(options, request.jobs, settings, bus, request.wrap(face.reviewer), face.ask_password)
            with bus.hearing_libraries(platform.node()):
                result = await face.run(sync.run())
            if log is not None:
                log.close()
                if log.problem:
                    bus.log(Level.WARNING, log.problem)
    finally:
        if log is not None:
            log.close()
    for path in saved:
        tell_kept(path)
    if result.abandoned:
        # A job that would not stop is still in this process, and the event loop would wait for it for ever.
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(result.exit_code)
    return result.exit_code


def tell_kept(path: Path) -> None:
    """Say where a plan is, and what it is good for."""
    name = printable(shown(path))
    sys.stderr.write(f"the plan is kept in {name}; apply it with: pc-switcher apply {name}\n")


def _file_part(host: str) -> str:
    return "".join(letter if letter.isalnum() or letter in ".-" else "_" for letter in host)
