"""Draw the picture for the README: the real screen, fed with a fixed run.

Run with: python docs/images/make_screen.py
A unit test holds the words in the picture to what the screen shows today.
"""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs

from pcswitcher.faces.screen.app import Look, RunApp
from pcswitcher.model.events import (
    Event,
    FreeSpace,
    JobFinished,
    JobStarted,
    Level,
    LinkHealth,
    LogLine,
    Outcome,
    PlanLine,
    Progress,
    RunStarted,
    Stalled,
    Step,
    StepFinished,
    StepStarted,
)

PICTURE = Path(__file__).with_name("screen.svg")
SIZE = (112, 30)
BEGIN = datetime(2026, 5, 1, 18, 4, 11, tzinfo=UTC)
MEBIBYTE = 1024 * 1024
GIBIBYTE = 1024 * MEBIBYTE
TOOK = {
    Step.CONNECT: 0.4,
    Step.DEPLOY: 1.2,
    Step.CHECK: 0.8,
    Step.CAPTURE: 4.1,
    Step.DIFF: 0.4,
    Step.REVIEW: 38.0,
}
"""Seconds of the steps before the apply; the others are done at once."""


def run_until_apply() -> Iterator[Event]:
    """A run from atlas to vega, up to its apply; the moments are seconds after the beginning."""
    within: dict[Step, tuple[Event, ...]] = {
        Step.DEPLOY: (
            LogLine(level=Level.INFO, machine="vega", message="installed pc-switcher 0.1.0 on vega (3.4 MiB in 1.1 s)"),
        ),
        Step.LOCK: (RunStarted(run="0042", source="atlas", target="vega", version="0.1.0", dry_run=False),),
        Step.CHECK: (
            LogLine(
                level=Level.WARNING,
                machine="vega",
                message="atlas has debian 13, vega has debian 12: some settings may not fit "
                "(bring both to the same release)",
            ),
            FreeSpace(machine="atlas", path="/home", free=412 * GIBIBYTE, total=931 * GIBIBYTE),
            FreeSpace(machine="vega", path="/home", free=98 * GIBIBYTE, total=465 * GIBIBYTE),
        ),
        Step.DIFF: (
            PlanLine(
                job="files",
                title="Files",
                summary=("1,204 new (6.1 GiB)", "388 changed (940 MiB)", "2 removed"),
                removals=("/home/sam/Documents/draft-old.odt", "/home/sam/Projects/ledger/notes\\x1b[31m.txt"),
                conflicts=("/home/sam/.config/user-dirs.dirs",),
                warnings=(),
            ),
            PlanLine(job="settings", title="Settings", summary=("1 new",), removals=(), warnings=()),
        ),
    }
    seconds = 0.0
    for step in Step:
        at = {"time": BEGIN + timedelta(seconds=seconds)}
        yield StepStarted(step=step, **at)
        if step is Step.APPLY:
            return
        for event in within.get(step, ()):
            yield attrs.evolve(event, **at)
        seconds += TOOK.get(step, 0.1)
        yield StepFinished(step=step, seconds=TOOK.get(step, 0.1), time=BEGIN + timedelta(seconds=seconds))


def apply_so_far(begun: datetime) -> Iterator[Event]:
    """The apply, half a minute after it began."""
    yield JobStarted(job="files", title="Files", items=1594, size=7 * GIBIBYTE, time=begun)
    yield JobStarted(job="settings", title="Settings", items=1, size=0, time=begun)
    done = 0
    for second in range(31):
        done += (100 + 40 * (second // 4 % 2)) * MEBIBYTE
        yield Progress(
            job="files",
            machine="vega",
            done=done,
            total=7 * GIBIBYTE,
            unit="bytes",
            item="/home/sam/Pictures/2026/Lisbon, with everyone from the office/raw/IMG_20260414_183012.dng",
            items=29 * second,
            items_total=1592,
            time=begun + timedelta(seconds=second),
        )
    yield JobFinished(
        job="settings", outcome=Outcome.DONE, reason="", seconds=0.6, items=1, time=begun + timedelta(seconds=0.6)
    )
    yield JobStarted(job="caches", title="Caches", items=12_804, size=0, time=begun)
    yield Stalled(
        job="caches",
        machine="vega",
        seconds=11,
        cause="vega is writing to its disk, which takes all it can",
        time=begun + timedelta(seconds=31),
    )
    yield LinkHealth(machine="vega", round_trip=0.0031, silent=0.4, time=begun + timedelta(seconds=31))


def events_of_a_run() -> tuple[Event, ...]:
    """A run from atlas to vega, in the middle of its apply."""
    before = tuple(run_until_apply())
    return (*before, *apply_so_far(before[-1].time))


async def _photograph(size: tuple[int, int], happened: tuple[Event, ...]) -> str:
    app = RunApp(Look(clock=lambda: max(event.time for event in happened), zone=UTC))
    async with app.run_test(size=size) as pilot:
        for event in happened:
            app.take(event)
        for _ in range(2):  # the first may change how much room there is for what
            app.draw()
            await pilot.pause()
        return app.export_screenshot(title="pc-switcher sync vega")


def draw(size: tuple[int, int] = SIZE) -> str:
    """The picture of the run's screen as SVG."""
    return tidy(asyncio.run(_photograph(size, events_of_a_run())))


def tidy(picture: str) -> str:
    """A picture that textual drew, the same for the same screen: no font from elsewhere, no id made of its content."""
    picture = re.sub(r"@font-face \{.*?\}\s*\n", "", picture, flags=re.DOTALL)
    picture = picture.replace("Fira Code,", "").replace("Fira Code, ", "")
    picture = re.sub(r"terminal-\d+", "screen", picture)
    return re.sub(r'x="([\d.]+)"( y="[\d.]+") textLength="([\d.]+)"([^>]*)>((?:&#160;)+)', _without_blanks, picture)


def _without_blanks(found: re.Match[str]) -> str:
    """A text that begins further right instead of with blanks, which not every program that draws SVG keeps."""
    column = 12.2
    blanks = found[5].count(";") * column
    return f'x="{float(found[1]) + blanks:.5g}"{found[2]} textLength="{float(found[3]) - blanks:.5g}"{found[4]}>'


def words(picture: str) -> list[str]:
    """The words in a picture, in their order."""
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", picture)
    return " ".join(html.unescape(text).replace("\xa0", " ") for text in texts).split()


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
