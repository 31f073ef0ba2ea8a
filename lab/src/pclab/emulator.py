"""What a person sees on a terminal: its lines, after everything that was printed on it."""

from __future__ import annotations

import re

import pyte
from pyte.modes import DECAWM

_PRIVATE = re.compile(r"\x1b\[([?<=>])([0-9;]*)(\$?[A-Za-z])")
"""Control sequences beyond ECMA-48, as xterm and kitty have them: their kind, numbers and command."""
_BEGUN = re.compile(r"\x1b(\[[0-9;?<=>]*\$?)?$")
"""A control sequence whose end is still to come."""
_ALTERNATE = "1049"
_SHOWN_BY_SCREEN = frozenset({"7", "25"})
"""Private modes that change what is drawn, and are on at first: wrapping, the cursor."""


class Emulator:
    """A terminal of a size, fed with what is printed on it.

    It has two screens as real ones have: full-screen programs draw on the second, and the first comes back with all
    that was on it when they end.
    """

    def __init__(self, columns: int, rows: int) -> None:
        """An empty terminal."""
        self._screen, self._stream = _screen(columns, rows)
        self._first: tuple[pyte.Screen, pyte.Stream] | None = None
        self._modes: set[str] = set()
        self._keyboards = 0
        self._rest = ""

    def feed(self, printed: str) -> None:
        """Take in what was printed; a control sequence may come in two pieces."""
        printed = self._rest + printed
        begun = _BEGUN.search(printed)
        self._rest = begun[0] if begun else ""
        place = 0
        for found in _PRIVATE.finditer(printed, endpos=len(printed) - len(self._rest)):
            self._stream.feed(printed[place : found.start()])
            self._private(found[1], found[2], found[3])
            place = found.end()
        self._stream.feed(printed[place : len(printed) - len(self._rest)])

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        for screen in (self._screen, *((self._first[0],) if self._first else ())):
            screen.resize(rows, columns)

    @property
    def lines(self) -> list[str]:
        """What every line shows, without spaces at its end."""
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        """What is shown, in one piece."""
        return "\n".join(self.lines)

    @property
    def width(self) -> int:
        """How many columns the widest line takes."""
        return max(map(len, self.lines))

    @property
    def is_drawn_on(self) -> bool:
        """Whether a full-screen program has the terminal."""
        return self._first is not None

    @property
    def left_changed(self) -> list[str]:
        """What was asked of the terminal and not taken back: a shell after it would suffer from each."""
        found = [f"private mode {mode} is on" for mode in sorted(self._modes, key=int)]
        if self._screen.cursor.hidden:
            found.append("the cursor is hidden")
        if DECAWM not in self._screen.mode:
            found.append("long lines do not wrap")
        if self._keyboards:
            found.append(f"{self._keyboards} keyboard protocol(s) in force")
        return found

    def _private(self, kind: str, numbers: str, command: str) -> None:
        if kind in "<>" and command == "u":  # kitty's keyboard protocol: a stack
            self._keyboards = max(0, self._keyboards + (1 if kind == ">" else -1))
        if kind == "?" and command in {"h", "l"}:
            for mode in numbers.split(";"):
                self._set(mode, on=command == "h")

    def _set(self, mode: str, *, on: bool) -> None:
        if mode in _SHOWN_BY_SCREEN:
            (self._screen.set_mode if on else self._screen.reset_mode)(int(mode), private=True)
            return
        (self._modes.add if on else self._modes.discard)(mode)
        if mode == _ALTERNATE and on and self._first is None:
            self._first = (self._screen, self._stream)
            self._screen, self._stream = _screen(self._screen.columns, self._screen.lines)
        elif mode == _ALTERNATE and not on and self._first is not None:
            hidden = self._screen.cursor.hidden
            self._screen, self._stream = self._first
            self._screen.cursor.hidden = hidden  # the cursor is the terminal's, not the screen's
            self._first = None


def _screen(columns: int, rows: int) -> tuple[pyte.Screen, pyte.Stream]:
    screen = pyte.Screen(columns, rows)
    return screen, pyte.Stream(screen)
