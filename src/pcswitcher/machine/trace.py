"""Telling the log what is run where (requirement L1): every command and call at DEBUG, before and after.

Below its level a log costs nothing: who runs things knows beforehand whether anybody wants to hear of it.
"""

from __future__ import annotations

import asyncio
import itertools
import platform
import shlex
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Final, Self

import attrs

from pcswitcher.machine.api import AgentLog, OutputListener
from pcswitcher.model.errors import CancelledCallError
from pcswitcher.model.events import Level
from pcswitcher.model.text import escape, human_count, human_size

EXCERPT: Final = 4096
"""Bytes kept from the beginning and from the end of each stream a program prints."""
SHOWN_ARGUMENTS: Final = 64 * 1024
"""Longest command line shown, in characters; what is longer loses its last arguments."""

LogSink = Callable[[AgentLog], None]


def _ignore(_: AgentLog) -> None:
    return None


def _names() -> Iterator[str]:
    return (f"local-{number}" for number in itertools.count(1))


@attrs.frozen(kw_only=True)
class LogRoute:
    """Where the log lines of a run's machines go, and which are wanted at all."""

    to: Callable[[str], LogSink]
    """Gives the place for the lines of the machine with this host name."""
    least: Level
    """Lines below it need not come."""
    libraries: Level = Level.WARNING
    """The same for what libraries log."""
    names: Iterator[str] = attrs.field(factory=_names)
    """For the commands this PC runs without its agent: those that lead to the agents."""


@attrs.frozen
class Trace:
    """Tells ``sink`` of the commands and calls of one machine when ``least`` asks for them."""

    sink: LogSink = _ignore
    least: Level = Level.CRITICAL

    @property
    def is_on(self) -> bool:
        """Whether anybody wants to hear."""
        return self.least <= Level.DEBUG

    @classmethod
    def along(cls, route: LogRoute | None, hostname: str) -> Self:
        """The trace of a machine, or one that tells nobody."""
        return cls(route.to(hostname), route.least) if route else cls()

    def command(
        self,
        name: str,
        arguments: Sequence[bytes | str],
        *,
        stdin: int = 0,
        environment: Iterable[str] = (),
        directory: str | None = None,
    ) -> Command:
        """Tell that a program starts; use the result as a context manager, or end it by hand.

        ``name`` tells the command from others of its machine. Of what it reads only the size in bytes is told
        (``stdin``), of its environment only the names.
        """
        if not self.is_on:
            return _UNHEARD
        fields = {
            "stdin": human_size(stdin) if stdin else "",
            "environment": " ".join(environment),
            "directory": directory or "",
        }
        return Command(self.sink, name, paste(arguments), {key: value for key, value in fields.items() if value})

    @contextmanager
    def call(self, name: str, function: str) -> Generator[None]:
        """Tell of a call by the name of its function: when it begins, and how and when it ended."""
        if not self.is_on:
            yield
            return
        self.sink(AgentLog(level=Level.DEBUG, message=f"call {name}: {function}"))
        started = time.monotonic()
        try:
            yield
        except BaseException as error:
            self.sink(_debug(f"call {name} {_reason(error)} after {_since(started)}", **_words(error)))
            raise
        self.sink(_debug(f"call {name} ended after {_since(started)}"))


def local_command(route: LogRoute | None, arguments: Sequence[str]) -> Command:
    """Tell that this PC starts a program on its way to an agent. See ``Trace.command``."""
    return Trace.along(route, platform.node()).command(next(route.names), arguments) if route else _UNHEARD


class Command:
    """A program that runs, on its way through the log."""

    def __init__(self, sink: LogSink, name: str, line: str, fields: dict[str, str]) -> None:
        self._sink = sink
        self._name = name
        self._excerpts = {1: Excerpt(), 2: Excerpt()}
        self._open = True
        sink(_debug(f"command {name}: {line}", **fields))
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self.failed(error)

    def hear(self, stream: int, data: bytes) -> None:
        """Keep an excerpt of what the program prints: stream 1 is standard output, 2 standard error."""
        self._excerpts[stream].add(data)

    def listen(self, listener: OutputListener) -> OutputListener:
        """A listener that also keeps an excerpt."""

        def both(stream: int, data: bytes, /) -> None:
            self._excerpts[stream].add(data)
            listener(stream, data)

        return both

    def ended(self, status: int) -> None:
        """Tell how the program ended, with excerpts of its output. Only the first end counts."""
        self._end(f"ended with status {status}")

    def failed(self, error: BaseException) -> None:
        """Tell that the program could not be started, or was stopped, and why."""
        self._end(_reason(error), **_words(error))

    def _end(self, how: str, **fields: str) -> None:
        if self._open:
            self._open = False
            printed = {"stdout": self._excerpts[1].text, "stderr": self._excerpts[2].text}
            shown = {key: value for key, value in printed.items() if value}
            self._sink(_debug(f"command {self._name} {how} after {_since(self._started)}", **fields, **shown))


class _UnheardCommand(Command):
    """A command nobody wants to hear of."""

    def __init__(self) -> None:
        self._open = False

    def hear(self, stream: int, data: bytes) -> None:
        """See Command."""

    def listen(self, listener: OutputListener) -> OutputListener:
        """See Command."""
        return listener


_UNHEARD = _UnheardCommand()


class Excerpt:
    """The beginning and the end of a stream.

    It is cut at blanks: half an address could no longer be told from other text, and its password would be shown.
    """

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._size = 0

    def add(self, data: bytes) -> None:
        """Take the next piece."""
        self._size += len(data)
        room = EXCERPT - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        if data:
            self._tail += data[-EXCERPT:]
            del self._tail[:-EXCERPT]

    @property
    def text(self) -> str:
        """What was kept, with the size of what was left out between."""
        head, tail = bytes(self._head), bytes(self._tail)
        if self._size > len(head) + len(tail):
            head, tail = head[: _last_blank(head)], tail[_first_blank(tail) :]
            left_out = self._size - len(head) - len(tail)
            return f"{_decode(head)}\n… {left_out:,} bytes left out …\n{_decode(tail)}".rstrip("\n")
        return _decode(head + tail).rstrip("\n")


def paste(arguments: Sequence[bytes | str]) -> str:
    r"""A command as a line to paste into a shell, safe to show: what is not printable is written as ``$'\x1b'``."""
    words: list[str] = []
    size = 0
    for position, argument in enumerate(arguments):
        words.append(_quote(argument.encode("utf-8", "surrogateescape") if isinstance(argument, str) else argument))
        size += len(words[-1]) + 1
        if size > SHOWN_ARGUMENTS:
            words[-1] = f"# and {human_count(len(arguments) - position, 'more argument')}"
            break
    return " ".join(words)


def _quote(argument: bytes) -> str:
    shown = escape(argument)
    if shown.encode("utf-8", "surrogateescape") == argument:
        return shlex.quote(shown)
    # bash(1), ANSI-C quoting, knows all that ``escape`` writes.
    return "$'" + shown.replace("'", "\\'") + "'"


_HERE: ContextVar[tuple[Trace, Iterator[str]] | None] = ContextVar("_HERE", default=None)


def trace_here(trace: Trace, names: Iterator[str]) -> None:
    """Let the functions that this thread runs from now on tell ``trace`` of their commands, under these names."""
    _HERE.set((trace, names))


def command_here(arguments: Sequence[bytes | str], *, environment: Iterable[str] = ()) -> Command:
    """Tell that a function of ours, on whatever machine, starts a program itself. See ``Trace.command``."""
    here = _HERE.get()
    return here[0].command(next(here[1]), arguments, environment=environment) if here else _UNHEARD


def _debug(message: str, **fields: str) -> AgentLog:
    return AgentLog(level=Level.DEBUG, message=message, fields=fields)


def _since(started: float) -> str:
    return f"{time.monotonic() - started:.3f} s"


def _reason(error: BaseException) -> str:
    stopped = isinstance(error, asyncio.CancelledError | CancelledCallError | KeyboardInterrupt)
    return "was stopped" if stopped else "failed"


def _words(error: BaseException) -> dict[str, str]:
    return {"error": f"{type(error).__name__}: {error}".removesuffix(": ")}


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


def _last_blank(data: bytes) -> int:
    """Where the last blank of ``data`` is; 0 when it has none."""
    return max(0, *(data.rfind(blank) for blank in (b" ", b"\t", b"\r", b"\n")))


def _first_blank(data: bytes) -> int:
    """Where the first blank of ``data`` is; its end when it has none."""
    found = [at for blank in (b" ", b"\t", b"\r", b"\n") if (at := data.find(blank)) >= 0]
    return min(found, default=len(data))
