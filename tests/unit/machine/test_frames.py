"""The wire's messages: fuzzed, cut anywhere, never larger than agreed (faults row 22)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.machine.frames import (
    FRAME_LIMIT,
    Answer,
    Decoder,
    Failure,
    Message,
    Notification,
    Request,
    decode,
    encode,
)
from pcswitcher.model.codec import JsonValue
from pcswitcher.model.errors import ProtocolError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PARAMS = st.dictionaries(st.text(max_size=8), JSON, max_size=3)
NUMBERS = st.integers(min_value=-(2**53), max_value=2**53)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(Request, NUMBERS, st.text(max_size=10), PARAMS),
    st.builds(Notification, st.text(max_size=10), PARAMS),
    st.builds(Answer, NUMBERS, JSON),
    st.builds(Failure, NUMBERS, st.integers(), st.text(max_size=20), JSON),
)


@given(MESSAGES)
def test_every_message_survives_the_wire(message: Message) -> None:
    line = encode(message)
    assert line.endswith(b"\n")
    assert b"\n" not in line[:-1]
    assert line.isascii()
    assert decode(line[:-1]) == message


@given(st.lists(MESSAGES, max_size=6), st.data())
def test_a_stream_cut_anywhere_gives_the_same_messages(messages: list[Message], data: st.DataObject) -> None:
    stream = b"".join(map(encode, messages))
    decoder = Decoder()
    found: list[Message] = []
    while stream:
        size = data.draw(st.integers(min_value=1, max_value=len(stream)))
        found += decoder.feed(stream[:size])
        stream = stream[size:]
    assert found == messages


@given(st.binary(max_size=300))
def test_any_bytes_are_messages_or_refused_and_nothing_else(data: bytes) -> None:
    try:
        Decoder().feed(data)
    except ProtocolError:
        return


@given(JSON)
def test_any_json_is_a_message_or_refused(value: object) -> None:
    try:
        decode(json.dumps(value).encode())
    except ProtocolError:
        return


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b'[{"jsonrpc":"2.0","id":1,"method":"ping","params":{}}]',
        b'{"jsonrpc":"1.0","id":1,"result":null}',
        b'{"jsonrpc":"2.0","id":"1","result":null}',
        b'{"jsonrpc":"2.0","id":true,"result":null}',
        b'{"jsonrpc":"2.0","id":1.5,"result":null}',
        b'{"jsonrpc":"2.0","id":1}',
        b'{"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":""}}',
        b'{"jsonrpc":"2.0","id":1,"error":{"code":"x","message":""}}',
        b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"","more":1}}',
        b'{"jsonrpc":"2.0","method":"x","params":[]}',
        b'{"jsonrpc":"2.0","method":1,"params":{}}',
        b'{"jsonrpc":"2.0","id":1,"method":"x","params":{},"extra":1}',
        b"[" * 200_000,
        b'{"jsonrpc":"2.0","id":1,"result":' + b"[" * 200_000,
        b"\xff\xfe",
        '{"jsonrpc":"2.0","id":1,"result":"ü"}'.encode(),
        '{"jsonrpc":"2.0","id":1,"result":1}'.encode("utf-16"),
        b'{"jsonrpc":"2.0","id":1,"result":NaN}',
        b'{"jsonrpc":"2.0","id":1,"result":-Infinity}',
        b'{"jsonrpc":"2.0","id":1,"id":2,"result":1}',
        b'{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2}}',
        b'{"jsonrpc":"2.0","id":1,"error":{"code":true,"message":""}}',
        b'{"jsonrpc":"2.0","id":' + b"9" * 5000 + b',"result":1}',
    ],
    ids=lambda line: line[:40].decode("ascii", "replace"),
)
def test_what_breaks_the_rules_is_refused(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(line)


def test_a_line_without_end_is_given_up_at_the_limit_and_not_later() -> None:
    """Faults row 22: a 10 GB line; memory stays bounded."""
    decoder = Decoder()
    piece = b"x" * (1024 * 1024)
    for _ in range(FRAME_LIMIT // len(piece)):
        assert decoder.feed(piece) == []
    with pytest.raises(ProtocolError, match="over the limit"):
        decoder.feed(piece)


def test_a_message_over_the_limit_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ProtocolError, match="over the limit"):
        encode(Answer(1, "x" * FRAME_LIMIT))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"deep": float("-inf")}])
def test_what_json_cannot_hold_is_refused_before_it_is_sent(value: JsonValue) -> None:
    with pytest.raises(ProtocolError, match="JSON cannot"):
        encode(Answer(1, value))
