"""Writing the names, on the target, and reading them back."""

from __future__ import annotations

import os
import stat

from pc_switcher_hosts.capture import read_text
from pc_switcher_hosts.diff import Steps
from pc_switcher_hosts.state import read_block, write_block
from pcswitcher.jobs.api import ApplyError, Context, FormatError, escape, exposed, write_file


@exposed
def perform(context: Context, path: bytes, block: str, steps: Steps) -> tuple[str, ...]:
    """Do all steps in the file at ``path`` at once, and give the names that had changed since the plan was made.

    Those stay as they are. At every moment the file is the old or the new one. Raises ApplyError; it is then the old.
    """
    machine, shown = os.uname().nodename, escape(path)
    try:
        text = read_text(path)
        hosts = read_block(text, block)
        changed = [step.name for step in steps if hosts.get(step.name) not in {step.before, step.after}]
        for step in steps:
            if step.name not in changed:
                hosts = hosts.replacing(step.name, step.after)
        new = write_block(text, block, hosts)
        if new != text:
            write_file(os.fsdecode(path), new, _mode_of(path))
    except FormatError as error:
        raise ApplyError(f"{machine}: {shown}: {error.message}", f"look at it: sudo cat {shown}") from error
    except OSError as error:
        raise ApplyError(f"{machine}: {shown} cannot be written: {error.strerror}", f"sudo ls -la {shown}") from error
    return tuple(changed)


@exposed
def find_differences(context: Context, path: bytes, block: str, steps: Steps) -> tuple[str, ...]:
    """The names whose lines are not what the steps make them. Raises FormatError."""
    hosts = read_block(read_text(path), block)
    return tuple(step.name for step in steps if hosts.get(step.name) != step.after)


def _mode_of(path: bytes) -> int:
    try:
        return stat.S_IMODE(os.lstat(path).st_mode)
    except FileNotFoundError:
        return 0o644
