r"""The wire: JSON-RPC 2.0 messages, one per line, of bounded size.

Every message is one line of ASCII JSON ended by ``\n`` (JSON-RPC 2.0 specification, jsonrpc.org), at most
FRAME_LIMIT bytes. Batches are not used and are refused. What breaks these rules raises ProtocolError; the
connection is then given up, never guessed back into step.
"""

from __future__ import annotations

import json
from typing import TypeAlias

import attrs

from pcswitcher.model.codec import JsonValue, dump_plain
from pcswitcher.model.errors import ProtocolError

FRAME_LIMIT = 4 * 1024 * 1024
"""Longest line in bytes; a chunk of 1 MiB is 1.4 MiB in base64."""
PROTOCOL = 1
"""Raised whenever agents of two versions could misunderstand each other."""


@attrs.frozen
class Request:
    """Asks the other side to do something and answer under the same id."""

    id: int
    method: str
    params: dict[str, JsonValue]


@attrs.frozen
class Notification:
    """Tells the other side something; there is no answer."""

    method: str
    params: dict[str, JsonValue]


@attrs.frozen
class Answer:
    """The result of a request."""

    id: int
    result: JsonValue


@attrs.frozen
class Failure:
    """The request failed; ``data`` carries one of our errors (see ``rpc.error_to_json``)."""

    id: int
    code: int
    message: str
    data: JsonValue = None


Message: TypeAlias = Request | Notification | Answer | Failure


def encode(message: Message) -> bytes:
    """One message as its line. Raises ProtocolError when it is longer than FRAME_LIMIT."""
    match message:
        case Request(id=number, method=method, params=params):
            body: dict[str, JsonValue] = {"id": number, "method": method, "params": params}
        case Notification(method=method, params=params):
            body = {"method": method, "params": params}
        case Answer(id=number, result=result):
            body = {"id": number, "result": result}
        case Failure(id=number, code=code, message=words, data=data):
            body = {"id": number, "error": {"code": code, "message": words, "data": data}}
    try:
        line = dump_plain({"jsonrpc": "2.0", **body}).encode("ascii") + b"\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise ProtocolError(f"a message holds what JSON cannot: {error}") from error
    if len(line) > FRAME_LIMIT:
        raise ProtocolError(f"a message of {len(line)} bytes is over the limit of {FRAME_LIMIT}")
    return line


class Decoder:
    """Cuts a stream of bytes into messages, with at most FRAME_LIMIT bytes waiting."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """Take the next bytes and give the messages they complete. Raises ProtocolError."""
        start = len(self._waiting)
        self._waiting += data
        messages: list[Message] = []
        begin = 0
        end = self._waiting.find(b"\n", start)
        while end >= 0:
            messages.append(decode(bytes(self._waiting[begin:end])))
            begin = end + 1
            end = self._waiting.find(b"\n", begin)
        del self._waiting[:begin]
        if len(self._waiting) > FRAME_LIMIT:
            raise ProtocolError(f"a message is over the limit of {FRAME_LIMIT} bytes")
        return messages


def decode(line: bytes) -> Message:
    """Read one line. Raises ProtocolError for anything that is not exactly one message of ours."""
    if len(line) > FRAME_LIMIT:
        raise ProtocolError(f"a message is over the limit of {FRAME_LIMIT} bytes")
    try:
        # As text first: given bytes, json would guess UTF-16 and UTF-32 too.
        body = json.loads(line.decode("ascii"), object_pairs_hook=_object, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a line on the wire is not JSON: {line[:60]!r}") from error
    if not isinstance(body, dict) or body.get("jsonrpc") != "2.0":
        raise ProtocolError(f"a line on the wire is no JSON-RPC 2.0 message: {line[:60]!r}")
    message = _shape(body)
    if message is None:
        raise ProtocolError(f"a JSON-RPC message has the wrong form: {line[:60]!r}")
    return message


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in an object")  # readers differ in which one counts (RFC 8259, 4)
    return found


def _refuse_constant(word: str) -> JsonValue:
    raise ValueError(f"{word} is no JSON")


def _shape(body: dict[str, JsonValue]) -> Message | None:
    keys = body.keys() - {"jsonrpc"}
    number = body.get("id")
    method = body.get("method")
    params = body.get("params")
    if keys == {"method", "params"} and isinstance(method, str) and isinstance(params, dict):
        return Notification(method, params)
    if not isinstance(number, int) or isinstance(number, bool):
        return None
    if keys == {"id", "method", "params"} and isinstance(method, str) and isinstance(params, dict):
        return Request(number, method, params)
    if keys == {"id", "result"}:
        return Answer(number, body["result"])
    error = body.get("error")
    if keys == {"id", "error"} and isinstance(error, dict):
        code, words = error.get("code"), error.get("message")
        if type(code) is int and isinstance(words, str) and error.keys() <= {"code", "message", "data"}:
            return Failure(number, code, words, error.get("data"))
    return None
