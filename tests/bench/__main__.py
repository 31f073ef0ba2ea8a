"""`python -m tests.bench`: PC-switcher beside rsync, as ratios. Nothing here asserts a time."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench import report
from tests.bench.measure import Bench, Course

from pclab.connection import RemoteError
from pclab.errors import LabError
from pclab.home_applications import IMAGE_SIZE
from pclab.names import LabNames
from pclab.product import BUNDLE
from pclab.session import open_lab

PAGE = Path("docs/performance.md")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description="PC-switcher beside rsync, on two lab PCs.")
    parser.add_argument("--files", type=int, nargs="+", default=[20_000, 100_000], help="sizes (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each size (default: %(default)s)")
    parser.add_argument("--image", type=int, default=IMAGE_SIZE, help="MiB of the VM disk, 0: none (%(default)s)")
    parser.add_argument("--warm", action="store_true", help="leave the caches as they are between measurements")
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help="the built program (default: %(default)s)")
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"), help="where to write everything")
    parser.add_argument("--write-docs", action="store_true", help=f"put the table into {PAGE}")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: 0 measured, 1 something failed."""
    given = _parser().parse_args(arguments)
    course = Course(tuple(given.files), given.rounds, given.image, not given.warm)
    try:
        session = open_lab(LabNames.from_environment(), (), 60, _say)
        try:
            samples = Bench(session, given.bundle, course, _say).run()
        finally:
            session.close()
    except (LabError, RemoteError, subprocess.SubprocessError) as problem:
        _say(f"bench: {problem}")
        return 1
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(report.as_json(course, samples) + "\n")
    text = f"{report.conditions(course)}\n\n{report.table(report.rows(samples))}"
    sys.stdout.write(f"{text}\n")
    if given.write_docs:
        report.write_section(PAGE, text)
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
