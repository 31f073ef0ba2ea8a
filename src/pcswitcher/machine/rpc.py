"""How calls, programs and errors look inside messages: shared by the agent and by who speaks to it.

===================  ==============================================  ==============================================
request              params                                          result
===================  ==============================================  ==============================================
``hello``            Greeting                                        MachineFacts
``ping``             nothing                                         nothing
``call``             Call                                            the function's result
``run``              RunProgram                                      ProgramEnd
===================  ==============================================  ==============================================

Notifications to the agent: ``cancel`` (id). From the agent, each with the id of its request: ``progress``,
``chunk`` (base64), ``log``, ``output`` (stream, base64). A ``log`` of id 0 belongs to no request: a library's.
"""

from __future__ import annotations

import base64
import binascii

import attrs

from pcswitcher.machine.frames import Failure
from pcswitcher.model.codec import JsonValue, from_json, to_json
from pcswitcher.model.errors import FormatError, FunctionError, PcSwitcherError, ProtocolError, error_types
from pcswitcher.model.events import Level
from pcswitcher.model.text import printable

OUR_ERROR = -32000
"""JSON-RPC code of an error of our tree (the range the specification leaves to implementations)."""
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
CHUNK_LIMIT = 1024 * 1024
"""Longest chunk in bytes, before base64."""


@attrs.frozen(kw_only=True)
class Greeting:
    """The first request on a connection."""

    protocol: int
    version: str
    liveness: float
    """Seconds without any message after which the agent takes its caller for gone."""
    log: Level = Level.DEBUG
    """Log lines below it need not be sent."""
    libraries: Level = Level.CRITICAL
    """The same for what libraries log."""


@attrs.frozen(kw_only=True)
class Call:
    """Run an exposed function."""

    function: str
    arguments: dict[str, JsonValue]


@attrs.frozen(kw_only=True)
class RunProgram:
    """Run a program; its output is sent as it comes. ``stdin`` is base64."""

    arguments: tuple[bytes, ...]
    stdin: str
    timeout: float | None
    environment: dict[str, str] = attrs.field(repr=False)
    directory: str | None


@attrs.frozen(kw_only=True)
class ProgramEnd:
    """How a program ended: its status as a shell has it."""

    status: int


@attrs.frozen(kw_only=True)
class ErrorData:
    """One of our errors on its way to the other side."""

    type: str
    message: str
    hint: str


def call_from_json(data: dict[str, JsonValue]) -> Call:
    """Read a Call; its arguments stay JSON until the function's own types are known. Raises FormatError."""
    function, arguments = data.get("function"), data.get("arguments")
    if data.keys() != {"function", "arguments"} or not isinstance(function, str) or not isinstance(arguments, dict):
        raise FormatError("a call needs a function and arguments")
    return Call(function=function, arguments=arguments)


def failure(number: int, error: BaseException) -> Failure:
    """An error as the answer to request ``number``."""
    if isinstance(error, PcSwitcherError):
        data = ErrorData(type=type(error).__name__, message=error.message, hint=error.hint)
        return Failure(number, OUR_ERROR, error.message, to_json(data))
    return Failure(number, INTERNAL_ERROR, f"{type(error).__name__}: {error}")


def error_from(answer: Failure, machine: str) -> PcSwitcherError:
    """The error the other side had, as itself where it is one of ours. Its words are made safe for a terminal."""
    if answer.code == OUR_ERROR:
        try:
            data = from_json(ErrorData, answer.data)
        except FormatError:
            return ProtocolError(f"{machine}: an error arrived in the wrong form")
        kind = error_types().get(data.type, FunctionError)
        return kind(printable(data.message), printable(data.hint))
    return FunctionError(f"{machine}: {printable(answer.message)}")


def pack(data: bytes) -> str:
    """Bytes as base64 text."""
    return base64.b64encode(data).decode("ascii")


def unpack(text: JsonValue) -> bytes:
    """Base64 text as bytes. Raises ProtocolError."""
    if not isinstance(text, str):
        raise ProtocolError("a chunk is not text")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProtocolError("a chunk is not base64") from error
