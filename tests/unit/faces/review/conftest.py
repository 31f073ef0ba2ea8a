"""A review on the screen of a run, without a terminal: keys and clicks in, what is shown and decided out."""

from __future__ import annotations

import asyncio
import runpy
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import attrs
import pytest
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Static

from pcswitcher.faces.review.details import DetailsPane
from pcswitcher.faces.review.screen import ReviewScreen
from pcswitcher.faces.review.tree import PlanTree
from pcswitcher.faces.screen.app import RunApp
from pcswitcher.jobs.api import Change, Details, Finding, Gate
from pcswitcher.model.plan import Plan, Section

T = TypeVar("T")
PATIENCE = 20
ROUNDS = 2
"""How often all messages are waited for without any effect: one leads to another, a button to its question."""


@attrs.define
class Desk:
    """A person in front of the review."""

    pilot: Pilot[None]
    screen: ReviewScreen
    answer: asyncio.Future[Plan | None]

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
            await self.settle()

    async def settle(self) -> None:
        """Wait until nothing is on its way: no message, no question that opens or closes."""
        before: tuple[object, ...] = ()
        same = 0
        while same < ROUNDS:
            await self.pilot.pause()
            asking = sum(worker.group == "question" and worker.is_running for worker in self.screen.workers)
            now = (self.top, self.top.focused, asking, self.answer.done())
            same = same + 1 if now == before and not (asking and self.top is self.screen) else 0
            before = now

    async def click(self, selector: str) -> None:
        await self.pilot.click(selector)
        await self.settle()

    async def type(self, text: str) -> None:
        await self.press(
            *({"-": "minus", "/": "slash", "*": "asterisk", ".": "full_stop"}.get(each, each) for each in text)
        )

    @property
    def tree(self) -> PlanTree:
        return self.screen.query_one(PlanTree)

    @property
    def top(self) -> Screen[object]:
        """The review, or the question above it."""
        return self.pilot.app.screen

    def shown(self) -> list[str]:
        """The lines on the screen."""
        return [strip.text.rstrip() for strip in self.top._compositor.render_strips()]

    def text(self) -> str:
        """Everything on the screen, as one line without its wrapping and frames."""
        return " ".join(" ".join(self.shown()).replace("│", " ").split())

    async def sees(self, words: str) -> None:
        """Wait for words to be on the screen: it is drawn a moment after a key has had its effect."""
        try:
            await self.until(lambda: words in self.text())
        except TimeoutError:
            raise AssertionError(f"{words!r} is not on the screen: {self.text()}") from None

    def rows(self) -> list[str]:
        """The lines of the tree."""
        height = min(len(self.tree.rows), self.tree.size.height)
        return [self.tree.render_line(line).text.rstrip() for line in range(height)]

    def details(self) -> str:
        """What the pane beside the tree tells, whole."""
        pane = self.screen.query_one(DetailsPane)
        return "\n".join(str(each.render()) for each in pane.query(Static) if each.id in {"about", "closer"})

    async def go(self, label: str) -> None:
        """Put the cursor on the first row that is called so, from where it is downwards."""
        for line in range(len(self.tree.rows)):
            if self.tree.rows.row(line).label == label:
                self.tree.cursor = line
                await self.settle()
                return
        raise AssertionError(f"no {label} in {self.rows()}")

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something that happens beside the keys has happened."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await self.pilot.pause(0.01)


@attrs.frozen
class Ended:
    """How a review ended."""

    over: bool
    """False: it was still open."""
    plan: Plan | None
    saved: list[tuple[Plan, Path]]


async def look_at_nothing(job: str, change: Change) -> Details:
    return Details()


@pytest.fixture(name="drive")
def drive_fixture() -> Callable[..., Ended]:
    """Open a review of a plan and let a scenario use it."""

    def drive(
        plan: Plan,
        scenario: Callable[[Desk], Awaitable[None]],
        *allowed: Gate,
        inspect: Callable[[str, Change], Awaitable[Details]] = look_at_nothing,
        save: Callable[[Plan, Path], None] | None = None,
        size: tuple[int, int] = (80, 24),
    ) -> Ended:
        saved: list[tuple[Plan, Path]] = []

        async def work() -> Ended:
            app = RunApp()
            async with app.run_test(size=size) as pilot:
                screen = ReviewScreen(plan, frozenset(allowed), inspect, save or (lambda *what: saved.append(what)))
                answer = asyncio.ensure_future(app.ask(screen))
                desk = Desk(pilot, screen, answer)
                await desk.until(lambda: screen.review is not None and not desk.tree.loading)
                await pilot.pause()
                await scenario(desk)
                await pilot.pause()
                if answer.done():
                    return Ended(over=True, plan=answer.result(), saved=saved)
                answer.cancel()
                return Ended(over=False, plan=None, saved=saved)

        return asyncio.run(work())

    return drive


@pytest.fixture(name="plan_of")
def plan_of_fixture() -> Callable[..., Plan]:
    """A plan of one job from atlas to vega."""

    def plan_of(*changes: Change, lazily: Sequence[Change] | None = None, findings: tuple[Finding, ...] = ()) -> Plan:
        section = Section(
            job="files", title="Files", source_state="", target_state="", changes=changes if lazily is None else lazily
        )
        return Plan(
            source="atlas",
            target="vega",
            source_id="1" * 32,
            target_id="2" * 32,
            version="0.2.0",
            sections=(section,),
            findings=findings,
        )

    return plan_of


@pytest.fixture(name="sample")
def sample_fixture() -> Plan:
    """The plan of the pictures: 2 conflicts, 5 removals of two jobs, a gate."""
    path = Path(__file__).parents[4] / "docs" / "images" / "sample_plan.py"
    plan = runpy.run_path(str(path))["sample_plan"]()
    assert isinstance(plan, Plan)
    return plan
