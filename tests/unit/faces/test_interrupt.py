"""Ctrl-C, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, sys
from pcswitcher.faces.interrupt import interruptible
from pcswitcher.run.bus import Bus

class Words:
    def take(self, event):
        print(event.level.name, event.message, flush=True)

async def work():
    print("ready", flush=True)
    try:
        await asyncio.sleep(30)
    except asyncio.CancelledError:
        print("cleaning", flush=True)
        if sys.argv[1] == "slow":
            await asyncio.sleep(30)
        return "cleaned"

print(asyncio.run(interruptible(work(), Bus(Words()), lambda: print("restored", flush=True))), flush=True)
"""


def start(kind: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, kind], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_one_warns_and_lets_the_work_clean_up(number: signal.Signals) -> None:
    """I1; faults row 39."""
    with start("quick") as process:
        os.kill(process.pid, number)
        output, _ = process.communicate(timeout=10)
    assert output.splitlines()[0].startswith("WARNING stopping at the next safe point")
    assert output.splitlines()[1:] == ["cleaning", "cleaned"]
    assert process.returncode == 0


def test_the_second_one_gives_the_terminal_back_and_ends_at_once() -> None:
    """I2."""
    with start("slow") as process:
        assert process.stdout is not None
        os.kill(process.pid, signal.SIGINT)
        assert process.stdout.readline().startswith("WARNING")
        assert process.stdout.readline() == "cleaning\n"
        os.kill(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=10)
    assert output == "restored\n"
    assert process.returncode == 130
