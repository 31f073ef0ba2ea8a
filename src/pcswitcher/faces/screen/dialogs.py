"""What is shown above the run: the question for a password, the list of warnings."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, Static

from pcswitcher.faces.words import one_line


class PasswordScreen(ModalScreen[str | None]):
    """Asks for a password; what is typed is shown as dots. Gives None when it is refused or nothing was typed."""

    CSS = """
    PasswordScreen { align: center middle; }
    PasswordScreen > Vertical { width: 64; max-width: 100%; height: auto; border: round $primary; padding: 0 1; }
    PasswordScreen Input { border: none; height: 1; padding: 0; margin: 1 0; }
    PasswordScreen .hint { text-style: dim; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "refuse", "Refuse")]

    def __init__(self, user: str, hostname: str) -> None:
        super().__init__()
        self._user = one_line(user)
        self._hostname = one_line(hostname)

    def compose(self) -> ComposeResult:
        """See Screen."""
        with Vertical():
            yield Static(Text(f"sudo password for {self._user} on {self._hostname}"), id="question")
            field = Input(password=True)
            field.cursor_blink = False
            yield field
            yield Static(Text("Enter: become root there, for this run only"), classes="hint")
            yield Static(Text("Esc: do not; the run ends before anything is changed"), classes="hint")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The answer is given."""
        self.dismiss(event.value or None)

    def action_refuse(self) -> None:
        """No answer."""
        self.dismiss(None)


class WarningsScreen(ModalScreen[None]):
    """Every warning and error so far, each whole."""

    CSS = """
    WarningsScreen { align: center middle; }
    WarningsScreen > VerticalScroll {
        width: 90%; height: auto; max-height: 80%; border: round $warning; padding: 0 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,w,q,enter", "close", "Close")]

    def __init__(self, warnings: Text) -> None:
        super().__init__()
        self._warnings = warnings

    def compose(self) -> ComposeResult:
        """See Screen."""
        with VerticalScroll() as box:
            box.border_title = "Warnings"
            yield Static(self._warnings)
        yield Footer()

    def show(self, warnings: Text) -> None:
        """Show them, with those that came since."""
        if warnings != self._warnings:
            self._warnings = warnings
            self.query_one(Static).update(warnings)

    def action_close(self) -> None:
        """Back to the run."""
        self.dismiss(None)
