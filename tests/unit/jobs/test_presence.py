"""Whether an agent has the jobs that a run is about to ask it for."""

from __future__ import annotations

import asyncio

import pytest

from pcswitcher.jobs import presence
from pcswitcher.jobs.presence import require_jobs
from pcswitcher.machine.fake import open_fake
from pcswitcher.model.errors import CheckError


def require(*names: str) -> None:
    """Ask two machines of this process."""

    async def asking() -> None:
        machines = (await open_fake("atlas"), await open_fake("vega"))
        try:
            await require_jobs(machines, names)
        finally:
            for machine in machines:
                await machine.close()

    asyncio.run(asking())


def test_jobs_that_both_have_are_no_problem() -> None:
    """J1: ours and those that were installed."""
    require("files", "dummy_success")


def test_a_job_that_an_agent_lacks_stops_the_run_with_its_name_and_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """J1: before a function of it is asked for, which the agent would call unknown; every machine is named."""
    with pytest.raises(
        CheckError, match="atlas's agent lacks the job hosts; vega's agent lacks the job hosts"
    ) as caught:
        require("files", "hosts")
    assert "pip install" in caught.value.hint
    monkeypatch.setattr(presence, "GROUP", "pcswitcher.nothing")
    with pytest.raises(CheckError, match="vega's agent lacks the job files, dummy_success"):
        require("files", "dummy_success")
