"""What was measured, as a table for people, as JSON for programs, and as a section of the documentation."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.measure import Course, Engine, Sample, Task

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


@dataclass(frozen=True)
class Row:
    """Medians of one task at one size: seconds and bytes of both, and how many times longer rsync takes."""

    files: int
    task: Task
    rounds: int
    ours_seconds: float
    rsync_seconds: float
    ratio: float
    ours_bytes: int
    rsync_bytes: int


def rows(samples: Sequence[Sample]) -> list[Row]:
    """One row per size and task, in the order in which they were measured."""
    keys = list(dict.fromkeys((sample.files, sample.task) for sample in samples))
    return [_row(files, task, [s for s in samples if (s.files, s.task) == (files, task)]) for files, task in keys]


def _row(files: int, task: Task, samples: Sequence[Sample]) -> Row:
    def median(engine: Engine) -> tuple[float, int]:
        mine = [sample for sample in samples if sample.engine is engine]
        seconds = statistics.median(sample.seconds for sample in mine)
        return seconds, int(statistics.median(sample.bytes_over_network for sample in mine))

    (ours, ours_bytes), (rsync, rsync_bytes) = median(Engine.OURS), median(Engine.RSYNC)
    return Row(
        files=files,
        task=task,
        rounds=len(samples) // len(Engine),
        ours_seconds=ours,
        rsync_seconds=rsync,
        ratio=rsync / ours,
        ours_bytes=ours_bytes,
        rsync_bytes=rsync_bytes,
    )


def table(found: Sequence[Row]) -> str:
    """A Markdown table; a ratio above 1 says that PC-switcher is faster."""
    head = "| files | sync | pc-switcher | rsync | rsync ÷ pc-switcher | MB over the cable, pc-switcher | MB, rsync |"
    lines = [head, "|" + " ---: |" * 7]
    lines += [
        f"| {row.files:,} | {row.task} | {row.ours_seconds:.2f} s | {row.rsync_seconds:.2f} s | {row.ratio:.2f}"
        f" | {row.ours_bytes / 1e6:.1f} | {row.rsync_bytes / 1e6:.1f} |"
        for row in found
    ]
    return "\n".join(lines)


def conditions(course: Course) -> str:
    """One sentence on how it was measured."""
    image = f"with a sparse VM disk of {course.image} MiB" if course.image else "without a VM disk"
    return (
        f"Medians of {course.rounds}, side by side in one run: two lab PCs on one box, homes {image},"
        f" caches {'emptied' if course.cold else 'not emptied'} before each; the full sync of pc-switcher includes"
        " carrying itself over. `rsync -aAXHS --numeric-ids --delete` reads the live tree, makes no snapshot, shows no"
        " plan and verifies nothing."
    )


def as_json(course: Course, samples: Sequence[Sample]) -> str:
    """Everything: conditions, medians, and each measurement."""
    return json.dumps(
        {
            "schema": 1,
            "course": asdict(course),
            "rows": [asdict(row) for row in rows(samples)],
            "samples": [asdict(sample) for sample in samples],
        },
        indent=1,
    )


def write_section(page: Path, text: str) -> None:
    """Put text between the marks of a documentation page. Raises ValueError when the page lacks the marks."""
    content = page.read_text()
    before, begin, rest = content.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} has no marks {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
