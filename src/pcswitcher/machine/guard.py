"""The guard: a small parent process that outlives its agent by just long enough.

An agent that is killed with SIGKILL cannot end the programs it started. Its guard can: agent and programs
share a session of their own (setsid(2)), and when the agent is gone the guard kills what is left in it. If
the guard itself is killed, the kernel tells the agent (PR_SET_PDEATHSIG, prctl(2)), which ends in order.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
PATIENCE = 5.0
"""Seconds the guard keeps looking for processes of the session."""


def main() -> None:
    """Run the agent under guard. Does not return."""
    guard = os.getpid()
    child = os.fork()
    if child == 0:
        os.setsid()
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != guard:  # it died before the kernel was asked to tell
            os._exit(1)
        from pcswitcher.machine import agent

        agent.main()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _: _forward(child, received))
    # The pipes must close when the agent is gone, so the guard may not hold them.
    with open(os.devnull, "r+b", buffering=0) as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(nothing.fileno(), 1)
    _, status = os.waitpid(child, 0)
    end_session(child)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def end_session(session: int) -> None:
    """Kill every process of a session until none is left, for at most PATIENCE seconds."""
    deadline = time.monotonic() + PATIENCE
    while (members := session_members(session)) and time.monotonic() < deadline:
        for process in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.02)


def session_members(session: int) -> list[int]:
    """The living processes of a session, from field 6 of /proc/PID/stat (proc(5)); zombies do not count."""
    found: list[int] = []
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        try:
            stat = Path("/proc", name, "stat").read_bytes()
        except OSError:
            continue
        # The program's name, in parentheses, may hold anything: fields are counted from its end.
        state, _parent, _group, member_of, *_ = stat.rpartition(b") ")[2].split()
        if int(member_of) == session and state not in {b"Z", b"X"}:
            found.append(int(name))
    return found


def _forward(child: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, number)
