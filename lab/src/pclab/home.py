"""A realistic home, on a PC: made from a seed, changed by a day of work, or written to all the time.

`python3 -m pclab.home make FOLDER --seed 7 [--files N] [--user sam]`, `… edit FOLDER --seed 8`,
`… writer FOLDER`, `… ledger FILE`. Runs on the PC itself (see carry.py for how it gets there), as root
or as the owner; the standard library is all it needs. The same seed gives the same bytes, owners, modes and times;
not the same are only SQLite's files, which carry random salts, and times of what the daily change modifies.
"""

from __future__ import annotations

import argparse
import json
import os
import pwd
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pclab.errors import LabError
from pclab.home_applications import IMAGE_SIZE, read_ledger, write_applications, write_forever
from pclab.home_awkward import write_awkward
from pclab.home_edit import edit, editor
from pclab.home_ordinary import write_ordinary
from pclab.home_writing import RECORD, Content, HomeWriter, Owner, Skipped

MARKER = "/etc/pc-switcher-lab"
DEFAULT_FILES = 9_000


@dataclass(frozen=True)
class Made:
    """What was done to a home: counts per kind of item, what could not be had here, and seconds it took."""

    counts: dict[str, int]
    skipped: tuple[Skipped, ...]
    seconds: float


@dataclass(frozen=True)
class Plan:
    """What home to make: seed, about how many files, size of the VM disk in MiB (0: none), owner (None: we)."""

    seed: int
    files: int = DEFAULT_FILES
    image: int = IMAGE_SIZE
    user: str | None = None


def make(root: bytes, plan: Plan) -> Made:
    """Make a home in a folder.

    Raises LabError when the folder holds a home of ours, or things of a person outside the lab.
    """
    start = time.monotonic()
    _allow(root)
    owner = _owner(plan.user)
    writer = HomeWriter(root, Content(plan.seed), owner)
    write_ordinary(writer, plan.files)
    write_awkward(writer)
    write_applications(writer, plan.image)
    writer.finish()
    record = json.dumps({"seed": plan.seed, "files": plan.files}) + "\n"
    writer.file(RECORD, record.encode())
    moment = writer.content.time()
    os.utime(root, ns=(moment, moment))
    return Made(dict(writer.counts), tuple(writer.skipped), time.monotonic() - start)


def change(root: bytes, *, seed: int) -> Made:
    """Do a day of work in a home made by `make`. Raises LabError when it is none."""
    start = time.monotonic()
    writer = editor(root, seed)
    edit(writer, recorded_files(root), seed)
    return Made(dict(writer.counts), tuple(writer.skipped), time.monotonic() - start)


def recorded_files(root: bytes) -> int:
    """How many files the home at a path was made with. Raises LabError when it is none of ours."""
    try:
        with open(os.path.join(root, RECORD), encoding="utf-8") as file:
            record: dict[str, int] = json.load(file)
    except FileNotFoundError:
        raise LabError(
            f"{os.fsdecode(root)} is no home of the lab: {os.fsdecode(RECORD)} is missing", "make it first: home make"
        ) from None
    return record["files"]


def _allow(root: bytes) -> None:
    """Protect people: outside a lab PC only an empty folder becomes a home."""
    name = os.fsdecode(root)
    if not os.path.isdir(root):
        raise LabError(f"{name} is no folder")
    if os.path.lexists(os.path.join(root, RECORD)):
        raise LabError(f"{name} is a home of the lab already", "lab reset gives a fresh PC")
    if os.listdir(root) and not os.path.exists(MARKER):
        raise LabError(f"{name} is not empty, and this is no lab PC: {MARKER} is missing", "give an empty folder")


def _owner(user: str | None) -> Owner | None:
    if user is None:
        return None
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        raise LabError(f"there is no user {user} here") from None
    if os.geteuid() not in {0, account.pw_uid}:
        raise LabError(f"only root can make a home of {user}")
    return Owner(account.pw_uid, account.pw_gid)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="home", description="A realistic home from a seed, on a lab PC.")
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make", help="make a home")
    making.add_argument("folder")
    making.add_argument("--seed", type=int, default=7)
    making.add_argument("--files", type=int, default=DEFAULT_FILES, help="about how many files (default: %(default)s)")
    making.add_argument("--image", type=int, default=IMAGE_SIZE, help="MiB of the VM disk, 0: none (%(default)s)")
    making.add_argument("--user", help="who owns it (default: who runs this)")
    editing = commands.add_parser("edit", help="do a day of work in it")
    editing.add_argument("folder")
    editing.add_argument("--seed", type=int, default=8)
    writing = commands.add_parser("writer", help="commit a row to a database every 50 ms, until ended")
    writing.add_argument("folder")
    reading = commands.add_parser("ledger", help="say what stands in such a database, without touching it")
    reading.add_argument("file")
    return parser


def _write_until_ended(folder: bytes) -> None:
    """Say `ready` after the first commit, and `ended` when a signal ends it."""
    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, signal.default_int_handler)
    rows = write_forever(folder)
    try:
        print(f"ready: row {next(rows)} is committed", flush=True)
        for _ in rows:
            pass
    except KeyboardInterrupt:
        print("ended", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; gives back the exit status."""
    given = _parser().parse_args(arguments)
    try:
        match given.command:
            case "make":
                plan = Plan(given.seed, given.files, given.image, given.user)
                print(json.dumps(asdict(make(os.fsencode(given.folder), plan))))
            case "edit":
                print(json.dumps(asdict(change(os.fsencode(given.folder), seed=given.seed))))
            case "writer":
                _write_until_ended(os.fsencode(given.folder))
            case _:
                print(json.dumps(asdict(read_ledger(os.fsencode(given.file)))))
    except LabError as problem:
        print(f"home: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
