"""What a function of ours that an agent runs is given: its way to speak to its caller."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from concurrent.futures import Future
from contextlib import ExitStack

from pcswitcher.machine.api import AgentLog
from pcswitcher.machine.frames import Notification
from pcswitcher.machine.rpc import CHUNK_LIMIT, pack
from pcswitcher.machine.trace import Trace
from pcswitcher.machine.wire import Wire
from pcswitcher.model.codec import JsonValue
from pcswitcher.model.errors import CancelledCallError
from pcswitcher.model.events import Level
from pcswitcher.model.text import escape

PROGRESS_INTERVAL = 0.1
"""Least seconds between two progress notifications of one call."""
LINES_UNDERWAY = 256
"""Most log lines of one call that wait for the link before its function does."""


class WorkerContext:
    """The Context of one call; its function runs in a worker thread, messages leave from the event loop."""

    def __init__(
        self, number: int, wire: Wire, loop: asyncio.AbstractEventLoop, resources: ExitStack, least: Level
    ) -> None:
        self.number = number
        self._wire = wire
        self._loop = loop
        self._cancelled = threading.Event()
        self._next_progress = 0.0
        self._least = least
        self._telling = threading.Lock()
        self._underway: deque[Future[None]] = deque()
        self.resources = resources

    def cancel(self) -> None:
        """Tell the function that nobody wants its answer any more."""
        self._cancelled.set()

    def progress(self, done: int, total: int, unit: str, item: bytes = b"") -> None:
        """See Context."""
        moment = time.monotonic()
        if moment >= self._next_progress or done == total:
            self._next_progress = moment + PROGRESS_INTERVAL
            self._tell("progress", {"done": done, "total": total, "unit": unit, "item": escape(item)})

    def log(self, level: Level, message: str, **fields: str) -> None:
        """See Context."""
        self.check_cancelled()
        if level >= self._least:
            self.tell(AgentLog(level=level, message=message, fields=fields))

    def tell(self, line: AgentLog) -> None:
        """Send a log line. Its function waits for the link only when it matters or too many are underway."""
        waited_for: list[Future[None]] = []
        with self._telling:
            self._underway.append(self._send_soon("log", log_params(line)))
            if line.level >= Level.WARNING:
                waited_for.append(self._underway[-1])
            while self._underway and (self._underway[0].done() or len(self._underway) > LINES_UNDERWAY):
                waited_for.append(self._underway.popleft())
        for sending in waited_for:
            self._wait(sending)

    def trace(self) -> Trace:
        """For the commands that the function itself runs."""
        return Trace(self.tell, self._least)

    def send(self, chunk: bytes) -> None:
        """See Context."""
        if len(chunk) > CHUNK_LIMIT:
            raise ValueError(f"a chunk of {len(chunk)} bytes is over the limit of {CHUNK_LIMIT}")
        self._tell("chunk", {"data": pack(chunk)})

    def check_cancelled(self) -> None:
        """See Context."""
        if self._cancelled.is_set():
            raise CancelledCallError("the call was cancelled")

    def _tell(self, method: str, params: dict[str, JsonValue]) -> None:
        self.check_cancelled()
        self._wait(self._send_soon(method, params))

    def _send_soon(self, method: str, params: dict[str, JsonValue]) -> Future[None]:
        message = Notification(method, {"id": self.number, **params})
        return asyncio.run_coroutine_threadsafe(self._wire.send(message), self._loop)

    @staticmethod
    def _wait(sending: Future[None]) -> None:
        try:
            sending.result()
        except OSError as error:
            raise CancelledCallError("the caller is gone") from error


def log_params(line: AgentLog) -> dict[str, JsonValue]:
    """A log line as a notification carries it."""
    return {"level": int(line.level), "message": line.message, "fields": dict(line.fields)}
