"""Which programs of a machine have files of given trees open, read from ``/proc`` (proc(5))."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import time
from collections.abc import Iterator

import attrs

from pcswitcher.machine.api import Context, exposed
from pcswitcher.machine.logins import session_of
from pcswitcher.model.text import escape, human_count

PATIENCE = 10.0
"""Seconds after which the looking ends, whatever is still to be looked at."""
LIMIT = 50
"""Most programs that are named."""
_DELETED = b" (deleted)"
_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")


@attrs.frozen(kw_only=True)
class OpenFiles:
    """What one program, in all its processes of one user, has open in the trees."""

    program: str
    user: str
    processes: tuple[int, ...]
    count: int
    """How many different paths."""
    example: bytes
    """One of them; a file rather than a working directory, where there is one."""

    @property
    def words(self) -> str:
        """Who holds what: ``firefox of sam has 12 files open, …/cookies.sqlite among them``."""
        return f"{self.program} of {self.user} has {human_count(self.count, 'path')} open ({escape(self.example)})"


@attrs.define
class _Holder:
    processes: set[int] = attrs.field(factory=set[int])
    paths: set[bytes] = attrs.field(factory=set[bytes])
    example: bytes = b""


@exposed
def find_open_files(context: Context, trees: tuple[bytes, ...]) -> tuple[OpenFiles, ...]:
    """Find the programs that hold files below ``trees`` (absolute paths), the one with most first.

    Open files, mapped files and working directories count; our own processes, and those of the ssh session we came
    by, do not. Ends after PATIENCE seconds with what was found by then.
    """
    deadline = time.monotonic() + PATIENCE
    holders: dict[tuple[str, int], _Holder] = {}
    ours = own_processes()
    own_session = session_of(_read("/proc/self/cgroup").decode("ascii", "replace"))
    for process in sorted(int(name) for name in os.listdir("/proc") if name.isdecimal()):
        context.check_cancelled()
        if time.monotonic() > deadline:
            break
        if process in ours or _belongs_to(process, own_session):
            continue
        with contextlib.suppress(OSError):  # it has ended meanwhile
            _look_at(process, trees, holders)
    found = sorted(holders.items(), key=lambda item: (-len(item[1].paths), item[0]))
    return tuple(
        OpenFiles(
            program=program,
            user=_user_name(user),
            processes=tuple(sorted(holder.processes)),
            count=len(holder.paths),
            example=holder.example,
        )
        for (program, user), holder in found[:LIMIT]
    )


def own_processes() -> frozenset[int]:
    """This process, its ancestors, and everything in its session (setsid(2))."""
    session = os.getsid(0)
    found = {os.getpid()}
    current = os.getpid()
    while current > 1:
        parent = _stat(current)[1]
        found.add(parent)
        current = parent
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with contextlib.suppress(OSError, ValueError):
                if _stat(int(name))[3] == session:
                    found.add(int(name))
    return frozenset(found - {1})


def mapped_paths(text: bytes) -> Iterator[bytes]:
    r"""The files in the text of a ``/proc/PID/maps``; the kernel writes a newline in a name as ``\012``."""
    for line in text.splitlines():
        fields = line.split(None, 5)
        if len(fields) == 6 and fields[5].startswith(b"/"):
            yield _OCTAL.sub(lambda match: bytes([int(match[1], 8)]), fields[5])


def holding_tree(path: bytes, trees: tuple[bytes, ...]) -> bool:
    """Whether a path that a process holds is in one of the trees, and not of a file that is deleted already."""
    if path.endswith(_DELETED):
        return False
    return any(path == tree or path.startswith(tree.rstrip(b"/") + b"/") for tree in trees)


def _look_at(process: int, trees: tuple[bytes, ...], holders: dict[tuple[str, int], _Holder]) -> None:
    place = f"/proc/{process}".encode()
    directory = os.readlink(place + b"/cwd")
    files = {path for path in _open_paths(place) if holding_tree(path, trees)}
    paths = files | ({directory} if holding_tree(directory, trees) else set[bytes]())
    if not paths:
        return
    program = escape(_read(place + b"/comm").rstrip(b"\n"))
    holder = holders.setdefault((program, os.stat(place).st_uid), _Holder())
    holder.processes.add(process)
    holder.paths |= paths
    holder.example = min(files, default=holder.example or directory)


def _open_paths(place: bytes) -> Iterator[bytes]:
    for name in os.listdir(place + b"/fd"):
        with contextlib.suppress(OSError):  # closed meanwhile
            yield os.readlink(place + b"/fd/" + name)
    yield from mapped_paths(_read(place + b"/maps"))


def _belongs_to(process: int, session: str) -> bool:
    if not session:
        return False
    try:
        return session_of(_read(f"/proc/{process}/cgroup").decode("ascii", "replace")) == session
    except OSError:
        return False


def _stat(process: int) -> tuple[bytes, int, int, int]:
    """State, parent, process group and session of a process. Raises OSError."""
    # The program's name, in parentheses, may hold anything: fields are counted from its end.
    state, parent, group, session, *_ = _read(f"/proc/{process}/stat").rpartition(b") ")[2].split()
    return state, int(parent), int(group), int(session)


def _user_name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _read(path: str | bytes) -> bytes:
    with open(path, "rb") as file:
        return file.read()
