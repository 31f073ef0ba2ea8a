"""The terminal screen of a run: steps, a bar per running job, and the log above them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.text import Text

from pcswitcher.faces.words import lines_of, log_words, one_line
from pcswitcher.model import events
from pcswitcher.model.events import Event, JobFinished, Level, LogLine, Outcome, PlanLine, RunFinished, RunStarted, Step
from pcswitcher.model.text import human_count, human_size

REFRESH = 8
"""Redraws per second: more flickers in terminal multiplexers and says nothing new."""
STYLES = {
    Level.WARNING: "yellow",
    Level.ERROR: "red",
    Level.CRITICAL: "bold red",
}
GOOD = {Outcome.DONE, Outcome.NOTHING, Outcome.PENDING}


class AmountColumn(ProgressColumn):
    """How much of how much, in the job's own unit."""

    def render(self, task: Task) -> Text:
        """Draw it."""
        unit = str(task.fields.get("unit", ""))
        done, total = int(task.completed), int(task.total or 0)
        if unit == "bytes":
            words = human_size(done) + (f" of {human_size(total)}" if total else "")
            if task.fields.get("items_total"):
                words += f", {task.fields['items']:,} of {task.fields['items_total']:,} files"
        else:
            words = f"{done:,}" + (f" of {total:,}" if total else "") + f" {unit}"
        return Text(words)


class PaceColumn(ProgressColumn):
    """Rate and the time that is left, where they are known."""

    def render(self, task: Task) -> Text:
        """Draw it."""
        rate = float(task.fields.get("rate", 0.0)) or (task.speed or 0.0)
        if not rate:
            return Text("")
        unit = str(task.fields.get("unit", ""))
        words = f"{human_size(rate)}/s" if unit == "bytes" else f"{rate:,.0f}/s"
        if task.total and task.total > task.completed:
            left = (task.total - task.completed) / rate
            words += f", {_duration(left)} left"
        return Text(words, style="dim")


class ScreenFace:
    """A Sink that draws the run. Use it as a context manager around the run."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._steps: dict[Step, str] = {}
        self._title = Text("pc-switcher", style="bold")
        self._warnings = 0
        self._bars: dict[tuple[str, str], TaskID] = {}
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[name]}", markup=False),
            BarColumn(bar_width=24),
            AmountColumn(),
            PaceColumn(),
            console=console,
            auto_refresh=False,
        )
        self._live = self._new_live()

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    @contextmanager
    def paused(self) -> Generator[Console]:
        """Give the terminal away for a question, and draw again after it."""
        self._live.stop()
        try:
            yield self._console
        finally:
            # A Live that was stopped still believes in its old lines and would erase what was printed since.
            self._live = self._new_live()
            self._live.start()

    def take(self, event: Event) -> None:
        """See Sink."""
        match event:
            case RunStarted():
                self._title = Text(lines_of(event)[0], style="bold")
            case events.StepStarted():
                self._steps[event.step] = "running"
                self._drop_bars()
            case events.StepFinished():
                self._steps[event.step] = f" {event.seconds:.0f} s" if event.seconds >= 1 else ""
            case events.Progress():
                self._advance(event)
            case LogLine() if event.level >= Level.INFO:
                self._warnings += event.level >= Level.WARNING
                self._print(Text(log_words(event), style=STYLES.get(event.level, "")))
            case PlanLine():
                for line in lines_of(event):
                    self._print(Text(line))
            case JobFinished():
                self._print(Text(lines_of(event)[0]))
            case RunFinished():
                self._drop_bars()
                style = "bold green" if event.outcome in GOOD else "bold red"
                for number, line in enumerate(lines_of(event)):
                    self._print(Text(line, style=style if number == 0 else ""))
            case _:
                pass

    def render(self) -> RenderableType:
        """The live part at the bottom of the terminal."""
        rail = Text()
        for step in Step:
            state = self._steps.get(step)
            if state is None:
                rail.append(f"· {step}  ", style="dim")
            elif state == "running":
                rail.append(f"▸ {step}  ", style="bold cyan")
            else:
                rail.append(f"✓ {step}{state}  ", style="green")
        warnings = Text(human_count(self._warnings, "warning"), style="yellow") if self._warnings else Text("")
        return Group(Text(), Text.assemble(self._title, "   ", warnings), rail, self._progress)

    def _new_live(self) -> Live:
        return Live(get_renderable=self.render, console=self._console, refresh_per_second=REFRESH, transient=True)

    def _advance(self, event: events.Progress) -> None:
        key = (event.job, event.machine)
        if key not in self._bars:
            self._bars[key] = self._progress.add_task(
                "", total=None, name=one_line(f"{event.job} on {event.machine}"), unit=event.unit
            )
        self._progress.update(
            self._bars[key],
            completed=event.done,
            total=event.total or None,
            unit=event.unit,
            rate=event.rate,
            items=event.items,
            items_total=event.items_total,
        )

    def _drop_bars(self) -> None:
        for bar in self._bars.values():
            self._progress.remove_task(bar)
        self._bars.clear()

    def _print(self, line: Text) -> None:
        self._console.print(line, soft_wrap=True)


def _duration(seconds: float) -> str:
    """A rough time that is left: seconds below two minutes, then minutes, then hours."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
