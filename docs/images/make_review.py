"""Draw the picture of the review for its page: the real screen, with the plan of ``sample_plan.py``.

Run with: python docs/images/make_review.py
A unit test holds the words in the picture to what the screen shows today.
"""

from __future__ import annotations

import asyncio
import runpy
from pathlib import Path

from pcswitcher.faces.review.screen import ReviewScreen
from pcswitcher.faces.screen.app import RunApp

HERE = Path(__file__).parent
PICTURE = HERE / "review.svg"
SIZE = (112, 34)
KEYS = ("down", "down", "enter", "down", "down", "n")
"""To the second conflict, which is skipped; the first is looked at."""
PATIENCE = 30


async def _photograph() -> str:
    sample = runpy.run_path(str(HERE / "sample_plan.py"))
    looked = asyncio.Event()

    async def inspect(job: str, change: object) -> object:
        looked.set()
        return await sample["sample_details"](job, change)

    app = RunApp()
    async with app.run_test(size=SIZE) as pilot:
        screen = ReviewScreen(sample["sample_plan"](), frozenset(), inspect, lambda *_: None)
        answer = asyncio.ensure_future(app.ask(screen))
        while screen.review is None:
            await pilot.pause(0.01)
        await pilot.press(*KEYS)
        looked.clear()
        await pilot.press("up")
        async with asyncio.timeout(PATIENCE):
            await looked.wait()
        await pilot.pause()
        picture = app.export_screenshot(title="pc-switcher sync vega")
        answer.cancel()
        return picture


def draw() -> str:
    """The picture as SVG, without a font from elsewhere."""
    return str(_other()["tidy"](asyncio.run(_photograph())))


def words(picture: str) -> list[str]:
    """The words in a picture, in their order."""
    return list(_other()["words"](picture))


def _other() -> dict[str, object]:
    return runpy.run_path(str(HERE / "make_screen.py"))


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
