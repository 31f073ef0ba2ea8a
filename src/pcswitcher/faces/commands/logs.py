"""`pc-switcher logs`: the logs of the runs started on this PC."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pcswitcher.faces.words import one_line
from pcswitcher.model.codec import JsonValue, dump_plain
from pcswitcher.model.errors import PcSwitcherError, UsageError
from pcswitcher.model.events import Level
from pcswitcher.model.text import printable
from pcswitcher.run.log_file import list_logs, read_log
from pcswitcher.run.paths import logs_directory, shown

LISTED = 10


def logs(
    run: str | None = None,
    /,
    *,
    level: str = "FULL",
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """List the newest logs, or print one.

    Parameters
    ----------
    run
        "last", a run's number, or a part of a log's name as the list shows it.
    level
        Leave out log lines below this level: DEBUG, FULL, INFO, WARNING, ERROR, CRITICAL.
    json
        Print the log's own JSON lines.
    """
    if level.upper() not in Level.__members__:
        raise UsageError(f"there is no level {level}", f"levels: {', '.join(Level.__members__)}")
    found = list_logs(logs_directory())
    if run is None:
        for path in found[:LISTED]:
            sys.stdout.write(f"{path.stem}  {path.stat().st_size:,} bytes\n")
        sys.stdout.write(f"{len(found)} logs in {shown(logs_directory())}; print one with: pc-switcher logs last\n")
        return
    for event in read_log(_choose(found, run)):
        if event.get("type") == "log-line" and Level[str(event.get("level"))] < Level[level.upper()]:
            continue
        sys.stdout.write((dump_plain(event) if json else _line(event)) + "\n")


def _choose(found: list[Path], run: str) -> Path:
    """The log that ``run`` names. Raises PcSwitcherError when none does."""
    if run == "last" and found:
        return found[0]
    chosen = next((path for path in found if run.isdecimal() and _number(path) == int(run)), None)
    # Only then by its name, which is full of digits itself.
    chosen = chosen or next((path for path in found if run and run in path.stem), None)
    if chosen is not None:
        return chosen
    raise PcSwitcherError(f"there is no log of {printable(run)}", "pc-switcher logs")


def _number(path: Path) -> int:
    """The number of the run a log tells of; -1 when it ended before it had one."""
    for event in read_log(path):
        if event.get("type") == "run-started":
            label = str(event.get("run"))
            return int(label) if label.isdecimal() else -1
    return -1


def _line(event: dict[str, JsonValue]) -> str:
    fields = {name: value for name, value in event.items() if name not in {"type", "schema", "time"} and value}
    if event.get("type") == "log-line":
        more = fields.get("fields")
        extra = "".join(f" {name}={value}" for name, value in more.items()) if isinstance(more, dict) else ""
        words = (
            f"{fields.get('level')} {fields.get('machine', '')} {fields.get('job', '')}: {fields.get('message')}{extra}"
        )
    else:
        words = f"{event.get('type')} " + " ".join(f"{name}={value}" for name, value in fields.items())
    return one_line(f"{event.get('time')} {words}")
