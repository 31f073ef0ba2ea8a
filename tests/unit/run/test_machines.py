"""What is done with the two machines of a run."""

from __future__ import annotations

import asyncio

import pytest

from pcswitcher.machine.fake import open_fake
from pcswitcher.model.errors import ConnectionLostError, QuestionError
from pcswitcher.run import machines
from pcswitcher.run.machines import while_there


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often."""
    monkeypatch.setattr(machines, "LOST_INTERVAL", 0.01)


def test_a_machine_that_is_lost_while_a_person_is_asked_ends_the_question() -> None:
    """Faults row 1, U4: nobody decides on and on about a PC that is gone."""
    ended: list[str] = []

    async def question() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("taken away")
        return "yes"

    async def scenario() -> None:
        atlas, vega = await open_fake("atlas"), await open_fake("vega")
        asking = asyncio.create_task(while_there((atlas, vega), question()))
        await asyncio.sleep(0.02)
        await vega.crash()
        try:
            await asking
        finally:
            await atlas.close()
            await vega.close()

    with pytest.raises(ConnectionLostError, match="vega: the connection broke"):
        asyncio.run(asyncio.wait_for(scenario(), 10))
    assert ended == ["taken away"]


def test_an_answer_and_a_refusal_come_through() -> None:
    async def answer() -> str:
        return "yes"

    async def refuse() -> str:
        raise QuestionError("nobody is here")

    async def scenario() -> str:
        atlas = await open_fake("atlas")
        try:
            with pytest.raises(QuestionError):
                await while_there((atlas,), refuse())
            return await while_there((atlas,), answer())
        finally:
            await atlas.close()

    assert asyncio.run(scenario()) == "yes"
