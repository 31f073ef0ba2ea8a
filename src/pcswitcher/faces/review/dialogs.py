"""The questions of the review: each says what it does, and to whom; the way back is always the default."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, TypeVar

import attrs
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, ScrollableContainer, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Button, Footer, Input, Static

T = TypeVar("T")

STYLE = """
    & > Vertical {
        width: 68; max-width: 95%; height: auto; max-height: 95%;
        border: round $primary; background: $surface; padding: 0 1;
    }
    & VerticalScroll { height: auto; max-height: 14; margin: 1 0; }
    & Horizontal { height: 1; align-horizontal: right; }
    & Button { width: auto; min-width: 0; padding: 0 1; margin-left: 2; }
    & .problem { color: $error; height: auto; }
"""


@attrs.frozen
class Choice(Generic[T]):
    """One answer: its key, what it is called, what it stands for."""

    key: str
    label: str
    value: T
    grave: bool = False
    """Whether something is lost by it."""


class Dialog(ModalScreen[T | None]):
    """A question with a few answers. Escape, Enter at first, and the button Back give None."""

    DEFAULT_CSS = "Dialog { align: center middle; " + STYLE + "}"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back")]

    def __init__(self, title: str, body: Content, choices: Sequence[Choice[T]], back: str = "Back") -> None:
        super().__init__()
        self._question = title
        self._body = body
        self._choices = {choice.key: choice for choice in choices}
        self._back = back

    def compose(self) -> ComposeResult:
        """See Screen."""
        with Vertical() as box:
            box.border_title = self._question
            with VerticalScroll(can_focus=True):
                yield Static(self._body)
            with Horizontal():
                for choice in self._choices.values():
                    yield Button(
                        f"{choice.key} {choice.label}",
                        id=f"choice-{choice.key}",
                        compact=True,
                        variant="error" if choice.grave else "primary",
                    )
                yield Button(f"Esc {self._back}", id="back", compact=True)

    def on_mount(self) -> None:
        """Whoever presses Enter without reading goes back."""
        self.query_one("#back").focus()

    def on_key(self, event: events.Key) -> None:
        """Answer by key."""
        choice = self._choices.get(event.key)
        if choice:
            event.stop()
            self.dismiss(choice.value)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer by mouse."""
        event.stop()
        choice = self._choices.get((event.button.id or "").removeprefix("choice-"))
        self.dismiss(choice.value if choice else None)

    def action_back(self) -> None:
        """Give no answer."""
        self.dismiss(None)


class LineDialog(ModalScreen[str | None]):
    """Asks for a line. ``check`` says what is wrong with one, or nothing. Escape gives None."""

    DEFAULT_CSS = "LineDialog { align: center middle; " + STYLE + "}"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back")]

    def __init__(self, title: str, body: Content, check: Callable[[str], str], value: str = "") -> None:
        super().__init__()
        self._question = title
        self._body = body
        self._check = check
        self._value = value

    def compose(self) -> ComposeResult:
        """See Screen."""
        with Vertical() as box:
            box.border_title = self._question
            with VerticalScroll(can_focus=False):
                yield Static(self._body)
            yield Input(self._value, compact=True, select_on_focus=False)
            yield Static(classes="problem")
            with Horizontal():
                yield Button("⏎ OK", id="ok", compact=True, variant="primary")
                yield Button("Esc Back", id="back", compact=True)

    def on_mount(self) -> None:
        """Type at once."""
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the line, or say what is wrong with it."""
        event.stop()
        problem = self._check(event.value.strip())
        if problem:
            self.query_one(".problem", Static).update(Content(problem))
        else:
            self.dismiss(event.value.strip())

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """The same by mouse."""
        event.stop()
        if event.button.id == "ok":
            line = self.query_one(Input)
            line.post_message(Input.Submitted(line, line.value))
        else:
            self.dismiss(None)

    def action_back(self) -> None:
        """Give no answer."""
        self.dismiss(None)


class Pager(Screen[None]):
    """One text over the whole screen, not wrapped: it scrolls both ways."""

    DEFAULT_CSS = """
    Pager {
        & > #page { height: 1fr; padding: 0 1; scrollbar-size: 1 1; }
        & Static { width: auto; text-wrap: nowrap; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,d", "back", "Back")]

    def __init__(self, text: Content) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """See Screen."""
        with ScrollableContainer(id="page"):
            yield Static(self._text)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Scroll with the arrow keys at once."""
        self.query_one("#page").focus()

    def action_back(self) -> None:
        """Go back to the review."""
        self.dismiss(None)
