"""The run's own screen: steps, what runs, both machines, the log."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Footer

from pcswitcher.faces.screen import drawing
from pcswitcher.faces.screen.dialogs import WarningsScreen
from pcswitcher.faces.screen.state import RunState
from pcswitcher.faces.screen.widgets import Activities, LogPane, Part, WarningsCount
from pcswitcher.model.events import Level
from pcswitcher.model.settings import DiskSettings

LEVELS = tuple(Level)


class RunScreen(Screen[object], inherit_bindings=False):
    """Shows a RunState. 80 by 24 is enough for all of it; a smaller terminal gets the running step alone."""

    DEFAULT_CSS = f"""
    RunScreen #head {{ height: 1; padding: 0 1; }}
    RunScreen #title {{ width: 1fr; height: 1; }}
    RunScreen #warnings {{ width: auto; height: 1; margin-left: 2; }}
    RunScreen #stopping {{ height: auto; padding: 0 1; display: none; }}
    RunScreen #middle {{ height: auto; min-height: 3; max-height: 60%; border-top: solid $border-blurred; }}
    RunScreen #rail {{ width: {drawing.RAIL}; height: auto; padding: 0 1; }}
    RunScreen #step {{ height: 1; padding: 0 1; display: none; }}
    RunScreen Activities {{
        width: 1fr; height: 100%; min-height: 4; padding: 0 1; border-left: solid $border-blurred;
        scrollbar-size-vertical: 1;
    }}
    RunScreen ActivityRow {{ height: auto; margin-bottom: 1; }}
    RunScreen ActivityRow:focus {{ border-left: outer $primary; }}
    RunScreen #machines {{ height: auto; padding: 0 1; border-top: solid $border-blurred; display: none; }}
    RunScreen LogPane {{
        height: 1fr; min-height: 3; padding: 0 1; border-top: solid $border-blurred; scrollbar-size-vertical: 1;
        border-title-color: $foreground; border-title-style: none; background: $background;
    }}
    RunScreen LogPane:focus {{ border-top: solid $primary; }}
    RunScreen.-small #rail {{ display: none; }}
    RunScreen.-small #step {{ display: block; }}
    RunScreen.-small #middle {{ max-height: 40%; }}
    RunScreen.-small Activities {{ border-left: none; height: auto; min-height: 1; max-height: 100%; }}
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "app.interrupt", "Stop", priority=True),
        Binding("w", "warnings", "Warnings"),
        Binding("l", "next_level", "Log level"),
        *(Binding(str(number), f"level({number})", show=False) for number in range(1, len(LEVELS) + 1)),
        Binding("tab", "app.focus_next", "Look closer"),
        Binding("shift+tab", "app.focus_previous", show=False),
        Binding("escape", "unfocus", show=False),
    ]
    AUTO_FOCUS = ""
    SMALL = (60, 20)
    """Below so many columns or lines the steps are one line."""

    def __init__(self, state: RunState, disk: DiskSettings, level: Level, zone: tzinfo | None) -> None:
        super().__init__()
        self._state = state
        self._disk = disk
        self._log = LogPane(zone)
        self._log.level = level
        self._activities = Activities()
        self._parts = {name: Part(id=name) for name in ("title", "stopping", "rail", "step", "machines")}
        self._count = WarningsCount(id="warnings")

    def compose(self) -> ComposeResult:
        """See Screen."""
        with Horizontal(id="head"):
            yield self._parts["title"]
            yield self._count
        yield self._parts["stopping"]
        yield self._parts["step"]
        with Horizontal(id="middle"):
            yield self._parts["rail"]
            yield self._activities
        yield self._parts["machines"]
        yield self._log
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """See Screen."""
        self._entitle()

    def on_resize(self, event: events.Resize) -> None:
        """A terminal too small for everything shows the running step alone."""
        columns, lines = self.SMALL
        self.set_class(event.size.width < columns or event.size.height < lines, "-small")

    def draw(self, now: datetime) -> None:
        """Show the state as it is now."""
        state = self._state
        self._parts["title"].show(drawing.title_text(state))
        self._parts["rail"].show(drawing.rail_text(state, now))
        self._parts["step"].show(drawing.step_text(state, now))
        for name, text in (
            ("stopping", drawing.stopping_text(state)),
            ("machines", drawing.machines_text(state, self._disk, now)),
        ):
            self._parts[name].display = bool(text.plain)
            self._parts[name].show(text)
        self._count.show(drawing.warnings_text(state))
        self._activities.draw(state, now)
        self._log.draw(state)

    def action_warnings(self) -> None:
        """Show the list of warnings."""
        self.app.push_screen(WarningsScreen(drawing.all_warnings(self._state)))

    def on_warnings_count_opened(self) -> None:
        """The count was clicked."""
        self.action_warnings()

    def action_next_level(self) -> None:
        """Show fewer lines; after the fewest, all."""
        self.action_level((LEVELS.index(self._log.level) + 1) % len(LEVELS) + 1)

    def action_level(self, number: int) -> None:
        """Show the log from the level of this number on, 1 to 6."""
        self._log.filter(LEVELS[number - 1])
        self._entitle()
        self._log.draw(self._state)

    def action_unfocus(self) -> None:
        """Look at everything again."""
        self.set_focus(None)

    def _entitle(self) -> None:
        level = self._log.level
        more = " and above" if level is not Level.CRITICAL else ""
        self._log.border_title = f"Log: {level.name}{more} ({LEVELS.index(level) + 1} of {len(LEVELS)})"
