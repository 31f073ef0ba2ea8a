"""The textual application around a run: draws its state, asks its questions, gives the terminal back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import ClassVar, TypeVar

import attrs
from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen

from pcswitcher.faces.screen import drawing
from pcswitcher.faces.screen.dialogs import PasswordScreen, WarningsScreen
from pcswitcher.faces.screen.driver import TerminalDriver, forget_signals
from pcswitcher.faces.screen.run_screen import RunScreen
from pcswitcher.faces.screen.state import RunState
from pcswitcher.faces.screen.theme import THEME
from pcswitcher.model.errors import PcSwitcherError
from pcswitcher.model.events import Event, Level, now
from pcswitcher.model.settings import DiskSettings

T = TypeVar("T")
PER_SECOND = 10
"""Drawings at most: progress that comes faster is shown with the next."""


class ScreenLostError(PcSwitcherError):
    """The screen ended while somebody was asked."""


@attrs.frozen(kw_only=True)
class Look:
    """What the screen goes by, apart from the run."""

    disk: DiskSettings = attrs.field(factory=DiskSettings)
    """When free space is little."""
    level: Level = Level.INFO
    """The least level of the log at first."""
    zone: tzinfo | None = None
    """Of the times in the log; None: the machine's own."""
    clock: Callable[[], datetime] = now


class RunApp(App[None]):
    """Shows a run. A Sink: ``take`` costs nothing, drawing happens ten times a second at most."""

    ENABLE_COMMAND_PALETTE = False
    TITLE = "pc-switcher"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "interrupt", "Stop", show=False, priority=True),
        Binding("ctrl+q", "interrupt", show=False, priority=True),
    ]
    CSS = """
    * { scrollbar-size-vertical: 1; }
    Screen { background: $background; }
    ModalScreen { background: transparent; }
    Footer { background: $background; }
    """

    def __init__(self, look: Look | None = None) -> None:
        # Said here, since textual looks for NO_COLOR before it can know the theme.
        super().__init__(driver_class=TerminalDriver, ansi_color=True)
        self.register_theme(THEME)
        self.theme = THEME.name
        self.state = RunState()
        self.look = look or Look()
        self._drawn: tuple[int, datetime] | None = None
        self._begun, self._ended = asyncio.Event(), asyncio.Event()

    def get_default_screen(self) -> Screen[object]:
        """See App."""
        return RunScreen(self.state, self.look.disk, self.look.level, self.look.zone)

    def on_mount(self) -> None:
        """See App."""
        self.set_interval(1 / PER_SECOND, self.draw)

    def on_unmount(self) -> None:
        """See App."""
        self._begun.set()
        self._ended.set()

    def on_resize(self) -> None:
        """See App. With the next drawing everything is laid out anew."""
        self._drawn = None

    def take(self, event: Event) -> None:
        """See Sink."""
        self.state.take(event)

    def draw(self) -> None:
        """Show the state, if it or the second has changed and the terminal keeps up."""
        moment = self.look.clock()
        mark = (self.state.version, drawing.whole_second(moment))
        if mark == self._drawn or (isinstance(self._driver, TerminalDriver) and self._driver.is_behind):
            return
        if not all(screen.is_mounted for screen in self.screen_stack):
            return
        for screen in self.screen_stack:
            if isinstance(screen, RunScreen):
                screen.draw(moment)
            elif isinstance(screen, WarningsScreen):
                screen.show(drawing.all_warnings(self.state))
        self._drawn = mark
        self._begun.set()

    def action_interrupt(self) -> None:
        """Ctrl-C is the signal it is everywhere else."""
        os.kill(os.getpid(), signal.SIGINT)

    async def ask(self, screen: Screen[T]) -> T | None:
        """Show a screen above the run and wait for its answer; None when it gives none.

        Raises ScreenLostError when the terminal goes away meanwhile. When the waiting is cancelled, so is the question.
        """
        await self._begun.wait()  # a question must have the run below it
        answered: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()

        def take(answer: T | None) -> None:
            if not answered.done():
                answered.set_result(answer)

        # Through the queue: this coroutine is none of textual's own and knows no active app.
        self.call_next(self.push_screen, screen, take)
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait((answered, ended), return_when=asyncio.FIRST_COMPLETED)
            if not answered.done():
                raise ScreenLostError("the terminal went away while it was asked something", "run it again")
            return answered.result()
        finally:
            ended.cancel()
            if not answered.done():
                self.call_next(self._take_away, screen)

    async def ask_password(self, hostname: str) -> str | None:
        """See AskPassword."""
        with contextlib.suppress(ScreenLostError):
            return await self.ask(PasswordScreen(os.environ.get("USER", "you"), hostname))
        return None

    def give_back_now(self) -> None:
        """Make the terminal as it was before this process ends at once."""
        if isinstance(self._driver, TerminalDriver):
            self._driver.give_back_now()

    async def _take_away(self, screen: Screen[T]) -> None:
        """Remove a question nobody waits for any more, with what it has put above itself."""
        while screen in self.screen_stack:
            await self.pop_screen()

    def _print_error_renderables(self) -> None:
        """Print nothing: a traceback with its variables could show a password, and the face tells what happened."""

    @property
    def trouble(self) -> str:
        """Why the screen ended by itself; empty when it did not."""
        error = self._exception
        return f"{type(error).__name__}: {error}" if error is not None else ""


async def show(app: RunApp) -> None:
    """Run the application until it is told to exit. The event loop stays as it was."""
    loop = asyncio.get_running_loop()
    factory = loop.get_task_factory()
    running = asyncio.ensure_future(app.run_async())
    await asyncio.sleep(0)
    loop.set_task_factory(factory)  # textual makes all tasks of the loop eager (Python 3.12), the run's too
    try:
        await running
    finally:
        forget_signals()
