"""A run's care on real PCs: inhibitor locks, paused updates, disks and links watched, and all of it gone at its end.

The run is a small driver on atlas, the program itself imported from the installed bundle. Where a PC has no
PackageKit and no snapd, as in the lab, they are pretended: a unit of that name, and a `snap` that keeps its one
setting in a file. Where it has them, these are what is paused.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from pclab.driving import Json, assert_quiet, shell
from pclab.machine import LabMachine

pytestmark = [
    pytest.mark.usefixtures("installed"),
    pytest.mark.timeout(180),
    pytest.mark.lab(reset="module"),
]

DRIVER = """
import asyncio, json, os, sys
import attrs
from contextlib import AsyncExitStack
from pcswitcher.machine.sudo import ask_nobody
from pcswitcher.model.events import JobStarted, event_to_json
from pcswitcher.model.settings import DiskSettings, Settings, Threshold
from pcswitcher.run.bus import Bus
from pcswitcher.run.care import cared_for
from pcswitcher.run.machines import connect, start_source, start_target

def say(value):
    print(json.dumps(value), flush=True)

class Out:
    def take(self, event):
        say(event_to_json(event))

async def main(host, warn, stop_at):
    bus = Bus(Out())
    disk = DiskSettings(interval=1, warn=Threshold.parse(warn), stop=Threshold.parse(stop_at))
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    def stop(error):
        over.cancelled() or over.done() or over.set_result(error)
    loop.add_reader(0, lambda: os.read(0, 100) and None or over.done() or over.set_result(None))
    async with AsyncExitStack() as stack:
        source = await start_source(ask_nobody, bus, stack)
        master = await connect(host, stack)
        pair = await start_target(master, source, ask_nobody, bus, stack, ephemeral=True)
        settings = attrs.evolve(Settings(), disk=disk)
        async with cared_for(pair, "0001", settings, bus, stop, trees=(b"/home", b"/root")):
            bus.tell(JobStarted(job="files", title="Files", items=1, size=1))
            say({"type": "up", "pid": os.getpid(), "master": master.process_id})
            error = await over
    say({"type": "down", "error": error and [error.message, error.hint]})

asyncio.run(main(*sys.argv[1:]))
"""

SNAP = """#!/bin/sh
state=/var/lib/pretended-snap-hold
case "$1 $2" in
"get -d") if [ -e $state ]; then printf '{\\n\\t"refresh.hold": "%s"\\n}\\n' "$(cat $state)"; else
    echo 'error: snap "core" has no "refresh.hold" configuration option' >&2; exit 1; fi ;;
"set system") printf %s "${3#refresh.hold=}" >$state ;;
"unset system") rm -f $state ;;
*) exit 64 ;;
esac
"""
STATE = """
systemctl show -P ActiveState apt-daily.timer
systemctl show -P ActiveState apt-daily-upgrade.timer
systemctl show -P LoadState packagekit.service
snap get -d system refresh.hold 2>/dev/null | tr -d '{}"[:space:]' | cut -d: -f2- | grep . || echo unset
"""
PRETEND = """
test -e /usr/bin/snap || { cat >/usr/bin/snap; chmod 755 /usr/bin/snap; }
if [ "$(systemctl show -P LoadState packagekit.service)" = not-found ]; then
    printf '[Service]\\nExecStart=/bin/true\\n' >/usr/lib/systemd/system/packagekit.service
fi
rm -f /etc/systemd/system/apt-daily.timer
systemctl daemon-reload
systemctl start apt-daily.timer
"""


@pytest.fixture(scope="module")
def before(atlas: LabMachine, vega: LabMachine) -> dict[str, list[str]]:
    """Both PCs as ordinary desktops, and how that is: one apt timer active, PackageKit and snapd there."""
    states = {}
    for machine in (atlas, vega):
        machine.sudo(["sh", "-euc", PRETEND], input=SNAP.encode())
        states[machine.name] = updates(machine)
        assert states[machine.name][0] == "active"
        assert states[machine.name][2] == "loaded"
    return states


def updates(machine: LabMachine) -> list[str]:
    """Two timers, PackageKit, the hold of snaps."""
    return shell(machine, STATE).split()


def inhibitors(machine: LabMachine) -> list[str]:
    listed = shell(machine, "systemd-inhibit --list --no-legend --no-pager")
    return [line for line in listed.splitlines() if line.startswith("pc-switcher")]


def until(met: Callable[[], bool], within: float = 20) -> None:
    deadline = time.monotonic() + within
    while not met():
        assert time.monotonic() < deadline, f"it did not happen within {within:g} s"
        time.sleep(0.2)


@attrs.define
class Run:
    """The driver on atlas, and what it told so far."""

    process: subprocess.Popen[bytes]
    told: list[Json]
    pid: int = 0
    master: int = 0

    def read(self, wanted: Callable[[Json], bool], within: float = 30) -> Json:
        """Read on until an event is as wanted."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + within
        for line in self.process.stdout:
            self.told.append(json.loads(line))
            if wanted(self.told[-1]):
                return self.told[-1]
            assert time.monotonic() < deadline, self.told
        assert self.process.stderr is not None
        raise AssertionError(f"it ended: {self.process.stderr.read().decode()}\n{self.told}")

    def says(self, words: str, level: str = "WARNING", within: float = 30) -> Json:
        """Read on until a line of the log has these words."""
        return self.read(lambda told: told.get("level") == level and words in str(told.get("message")), within)

    def end(self) -> Json:
        """Let the run come to its end."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return self.read(lambda told: told["type"] == "down")


@contextmanager
def run_on(atlas: LabMachine, vega: LabMachine, warn: str = "1 MiB", stop: str = "0 MiB") -> Iterator[Run]:
    """A run with both PCs under care."""
    command = ["env", "PYTHONPATH=/usr/local/bin/pc-switcher", "python3", "-c", DRIVER, vega.host, warn, stop]
    run = Run(atlas.popen(command), [])
    try:
        up = run.read(lambda told: told["type"] == "up")
        run.pid, run.master = int(str(up["pid"])), int(str(up["master"]))
        yield run
    finally:
        run.process.kill()
        run.process.communicate()


def is_under_care(machine: LabMachine) -> None:
    (lock,) = inhibitors(machine)
    assert "shutdown:sleep:idle:handle-lid-switch" in lock
    assert lock.endswith("block")
    timer, other, package_kit, hold = updates(machine)
    assert (timer, other, package_kit) == ("inactive", "inactive", "masked")
    left = datetime.fromisoformat(hold) - datetime.now(UTC)
    assert timedelta(hours=5, minutes=50) < left <= timedelta(hours=6)


def is_as_before(machine: LabMachine, before: list[str], within: float = 20) -> None:
    until(lambda: updates(machine) == before, within)
    until(lambda: not inhibitors(machine), within)
    until(lambda: not shell(machine, "systemctl list-units --all --plain --no-legend 'pc-switcher*'"), within)


def test_both_pcs_are_awake_and_undisturbed_while_a_run_lasts_and_as_before_then(
    before: dict[str, list[str]], atlas: LabMachine, vega: LabMachine
) -> None:
    """Issue §5, I3; faults rows 11 and 35: also the timer that was not active before is not active then."""
    with run_on(atlas, vega) as run:
        for machine in (atlas, vega):
            is_under_care(machine)
        refused = vega.sudo(["systemctl", "reboot", "--check-inhibitors=yes"], check=False)
        assert refused.returncode != 0
        assert b"pc-switcher" in refused.stdout + refused.stderr
        run.end()
        assert not [told for told in run.told if told.get("level") in {"WARNING", "ERROR"}]
        for machine in (atlas, vega):
            is_as_before(machine, before[machine.name], within=1)
    assert_quiet(atlas, vega)


def agents(machine: LabMachine) -> list[int]:
    return [process.pid for process in machine.processes(r"python\S* .*\bagent$")]


def kill_agent(_: Run, atlas: LabMachine, vega: LabMachine) -> LabMachine:
    vega.sudo(["kill", "-9", str(max(agents(vega)))])
    return vega


def kill_agent_and_guard(_: Run, atlas: LabMachine, vega: LabMachine) -> LabMachine:
    vega.sudo(["kill", "-9", *map(str, agents(vega))])
    return vega


def kill_agent_and_guard_here(_: Run, atlas: LabMachine, vega: LabMachine) -> LabMachine:
    found = [process.pid for process in atlas.processes(r"^\S*python\S* -I /usr/local/bin/pc-switcher agent$")]
    atlas.sudo(["kill", "-9", *map(str, found)])
    return atlas


def kill_program(run: Run, atlas: LabMachine, vega: LabMachine) -> LabMachine:
    atlas.run(["kill", "-9", str(run.pid)])
    return vega


def kill_connection(run: Run, atlas: LabMachine, vega: LabMachine) -> LabMachine:
    atlas.run(["kill", "-9", str(run.master)])
    return vega


@pytest.mark.parametrize(
    "fault",
    [kill_agent, kill_agent_and_guard, kill_agent_and_guard_here, kill_program, kill_connection],
    ids=lambda fault: fault.__name__,
)
def test_whatever_is_killed_everything_is_put_back(
    before: dict[str, list[str]],
    atlas: LabMachine,
    vega: LabMachine,
    fault: Callable[[Run, LabMachine, LabMachine], LabMachine],
) -> None:
    """I3, faults rows 3, 4 and 35: nobody of ours has to be alive for it."""
    with run_on(atlas, vega) as run:
        is_under_care(vega)
        hit = fault(run, atlas, vega)
        is_as_before(hit, before[hit.name])
        if run.process.poll() is None and fault is not kill_program:
            run.end()
    for machine in (atlas, vega):
        is_as_before(machine, before[machine.name])
    assert_quiet(atlas, vega)


def test_a_run_right_after_one_that_was_killed_knows_how_it_was_before(
    before: dict[str, list[str]], atlas: LabMachine, vega: LabMachine
) -> None:
    """Faults row 35: what is paused by a dead run is not taken for how it was."""
    with run_on(atlas, vega) as run:
        vega.sudo(["kill", "-9", *map(str, agents(vega))])
        atlas.run(["kill", "-9", str(run.pid)])
    with run_on(atlas, vega) as run:
        is_under_care(vega)
        run.end()
    for machine in (atlas, vega):
        is_as_before(machine, before[machine.name])


def test_many_short_runs_in_a_row_leave_no_timer_failed(
    before: dict[str, list[str]], atlas: LabMachine, vega: LabMachine
) -> None:
    """Faults row 35, I3: systemd refuses to start a unit for the sixth time within ten seconds."""
    with run_on(atlas, vega) as run:
        for _ in range(5):
            shell(vega, "systemctl start apt-daily.timer || true; systemctl stop apt-daily.timer")
        assert vega.sudo(["systemctl", "start", "apt-daily.timer"], check=False).returncode != 0, "it is not refused"
        run.end()
    is_as_before(vega, before[vega.name])


@pytest.mark.parametrize(
    ("own", "is_touched"), [("forever", False), ("2099-01-01T00:00:00+02:00", False), ("2020-02-02T02:02:02Z", True)]
)
def test_a_hold_of_a_persons_own_is_the_same_afterwards(
    before: dict[str, list[str]], atlas: LabMachine, vega: LabMachine, own: str, is_touched: bool
) -> None:
    """Faults row 35: restored exactly, also after a kill."""
    with_own = [*before[vega.name][:3], own]
    was = before[vega.name][3]
    shell(vega, f"snap set system refresh.hold={own}")
    try:
        with run_on(atlas, vega) as run:
            assert (updates(vega)[3] != own) is is_touched
            run.end()
            is_as_before(vega, with_own, within=1)
        with run_on(atlas, vega):
            vega.sudo(["kill", "-9", *map(str, agents(vega))])
            is_as_before(vega, with_own)
    finally:
        shell(vega, "snap unset system refresh.hold" if was == "unset" else f"snap set system refresh.hold={was}")


def test_a_pause_ends_by_itself_when_its_time_is_over(
    before: dict[str, list[str]], atlas: LabMachine, vega: LabMachine
) -> None:
    """Faults row 35: the unit carries its own end; here it is told to end early, as its time does."""
    with run_on(atlas, vega) as run:
        assert shell(vega, "systemctl show -P RuntimeMaxUSec pc-switcher-pause.service").strip() == "6h"
        shell(vega, "systemctl stop pc-switcher-pause.service")
        assert updates(vega) == before[vega.name]
        run.says(f"updates on {vega.host} are no longer paused")
        run.end()
    is_as_before(vega, before[vega.name])


def test_a_disk_that_fills_up_is_a_warning_and_then_stops_the_run(
    before: dict[str, list[str]], atlas: LabMachine, vega: LabMachine
) -> None:
    """S8, faults row 7: vega is watched too; the error names it, the place and the amounts."""
    free = int(shell(vega, "df --output=avail -B1 /home | tail -n 1"))
    mebibyte = 1024**2
    warn, stop = f"{free // mebibyte - 500} MiB", f"{free // mebibyte - 1500} MiB"
    try:
        with run_on(atlas, vega, warn, stop) as run:
            run.read(lambda told: told["type"] == "free-space" and told["machine"] == vega.host)
            shell(vega, "fallocate -l 1G /home/filler && sync")
            run.says(f"{vega.host}: room gets low at /home")
            shell(vega, "fallocate -l 1G /home/filler2 && sync")
            down = run.read(lambda told: told["type"] == "down")
            low = [told for told in run.told if "room gets low" in str(told.get("message"))]
            assert len(low) == 1
        error = down["error"]
        assert isinstance(error, list)
        assert error[0].startswith(f"{vega.host}: too little room to go on at /home: ")
        assert error[1]
    finally:
        shell(vega, "rm -f /home/filler /home/filler2")
    is_as_before(vega, before[vega.name])


@pytest.mark.lab_only
def test_a_pc_that_stands_still_is_named_as_the_cause_and_again_when_it_is_back(
    before: dict[str, list[str]], atlas: LabMachine, vega: LabMachine
) -> None:
    """Faults row 11, issue §3: a job stalls because vega is frozen; thawed within its time, the run goes on."""
    with run_on(atlas, vega) as run:
        vega.freeze()
        try:
            stalled = run.read(
                lambda told: told["type"] == "stalled" and f"nothing was heard from {vega.host}" in str(told["cause"])
            )
            assert stalled["job"] == "files"
            silent = run.read(lambda told: told["type"] == "link-health" and told["machine"] == vega.host)
            assert float(str(silent["silent"])) > 5
        finally:
            vega.thaw()
        run.says(f"{vega.host} gave no sign of life for")
        run.end()
    is_as_before(vega, before[vega.name])


def test_a_signal_ends_it_in_order(before: dict[str, list[str]], atlas: LabMachine, vega: LabMachine) -> None:
    """I3: the driver's terminal goes away."""
    with run_on(atlas, vega) as run:
        is_under_care(atlas)
        run.process.send_signal(signal.SIGTERM)
        for machine in (atlas, vega):
            is_as_before(machine, before[machine.name])
    assert_quiet(atlas, vega)
