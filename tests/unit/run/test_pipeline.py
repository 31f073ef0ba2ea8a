"""A run's own end, whatever goes wrong in its own code."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.run.scene import Kept, flawed

from pcswitcher.faces.words import lines_of
from pcswitcher.machine.sudo import ask_nobody
from pcswitcher.model.errors import ExitCode
from pcswitcher.model.events import Level, Outcome, RunFinished
from pcswitcher.model.plan import ConflictPolicy
from pcswitcher.model.settings import Settings
from pcswitcher.run import pipeline
from pcswitcher.run.bus import Bus
from pcswitcher.run.options import SyncOptions
from pcswitcher.run.pipeline import Sync
from pcswitcher.run.result import SyncResult
from pcswitcher.run.review import PolicyReviewer


def test_an_error_nobody_foresaw_is_a_result_and_its_traceback_is_for_the_log_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The last event is RunFinished, also for a program that reads them; nobody is shown a traceback."""

    async def connect(*arguments: object) -> object:
        raise ZeroDivisionError("division by zero")

    async def start_source(*arguments: object) -> object:
        return object()

    monkeypatch.setattr(pipeline, "connect", connect)
    monkeypatch.setattr(pipeline, "start_source", start_source)
    bus, kept = Bus(level=Level.DEBUG), Kept()
    bus.add(kept)
    reviewer = PolicyReviewer(accept=True, conflicts=ConflictPolicy.ASK)

    async def scenario() -> SyncResult:
        sync = Sync(SyncOptions(host="vega"), [flawed("a")[0]], Settings(), bus, reviewer, ask_nobody)
        result = await sync.run()
        await asyncio.sleep(0)  # a cancellation would arrive here
        return result

    result = asyncio.run(scenario())
    assert (result.outcome, result.exit_code) == (Outcome.FAILED, ExitCode.FAILED)
    assert "ZeroDivisionError" in result.message
    last = kept.events[-1]
    assert isinstance(last, RunFinished)
    assert last.message == result.message
    assert any("Traceback" in line for line in kept.lines(Level.DEBUG))
    assert not any("Traceback" in line for event in kept.events for line in lines_of(event))
