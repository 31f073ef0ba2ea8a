"""What the layers above see of a machine, and what a function running on one sees.

``await machine.call(function, …)`` runs one of our functions *on that machine* and gives back its typed
result; ``await machine.run([...])`` runs a program there. Both look the same for the machine the command
was typed on, for the other PC, and for the fake that ships for tests.
"""

from __future__ import annotations

import abc
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Concatenate, Generic, ParamSpec, Protocol, TypeVar

import attrs

from pcswitcher.model.errors import FormatError, ProgramError
from pcswitcher.model.events import Level
from pcswitcher.model.secret import Secret
from pcswitcher.model.text import printable

P = ParamSpec("P")
R = TypeVar("R")

CAPTURE_LIMIT = 16 * 1024 * 1024
"""Most bytes of a program's output kept in memory when nobody listens to it as it comes."""


class Context(Protocol):
    """What an exposed function is given where it runs. Every method may be called from its worker thread."""

    @property
    def resources(self) -> ExitStack:
        """Things that live as long as the agent: closed when it ends, for whatever reason."""
        ...

    def progress(self, done: int, total: int, unit: str, item: bytes = b"") -> None:
        """Tell how far the call is; ``total`` 0 means not known. Cheap: sent at most ten times a second."""
        ...

    def log(self, level: Level, message: str, **fields: str) -> None:
        """Write one line into the run's log. Cheap: it waits only while very many lines are on their way."""
        ...

    def send(self, chunk: bytes) -> None:
        """Send one chunk (at most 1 MiB) of the call's stream to the caller, waiting while the link is busy."""
        ...

    def check_cancelled(self) -> None:
        """Raise CancelledCallError when the caller no longer wants the answer. Call it in every loop."""
        ...


class Exposed(Generic[P, R]):
    """A function that a machine's agent may be asked to run.

    Called directly, with a context first, it runs here. Given to ``Machine.call`` it runs there. Arguments and
    result must be values ``model.codec`` knows; their types are read from the annotations.
    """

    def __init__(self, function: Callable[Concatenate[Context, P], R]) -> None:
        self.function = function
        self.name = f"{function.__module__}:{function.__qualname__}"
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__

    def __call__(self, context: Context, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function in this process."""
        return self.function(context, *args, **kwargs)

    def __repr__(self) -> str:
        return f"<exposed {self.name}>"

    def parameter_types(self) -> dict[str, type]:
        """The types of the arguments after the context, by name, in order."""
        hints = typing.get_type_hints(self.function)
        names = list(inspect.signature(self.function).parameters)[1:]
        return {name: hints[name] for name in names}

    def result_type(self) -> type[R]:
        """The type of the result."""
        result: type[R] = typing.get_type_hints(self.function)["return"]
        return result

    def bind(self, *args: P.args, **kwargs: P.kwargs) -> dict[str, object]:
        """Name every argument, as it is sent. Raises TypeError like the call itself would."""
        bound = inspect.signature(self.function).bind(None, *args, **kwargs)
        bound.apply_defaults()
        return dict(list(bound.arguments.items())[1:])


def exposed(function: Callable[Concatenate[Context, P], R]) -> Exposed[P, R]:
    """Mark a module-level function as one that agents run for a caller on another machine."""
    return Exposed(function)


@attrs.frozen(kw_only=True)
class ProgressReport:
    """How far a call is, as its function told."""

    done: int
    total: int
    unit: str
    item: bytes = b""


@attrs.frozen(kw_only=True)
class AgentLog:
    """A log line a function wrote on its machine."""

    level: Level
    message: str
    fields: dict[str, str] = attrs.field(factory=dict[str, str])


def _ignore(_: object) -> None:
    return None


@attrs.frozen(kw_only=True)
class Listener:
    """Where the progress, the stream and the log lines of one call go. Called in the event loop; must not block."""

    progress: Callable[[ProgressReport], None] = _ignore
    chunk: Callable[[bytes], None] = _ignore
    log: Callable[[AgentLog], None] | None = None
    """None: to the machine's own log sink."""


class OutputListener(Protocol):
    """Takes a program's output as it comes: stream 1 is stdout, 2 is stderr."""

    def __call__(self, stream: int, data: bytes, /) -> None:
        """Take one piece of output. Called in the event loop; must not block."""
        ...


@attrs.frozen(kw_only=True)
class Completed:
    """How a program ended: ``status`` as the shell has it (128 + signal when a signal ended it), and its output."""

    machine: str
    arguments: tuple[str, ...]
    status: int
    stdout: bytes = b""
    stderr: bytes = b""

    @property
    def text(self) -> str:
        """Standard output as text, without the last newline."""
        return self.stdout.decode("utf-8", "backslashreplace").rstrip("\n")

    def check(self) -> Completed:
        """Give itself back when the status is 0; raise ProgramError with the program's own words otherwise."""
        if self.status == 0:
            return self
        words = printable(self.stderr.decode("utf-8", "backslashreplace")).strip().splitlines()
        reason = words[-1] if words else "it printed no reason"
        raise ProgramError(f"{self.machine}: {self.arguments[0]} ended with status {self.status}: {reason}")


@attrs.frozen(kw_only=True)
class MachineFacts:
    """What an agent tells of its machine when it greets."""

    hostname: str
    machine_id: str
    """The installation's /etc/machine-id (machine-id(5)); empty where there is none."""
    boot_id: str
    architecture: str
    """``uname -m``."""
    kernel: str
    distribution: str
    """ID and VERSION_ID of os-release(5): ``debian 13``."""
    python: str
    version: str
    """Our own version there."""
    uid: int
    login_user: str
    """The person's account on that machine (the one that used sudo)."""
    login_home: str


class Machine(abc.ABC):
    """One PC. Implementations: ``connection.AgentMachine`` (here and over ssh) and ``fake.FakeMachine``."""

    name: str
    """The hostname people read."""
    facts: MachineFacts

    async def call(self, function: Exposed[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run ``function`` on this machine and give its result.

        Raises what the function raised (our own errors stay themselves), FunctionError for anything else,
        ConnectionLostError when the machine went away. Cancelling the awaiting task cancels the call there.
        """
        return await self.call_listening(Listener(), function, *args, **kwargs)

    @abc.abstractmethod
    async def call_listening(self, listener: Listener, function: Exposed[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """``call``, with the call's progress and stream given to ``listener`` as they come."""

    @abc.abstractmethod
    async def run(
        self,
        arguments: Sequence[str | bytes],
        *,
        stdin: bytes = b"",
        timeout: float | None = None,
        environment: Mapping[str, str | Secret] | None = None,
        directory: str | None = None,
        listener: OutputListener | None = None,
    ) -> Completed:
        """Run a program as root on this machine and wait for its end.

        ``environment`` is added to a clean one (PATH, LC_ALL=C.UTF-8, HOME). ``timeout`` is in seconds. With a
        ``listener`` the output goes there and is not kept; without one at most CAPTURE_LIMIT bytes are.
        Cancelling ends the program: SIGTERM to its process group, SIGKILL after a grace. Raises ProgramError
        when it cannot be started, ProgramTimeoutError, ConnectionLostError.
        A failing status does not raise: see ``Completed.check``.
        """

    @abc.abstractmethod
    async def close(self) -> None:
        """End the agent and everything it started. Safe to call twice."""


def resolve_exposed(name: str, allowed: frozenset[str]) -> Exposed[..., object]:
    """Find an exposed function by its ``module:name``, in packages named in ``allowed`` only. Raises FormatError."""
    import importlib

    module_name, separator, attribute = name.partition(":")
    if not separator or module_name.partition(".")[0] not in allowed:
        raise FormatError(f"no function is called {printable(name)!r}")
    try:
        found: object = getattr(importlib.import_module(module_name), attribute, None)
    except ImportError as error:
        raise FormatError(f"no function is called {printable(name)!r}") from error
    if not isinstance(found, Exposed):
        raise FormatError(f"no function is called {printable(name)!r}")
    return typing.cast("Exposed[..., object]", found)
