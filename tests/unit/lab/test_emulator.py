"""The terminal that shows a test what a person would see."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pclab.emulator import Emulator
from pcswitcher.faces.screen.driver import GIVEN_BACK

DRAWN = (
    "$ ls\r\n\x1b[?1049h\x1b[?25l\x1b[>1u\x1b[?2004h\x1b[?7l\x1b[2J\x1b[2;3H\x1b[38;2;9;9;9mNew\x1b[0m"
    "\x1b[?2048$p\x1b[3;1Hwhole"
)
"""What a full-screen program prints: on a screen of its own, cursor and wrapping off, mouse and keys changed."""


def shown(*parts: str) -> Emulator:
    emulator = Emulator(10, 4)
    for part in parts:
        emulator.feed(part)
    return emulator


def test_lines_are_as_a_terminal_draws_them() -> None:
    emulator = shown("one\r\ntwo\x1b[1;3HX\x1b[31mY\x1b[0m")
    assert emulator.lines == ["onXY", "two", "", ""]
    assert emulator.width == 4
    assert emulator.left_changed == []


def test_a_full_screen_program_draws_beside_what_was_there_and_gives_it_back() -> None:
    emulator = shown(DRAWN)
    assert emulator.is_drawn_on
    assert emulator.lines == ["", "  New", "whole", ""]
    emulator.feed(GIVEN_BACK)
    assert not emulator.is_drawn_on
    assert emulator.lines == ["$ ls", "", "", ""]
    assert emulator.left_changed == []


@given(st.integers(0, len(DRAWN)), st.integers(0, len(DRAWN)))
def test_pieces_of_any_size_show_the_same(first: int, second: int) -> None:
    first, second = sorted((first, second))
    pieces = shown(DRAWN[:first], DRAWN[first:second], DRAWN[second:])
    assert (pieces.lines, pieces.left_changed) == (shown(DRAWN).lines, shown(DRAWN).left_changed)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("\x1b[?25l", "the cursor is hidden"),
        ("\x1b[?1049h\x1b[?25l\x1b[?1049l", "the cursor is hidden"),
        ("\x1b[?7l", "long lines do not wrap"),
        ("\x1b[?1049h", "private mode 1049 is on"),
        ("\x1b[?1000h", "private mode 1000 is on"),
        ("\x1b[?1006;2004h\x1b[?1006l", "private mode 2004 is on"),
        ("\x1b[>1u\x1b[>1u\x1b[<u", "1 keyboard protocol(s) in force"),
    ],
)
def test_what_is_not_taken_back_is_told(change: str, told: str) -> None:
    assert shown(change).left_changed == [told]


def test_a_new_size_is_that_of_both_screens() -> None:
    emulator = shown("first\r\n\x1b[?1049hsecond")
    emulator.resize(4, 2)
    assert emulator.lines == ["seco", ""]
    emulator.feed("\x1b[?1049l")
    assert [len(emulator.lines), emulator.width <= 4] == [2, True]
