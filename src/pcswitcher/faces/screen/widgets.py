"""The parts of the run's screen. Each draws itself again only when what it shows has changed."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import RichLog, Static

from pcswitcher.faces.screen.drawing import activity_text, entry_text
from pcswitcher.faces.screen.state import LINES_KEPT, Activity, RunState
from pcswitcher.model.events import Level


class Part(Static):
    """Text that is drawn again only when it differs."""

    shown: Text = Text()

    def show(self, text: Text) -> None:
        """Show it."""
        if text != self.shown or text.spans != self.shown.spans:
            lines = self.shown.plain.count("\n")
            self.shown = text
            self.update(text, layout=lines != text.plain.count("\n") or self.styles.is_auto_width)


class WarningsCount(Part):
    """How many warnings there are; a click opens the list."""

    class Opened(Message):
        """The list is wanted."""

    def on_click(self) -> None:
        """See Widget."""
        self.post_message(self.Opened())


class ActivityRow(Part, can_focus=True):
    """What a job does on a machine. With the focus nothing of it is shortened."""

    def __init__(self, activity: Activity) -> None:
        super().__init__()
        self.activity = activity
        self._moment = activity.began

    def watch_has_focus(self, has_focus: bool) -> None:  # noqa: FBT001  (textual calls it so)
        """See Widget."""
        super().watch_has_focus(has_focus)
        self.draw(self._moment)

    def on_resize(self) -> None:
        """See Widget."""
        self.draw(self._moment)

    def draw(self, now: datetime) -> None:
        """Show it as it is now."""
        self._moment = now
        width = self.content_size.width or self.app.size.width
        self.show(activity_text(self.activity, now, width, whole=self.has_focus))


class Activities(VerticalScroll, can_focus=False):
    """A row per running job and machine."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[tuple[str, str], ActivityRow] = {}

    def draw(self, state: RunState, now: datetime) -> None:
        """Show what runs now; rows come and go with it."""
        for key, row in list(self._rows.items()):
            if state.activities.get(key) is not row.activity:
                row.remove()
                del self._rows[key]
        for key, activity in state.activities.items():
            if key not in self._rows:
                self._rows[key] = ActivityRow(activity)
                self.mount(self._rows[key])
            self._rows[key].draw(now)


class LogPane(RichLog):
    """The log: follows its end unless one has scrolled up."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("end", "scroll_end", "Follow", show=False)]
    PER_DRAWING = 60
    """Lines that are added at once at most: more would hold up the run, and nobody could read them."""

    def __init__(self, zone: tzinfo | None) -> None:
        super().__init__(min_width=1, max_lines=LINES_KEPT, auto_scroll=False)
        self._zone = zone
        self._last = -1
        self._width = 0
        self.level = Level.INFO

    def on_mount(self) -> None:
        """See Widget."""
        self.anchor()

    def draw(self, state: RunState) -> None:
        """Add what came since."""
        width = self.scrollable_content_region.width
        if not width:
            return
        if width != self._width:
            self._width = width
            self.clear_lines()
        following = self.is_vertical_scroll_end
        entries = state.entries(self.level, self._last)[-self.PER_DRAWING :]
        for entry in entries:
            self._last = entry.number
            self.write(entry_text(entry, self._zone, width), width=width)
        if entries and following:
            self.scroll_end(animate=False)

    def filter(self, level: Level) -> None:
        """Show only lines from this level on."""
        self.level = level
        self.clear_lines()

    def clear_lines(self) -> None:
        """Begin anew: with the next drawing all lines come again."""
        self.clear()
        self._last = -1
