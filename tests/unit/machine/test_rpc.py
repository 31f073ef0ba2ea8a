"""Errors and chunks on their way between machines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.machine.frames import Failure
from pcswitcher.machine.rpc import OUR_ERROR, call_from_json, error_from, failure, pack, unpack
from pcswitcher.model.codec import JsonValue
from pcswitcher.model.errors import FormatError, FunctionError, PcSwitcherError, ProtocolError, error_types


@pytest.mark.parametrize("kind", list(error_types().values()), ids=lambda kind: kind.__name__)
def test_every_error_of_the_tree_stays_itself(kind: type[PcSwitcherError]) -> None:
    found = error_from(failure(7, kind("vega: no", "do this")), "vega")
    assert type(found) is kind
    assert (found.message, found.hint) == ("vega: no", "do this")


def test_a_type_we_do_not_know_is_still_an_error() -> None:
    answer = Failure(1, OUR_ERROR, "x", {"type": "SystemExit", "message": "gone", "hint": ""})
    assert type(error_from(answer, "vega")) is FunctionError


@pytest.mark.parametrize("data", [None, [], {"type": 1}, {"type": "CheckError", "message": "x"}, "CheckError"])
def test_an_error_in_the_wrong_form_is_the_other_sides_fault(data: JsonValue) -> None:
    """Faults row 22."""
    assert isinstance(error_from(Failure(1, OUR_ERROR, "x", data), "vega"), ProtocolError)


def test_words_from_the_other_side_cannot_drive_our_terminal() -> None:
    """Faults row 22: escape codes."""
    answer = Failure(1, OUR_ERROR, "x", {"type": "CheckError", "message": "\x1b]0;owned\x07", "hint": "\u202eevil"})
    found = error_from(answer, "vega")
    assert "\x1b" not in found.message
    assert "\u202e" not in found.hint
    assert "\x1b" not in error_from(Failure(1, -32603, "\x1b[2J"), "vega").message


@given(st.binary(max_size=1000))
def test_chunks_arrive_as_they_were(data: bytes) -> None:
    assert unpack(pack(data)) == data


@pytest.mark.parametrize("text", [None, 1, "ä", "a", "====", "YQ==\n", ["YQ=="]])
def test_what_is_no_chunk_is_refused(text: JsonValue) -> None:
    with pytest.raises(ProtocolError):
        unpack(text)


@pytest.mark.parametrize(
    "params", [{}, {"function": "x"}, {"function": 1, "arguments": {}}, {"function": "x", "arguments": []}]
)
def test_a_call_needs_a_function_and_arguments(params: dict[str, JsonValue]) -> None:
    with pytest.raises(FormatError):
        call_from_json(params)
