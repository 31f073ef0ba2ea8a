"""Draw the picture of the screen for the README: the real screen, fed with a fixed run.

Run with: python docs/images/make_screen.py
A unit test holds the words in the picture to what the screen shows today.
"""

from __future__ import annotations

import html
import io
import re
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from pcswitcher.faces.screen import ScreenFace
from pcswitcher.model.events import (
    Event,
    Level,
    LogLine,
    PlanLine,
    Progress,
    RunStarted,
    Step,
    StepFinished,
    StepStarted,
)

PICTURE = Path(__file__).with_name("screen.svg")
WIDTH = 116
MEBIBYTE = 1024 * 1024


def events_of_a_run() -> list[Event]:
    """A run from atlas to vega, in the middle of its apply."""
    happened: list[Event] = []

    def step(step: Step, seconds: float, *within: Event) -> None:
        happened.extend((StepStarted(step=step), *within, StepFinished(step=step, seconds=seconds)))

    step(Step.CONNECT, 0.4)
    step(
        Step.DEPLOY,
        1.2,
        LogLine(level=Level.INFO, machine="vega", message="installed pc-switcher 0.1.0 on vega (3.4 MiB in 1.1 s)"),
    )
    step(Step.LOCK, 0.1, RunStarted(run="0042", source="atlas", target="vega", version="0.1.0", dry_run=False))
    step(
        Step.CHECK,
        0.2,
        LogLine(
            level=Level.WARNING,
            machine="vega",
            message="atlas has debian 13, vega has debian 12: some settings may not fit "
            "(bring both to the same release)",
        ),
    )
    step(Step.SNAPSHOT, 0.3)
    step(Step.CAPTURE, 4.1)
    step(
        Step.DIFF,
        0.4,
        PlanLine(
            job="files",
            title="Files",
            summary=("1,204 new (611 MiB)", "388 changed (94 MiB)", "2 removed"),
            removals=("/home/sam/Documents/draft-old.odt", "/home/sam/Projects/ledger/notes\\x1b[31m.txt"),
            warnings=(),
        ),
    )
    step(Step.REVIEW, 8.0)
    happened += [
        StepStarted(step=Step.APPLY),
        Progress(
            job="files",
            machine="vega",
            done=437 * MEBIBYTE,
            total=705 * MEBIBYTE,
            unit="bytes",
            rate=88.0 * MEBIBYTE,
            items=961,
            items_total=1592,
        ),
    ]
    return happened


def draw() -> str:
    """The picture as SVG, without a font from elsewhere."""
    console = Console(record=True, width=WIDTH, force_terminal=True, color_system="truecolor", file=io.StringIO())
    screen = ScreenFace(console)
    console.print("sam@atlas:~$ pc-switcher sync vega", highlight=False)
    for event in events_of_a_run():
        screen.take(event)
    console.print(screen.render())
    form = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace("Fira Code, ", "")
    return console.export_svg(title="pc-switcher", unique_id="screen", code_format=form)


def words(picture: str) -> list[str]:
    """The words in a picture, in their order."""
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", picture)
    return " ".join(html.unescape(text).replace("\xa0", " ") for text in texts).split()


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
