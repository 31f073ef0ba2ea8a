"""Values that are too many for one message."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.machine import pieces
from pcswitcher.machine.api import Context, exposed
from pcswitcher.machine.fake import open_fake
from pcswitcher.machine.pieces import PIECE, batches, receive_values, send_values
from pcswitcher.model.errors import FormatError


@attrs.frozen
class Line:
    """A value."""

    text: str


@exposed
def send_lines(context: Context, texts: tuple[str, ...], times: int) -> int:
    """Send each text so many times over."""
    send_values(context, [Line(text * times) for text in texts])
    return len(texts)


def receive(shape: type[object], texts: Sequence[str], times: int = 1) -> object:
    async def ask() -> object:
        machine = await open_fake("vega", packages=frozenset({__name__.partition(".")[0]}))
        try:
            return await receive_values(machine, shape, send_lines, tuple(texts), times)
        finally:
            await machine.close()

    return asyncio.run(ask())


@pytest.mark.parametrize("times", [1, PIECE // 3, 3 * PIECE])
def test_values_arrive_as_they_were_however_large(times: int) -> None:
    """A value may be larger than a piece, and the whole than a message."""
    texts = ("x", "\n", "é\x1b")
    assert receive(Line, texts, times) == (3, tuple(Line(text * times) for text in texts))


def test_no_values_are_none() -> None:
    assert receive(Line, ()) == (0, ())


def test_a_value_of_another_type_is_refused() -> None:
    with pytest.raises(FormatError):
        receive(int, ("x",))


@given(st.lists(st.integers(0, 40)), st.integers(1, 50))
def test_batches_hold_all_in_order_and_none_is_too_large(sizes: list[int], limit: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE", limit)
        cut = list(batches(sizes, lambda size: size))
    assert [size for batch in cut for size in batch] == sizes
    assert all(batch and (len(batch) == 1 or sum(batch) <= limit) for batch in cut)
