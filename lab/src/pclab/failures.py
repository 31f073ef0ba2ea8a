"""Keeps what the machines know about a failed test."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from pclab.errors import LabError
from pclab.machine import LabMachine

_LIMIT = 20.0

_LOGS = ("/var/lib/pc-switcher/runs", ".local/state/pc-switcher/logs")


def folder_name(test: str) -> str:
    """A folder name for a test id: no separators, nothing a shell or file system minds, at most 150 characters."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", test).strip("-.")[-150:]


def keep(machine: LabMachine, folder: Path) -> None:
    """Put the machine's journal and our logs on it into a folder. What cannot be had is said in its place."""
    folder.mkdir(parents=True, exist_ok=True)
    _keep_output(machine, ["journalctl", "--boot", "--no-pager", "--output=short-precise"], folder, "journal.txt")
    home = f"/home/{machine.user}"
    places = [place if place.startswith("/") else f"{home}/{place}" for place in _LOGS]
    _keep_output(machine, ["tar", "-c", "--ignore-failed-read", "-z", *places], folder, "logs.tar.gz")


def _keep_output(machine: LabMachine, argv: list[str], folder: Path, name: str) -> None:
    target = folder / f"{machine.name}-{name}"
    try:
        done = machine.sudo(argv, check=False, timeout=_LIMIT)
    except (subprocess.SubprocessError, LabError, OSError) as problem:
        target.with_suffix(".missing").write_text(f"{problem}\n")
        return
    target.write_bytes(done.stdout)
