"""Which face a run has, and its opening and closing: the screen, plain lines, or JSON lines."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeAlias, TypeVar

import attrs
from rich.console import Console
from rich.text import Text

from pcswitcher.faces.interrupt import interruptible
from pcswitcher.faces.json_lines import JsonFace
from pcswitcher.faces.lines import Lines
from pcswitcher.faces.plain import PlainFace
from pcswitcher.faces.summary import Summary, attention
from pcswitcher.faces.terminal import TerminalReviewer, can_draw, is_person, password_asker, plain_pause
from pcswitcher.machine.sudo import AskPassword, ask_nobody
from pcswitcher.model.errors import UsageError
from pcswitcher.model.events import Event, Level
from pcswitcher.model.plan import Gate, Plan
from pcswitcher.model.settings import DiskSettings, LogSettings
from pcswitcher.run.bus import Bus
from pcswitcher.run.plan import save_plan
from pcswitcher.run.review import Inspect, Reviewer

if TYPE_CHECKING:
    from pcswitcher.faces.screen.app import RunApp

T = TypeVar("T")
SavePlan: TypeAlias = Callable[[Plan, Path], None]
"""Keeps a plan in a file. Raises PcSwitcherError."""


class FaceKind(StrEnum):
    """How a run is shown."""

    SCREEN = "screen"
    PLAIN = "plain"
    JSON = "json"


def choose_face(*, plain: bool, json: bool) -> FaceKind:
    """The face for these options and this terminal. Raises UsageError when they contradict each other."""
    if plain and json:
        raise UsageError("--plain and --json exclude each other", "choose one")
    if json:
        return FaceKind.JSON
    return FaceKind.PLAIN if plain or not can_draw() else FaceKind.SCREEN


@attrs.frozen(kw_only=True)
class Face:
    """What a run needs from the person in front of it, whoever that is."""

    reviewer: Reviewer
    ask_password: AskPassword
    bus: Bus = attrs.field(repr=False)
    restore: Callable[[], None] = attrs.field(default=lambda: None, repr=False)
    hear: Callable[[signal.Signals], None] = attrs.field(default=lambda _: None, repr=False)

    async def run(self, work: Coroutine[object, object, T]) -> T:
        """Await the run; Ctrl-C and signals stop it in order, the second one at once."""
        return await interruptible(work, self.bus, self.restore, self.hear)


def open_face(
    kind: FaceKind,
    bus: Bus,
    policy: Reviewer,
    *,
    ask: bool = True,
    log: LogSettings | None = None,
    disk: DiskSettings | None = None,
    save: SavePlan = save_plan,
) -> AbstractAsyncContextManager[Face]:
    """Show what ``bus`` tells until the context ends, and then what needs attention, also after an exception.

    ``policy`` reviews plans where no person is asked: with ``ask`` false (``--yes``), for JSON, without a terminal.
    ``save`` keeps a plan that a person wants to go on with later.
    """
    log, disk = log or LogSettings(), disk or DiskSettings()
    match kind:
        case FaceKind.SCREEN:
            return _open_screen(bus, policy if not ask else None, log, disk, save)
        case FaceKind.PLAIN:
            person = TerminalReviewer(plain_pause) if ask and is_person() else policy
            face = Face(reviewer=person, ask_password=password_asker(), bus=bus)
            bus.add(PlainFace(sys.stdout, log.screen, disk))
        case FaceKind.JSON:
            face = Face(reviewer=policy, ask_password=ask_nobody, bus=bus)
            bus.add(JsonFace(sys.stdout))
    return _open_lines(face)


@asynccontextmanager
async def _open_lines(face: Face) -> AsyncGenerator[Face]:
    try:
        yield face
    finally:
        say(attention(face.bus.warnings), sys.stderr)


@asynccontextmanager
async def _open_screen(
    bus: Bus, policy: Reviewer | None, log: LogSettings, disk: DiskSettings, save: SavePlan
) -> AsyncGenerator[Face]:
    from pcswitcher.faces.screen.app import Look, RunApp, show

    app = RunApp(Look(disk=disk, level=log.screen))
    shown = _Shown(app, PlainFace(sys.stdout, log.screen, disk))  # now: textual puts its own in the place of stdout
    showing = asyncio.ensure_future(show(app))

    def ended(_: asyncio.Future[None]) -> None:
        shown.ended = True
        if app.trouble:
            bus.log(Level.WARNING, f"the screen failed and plain lines go on: {app.trouble}")

    showing.add_done_callback(ended)
    bus.add(shown)
    try:
        yield Face(
            reviewer=policy or ScreenReviewer(app, save),
            ask_password=app.ask_password,
            bus=bus,
            restore=app.give_back_now,
            hear=shown.hear,
        )
    finally:
        app.exit()
        await asyncio.wait((showing,))
        say([*shown.summary.lines(), *attention(bus.warnings)], sys.stdout)


class _Shown:
    """A Sink that draws on the screen, and prints plain lines should the screen end before the run."""

    def __init__(self, app: RunApp, fallback: PlainFace) -> None:
        self._app = app
        self._fallback = fallback
        self.summary = Summary()
        self.ended = False

    def take(self, event: Event) -> None:
        """See Sink."""
        self.summary.take(event)
        (self._fallback if self.ended else self._app).take(event)

    def hear(self, number: signal.Signals) -> None:
        """A person, or whoever ends programs, wants the run to stop."""
        self._app.state.stop()
        if number == signal.SIGHUP:
            self._app.exit()  # the terminal may be gone; if it is not, plain lines go on there


class ScreenReviewer:
    """A Reviewer that asks on the screen."""

    def __init__(self, app: RunApp, save: SavePlan) -> None:
        self._app = app
        self._save = save

    async def review(self, plan: Plan, allowed: frozenset[Gate], inspect: Inspect) -> Plan | None:
        """See Reviewer."""
        from pcswitcher.faces.review.screen import ReviewScreen

        return await self._app.ask(ReviewScreen(plan, allowed, inspect, self._save))


def say(texts: list[Text], stream: TextIO) -> None:
    """Print lines, in colours where the stream is a terminal; one that nobody reads any more is no error."""
    console = Console(file=stream, soft_wrap=True, highlight=False, markup=False, emoji=False)
    with console.capture() as capture:
        for text in texts:
            console.print(text)
    if texts:
        Lines(stream).write(capture.get().splitlines())
