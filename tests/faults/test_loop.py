"""The fault loop: a sync breaks at point 1, 2, 3 … until one is whole, for every way it can break.

A *round* is an edit on atlas, a sync that is broken at one point (``pclab.stepping``), a look at what is left, one more
edit of the same files, and the plain sync a person types next, which must simply work. The points are those an
undisturbed run passes, in its order; a run that ends without its point is a failure of the loop, so none is left out
unseen.

Here each fault is tried at every ninth point from the review on and at every eighteenth before, each fault beginning
elsewhere, so that together they are at every point of the first and at every other of the second. With
``PC_SWITCHER_FAULT_POINTS=all`` every fault is tried at every point: the nightly run, two hours.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePath

import pytest

from pclab import compare
from pclab.driving import Ended, assert_quiet, first_sync, manifest, shell, sync
from pclab.machine import LabMachine
from pclab.manifest import Item
from pclab.stepping import Edge, Point, SteppedRun, carry_stepper

ALL = os.environ.get("PC_SWITCHER_FAULT_POINTS") == "all"
LATE_STRIDE, EARLY_STRIDE = 9, 18
TREES = ("/home", "/root")
LOGS = "home/sam/.local/state/pc-switcher"
KEYS = ("home/sam/.ssh/authorized_keys", "home/sam/.ssh/id_ed25519*")
STAGES = ("home/.pc-switcher-", "root/.pc-switcher-")
"""What a run that was cut short keeps aside."""
BEFORE_AGENTS = {"connect", "deploy"}
"""Steps in which not both agents run yet."""
QUIET_WITHIN = 20.0
"""Seconds until nothing of ours runs any more: an agent gives up after the driver's three without a word."""

pytestmark = [
    pytest.mark.lab_only,
    pytest.mark.timeout(14_400 if ALL else 900),
]


@dataclass(frozen=True)
class Fault:
    """One way to break a run at a point: what strikes, what mends it, which ends of the run are right."""

    name: str
    strike: Callable[[LabMachine, LabMachine], object] = lambda *_: None
    mend: Callable[[LabMachine, LabMachine], object] = lambda *_: None
    edge: Edge = Edge.BEFORE
    needs_agents: bool = False
    """Whether both agents must be there to be struck."""
    ends: frozenset[int] = frozenset({12})
    """Exit statuses of a run whose plan was not carried out. One whose work is done already may end well."""


def kill(machine: LabMachine, pattern: str, *, last: bool = True) -> None:
    """Kill -9 the youngest, or the oldest, process there whose command line has the pattern; one must be there."""
    shell(machine, 'kill -9 "$(pgrep -f "$1" | sort -n | $2 -n 1)"', pattern, "tail" if last else "head")


def kill_agent(machine: LabMachine) -> None:
    """The youngest of sudo, guard and agent is the agent."""
    kill(machine, AGENT)


def kill_guard(machine: LabMachine) -> None:
    """The agent's parent."""
    shell(machine, 'kill -9 "$(ps -o ppid= -p "$(pgrep -f "$1" | sort -n | tail -n 1)" | tr -d " ")"', AGENT)


def fill_disk(machine: LabMachine) -> None:
    """Give all room there is to files in no subvolume that gets snapshots; nothing is written into them."""
    shell(
        machine,
        f"for part in 1 2 4 8 16; do free=$(($(stat -f -c '%a * %S' /.snapshots) / part)); "
        f"fallocate -l $free {FILLER}.$part 2>/dev/null || true; done; sync",
    )


FILLER = "/.snapshots/filler"
AGENT = r"(pc-switcher|/proc/self/fd/[0-9]+|pcswitcher).* agent$"
FAULTS = [
    Fault(name="the cable is pulled", strike=lambda _, vega: vega.cut(), mend=lambda _, vega: vega.join()),
    Fault(name="the ssh master is killed", strike=lambda atlas, _: kill(atlas, "^ssh -M ")),
    Fault(name="the agent on the source is killed", strike=lambda atlas, _: kill_agent(atlas), needs_agents=True),
    Fault(name="the agent on the target is killed", strike=lambda _, vega: kill_agent(vega), needs_agents=True),
    Fault(name="the guard on the target is killed", strike=lambda _, vega: kill_guard(vega), needs_agents=True),
    Fault(
        name="the program is killed",
        strike=lambda atlas, _: kill(atlas, "^python3 .*pclab-stepper"),
        ends=frozenset({255}),  # what ssh says of a program that a signal ended
    ),
    Fault(
        name="the power of the target is cut",
        strike=lambda _, vega: vega.power_off(),
        mend=lambda _, vega: vega.start(),
    ),
    Fault(
        name="the disk of the target is full",
        strike=lambda _, vega: fill_disk(vega),
        mend=lambda _, vega: shell(vega, f"rm -f {FILLER}.*; sync"),
        ends=frozenset({1, 3, 12, 13}),
    ),
    Fault(name="the answer is lost", edge=Edge.LOST),
]


def edit(atlas: LabMachine, number: int) -> None:
    """Round ``number``'s edit: new, changed and removed files, a rename, hard links, symlinks, modes; in both trees."""
    script = """
        cd /home/sam/loop; n=$1
        mkdir -p new-$n/below; echo $n >new-$n/below/added; ln new-$n/below/added new-$n/hard
        ln -s below/added new-$n/link; ln -sfn new-$n last; rm -rf new-$((n - 2))
        echo $n >changed; head -c 200000 /dev/urandom >big; mv moved-* moved-$n
        chmod $((600 + n % 7 * 10)) mode; chmod 7$((n % 8))0 folder; ln -f changed also-changed
        echo $n >/root/loop; chown sam: -R new-$n
    """
    shell(atlas, script, str(number))


def home_of(machine: LabMachine) -> dict[str, Item]:
    """All that is synced, as a person has it: without our logs, and what a run that was cut short keeps aside."""
    # The times of the folders above change with our own log.
    above = {str(folder) for folder in PurePath(LOGS).parents}
    found: dict[str, Item] = {}
    for tree in TREES:
        for inside, item in manifest(machine, tree).items():
            path = f"{tree[1:]}/{inside}"
            if not path.startswith((LOGS, *STAGES)):
                found[path] = replace(item, path=path, time=0 if path in above else item.time)
    return found


def essence(items: dict[str, Item]) -> dict[str, Item]:
    """Entries without their place on the disk; folders without the time of the last change."""
    return {
        path: replace(item, inode="", links=0, room=0, time=0 if item.type == "folder" else item.time)
        for path, item in items.items()
    }


def schedule(machine: LabMachine) -> str:
    """What starts updates by itself, and what keeps the machine from them or awake."""
    return shell(
        machine,
        "systemctl list-units --type=timer --state=active --plain --no-legend | cut -d' ' -f1 | sort;"
        "systemctl list-unit-files --state=masked,masked-runtime --no-legend; ls -A /run/systemd/system;"
        "systemctl list-units --all --plain --no-legend '*pc-switcher*' '*pc*switcher*';"
        "systemd-inhibit --list --no-legend | grep -i switcher || true",
    )


def records(machine: LabMachine) -> dict[str, dict[str, object]]:
    """The records of all runs that the machine remembers, by label."""
    out = shell(machine, 'for file in /var/lib/pc-switcher/runs/*/run.json; do tr -d "\\n" <"$file"; echo; done')
    return {record["label"]: record for record in map(json.loads, out.splitlines())}


def bases(machine: LabMachine) -> dict[str, list[tuple[str, str]]]:
    """By job the bases that the machine keeps, newest first: run and digest. There is one other machine only."""
    out = shell(machine, 'for file in /var/lib/pc-switcher/bases/*/*.base; do head -n 1 "$file"; done')
    found: dict[str, list[tuple[str, str]]] = {}
    for head in sorted(map(json.loads, out.splitlines()), key=lambda head: int(head["run"]), reverse=True):
        found.setdefault(head["job"], []).append((head["run"], head["digest"]))
    return found


def snapshots(machine: LabMachine) -> set[str]:
    """Labels of the runs whose snapshots are kept."""
    return set(shell(machine, "ls -1 /.snapshots/pc-switcher 2>/dev/null || true").split())


class Loop:
    """Both PCs, the points of a run, and the rounds."""

    def __init__(self, atlas: LabMachine, vega: LabMachine) -> None:
        self.atlas, self.vega = atlas, vega
        self._number = 0
        self._schedules = {machine.name: schedule(machine) for machine in (atlas, vega)}
        self._edit()
        with SteppedRun(atlas, "sync", vega.host, "--plain", "--yes") as run:
            ended = run.end()
            assert ended.status == 0, ended
            self.points = run.passed()
        self._target = home_of(vega)
        """What vega has now."""

    def chosen(self, fault: Fault) -> list[Point]:
        """The points at which a fault strikes: see the top of this module."""
        first = next(index for index, point in enumerate(self.points) if point.step == "review")
        number = FAULTS.index(fault)
        return [
            point
            for index, point in enumerate(self.points)
            if ALL or not ((index - 2 * number) % EARLY_STRIDE if index < first else (index - number) % LATE_STRIDE)
            if not fault.needs_agents or point.step not in BEFORE_AGENTS
            if fault.edge is Edge.BEFORE or point.what != "hold"  # which is answered when the run has ended
        ]

    def round(self, fault: Fault, *points: Point) -> None:
        """Break a run at each point, look at what is left, and then sync as a person would. Raises AssertionError."""
        for point in points:
            self._break(fault, point)
        self.check_next()

    def _break(self, fault: Fault, point: Point) -> None:
        self._edit()
        source, old = home_of(self.atlas), self._target
        ended = self._broken(fault, point)
        assert "Traceback" not in ended.out + ended.err, ended
        assert_quiet(self.atlas, self.vega, within=QUIET_WITHIN)
        assert home_of(self.atlas) == source, "the source is not as before"
        self._target = home_of(self.vega)
        self._check_whole(source, old)
        self._check_free()
        is_done = self._is_done()
        assert ended.status in fault.ends or (is_done and ended.status == 0), ended

    def check_next(self) -> None:
        """A person goes on working; the plain sync that comes next needs no help, and then all is as it should be."""
        self._edit()
        sync(self.atlas, self.vega)
        source, self._target = home_of(self.atlas), home_of(self.vega)
        report = compare.diff(source, self._target, KEYS)
        assert report.equal, compare.text(report, self.atlas.name, self.vega.name)
        self._check_books()
        left = shell(self.vega, "find /home /root -xdev -maxdepth 2 -name '.pc-switcher-*'")
        assert not left, "a stage was left"

    def start_anew(self) -> None:
        """Both as after a first sync, whatever a failed round left."""
        for machine in (self.atlas, self.vega):
            machine.start()
            assert_quiet(machine, within=60)
        first_sync(
            self.atlas, self.vega, "--allow", "diverged-target", "--allow", "stale-source", "--conflicts", "source"
        )
        self._target = home_of(self.vega)

    def _edit(self) -> None:
        self._number += 1
        edit(self.atlas, self._number)

    def _broken(self, fault: Fault, point: Point) -> Ended:
        arguments = ("sync", self.vega.host, "--plain", "--yes")
        with SteppedRun(self.atlas, *arguments, points=[point], edge=fault.edge) as run:
            assert run.stands(), f"the run did not come to the point: {run.end()}"
            try:
                fault.strike(self.atlas, self.vega)
                run.go_on()
                return run.end()
            finally:
                fault.mend(self.atlas, self.vega)

    def _check_whole(self, source: dict[str, Item], old: dict[str, Item]) -> None:
        """Each path on the target is the old or the new one (promise 4)."""
        before, after, found = (essence(items) for items in (old, source, self._target))
        wrong = [
            path for path in before.keys() | after.keys() if found.get(path) not in (before.get(path), after.get(path))
        ]
        assert not wrong, [(found.get(path), before.get(path), after.get(path)) for path in wrong]
        assert not found.keys() - before.keys() - after.keys()

    def _check_free(self) -> None:
        """No lock is held, updates are as before, no machine is kept awake."""
        for machine in (self.atlas, self.vega):
            shell(machine, "[ ! -e /run/pc-switcher/lock ] || flock --nonblock /run/pc-switcher/lock true")
            deadline = time.monotonic() + QUIET_WITHIN
            while (now := schedule(machine)) != self._schedules[machine.name]:
                assert time.monotonic() < deadline, (machine.name, now, self._schedules[machine.name])
                time.sleep(0.2)

    def _is_done(self) -> bool:
        """Whether the newest run's record on the source tells of work that is done."""
        last = max(records(self.atlas).items(), default=(None, {}))[1]
        return last.get("outcome") in {"done", "partial"}

    def _check_books(self) -> None:
        """Both PCs tell the same of all runs; no snapshot of a run that was undone; one base, the same on both."""
        here, there = records(self.atlas), records(self.vega)
        newest = max(here, key=int)
        assert newest == max(there, key=int)
        for machine, known in ((self.atlas, here), (self.vega, there)):
            assert all(record["outcome"] for record in known.values()), (machine.name, known)
            assert known[newest]["outcome"] == "done"
            undone = {label for label, it in known.items() if it["outcome"] != "done" and not it["changed"]}
            assert not snapshots(machine) & undone, f"{machine.name} has snapshots of runs that changed nothing"
            assert snapshots(machine) <= known.keys()
        ours, theirs = bases(self.atlas), bases(self.vega)
        assert {job: found[0] for job, found in ours.items()} == {job: found[0] for job, found in theirs.items()}


def prepare(machine: LabMachine) -> None:
    """An automatic update that would start in a far year, so that there is something to pause."""
    shell(
        machine,
        "rm -f /etc/systemd/system/apt-daily.timer; "
        'printf "[Timer]\\nOnCalendar=2099-01-01\\n[Install]\\nWantedBy=timers.target\\n" '
        ">/etc/systemd/system/apt-daily.timer; "
        "systemctl daemon-reload; systemctl enable --now apt-daily.timer",
    )


@pytest.fixture(scope="module")
def loop(installed: None, atlas: LabMachine, vega: LabMachine) -> Loop:
    """Both PCs synced once, and the points recorded."""
    carry_stepper(atlas)
    for machine in (atlas, vega):
        prepare(machine)
    shell(atlas, "cd /home/sam; mkdir -p loop/folder; cd loop; for n in $(seq 20); do echo $n >f$n; done", sudo=False)
    shell(atlas, "cd /home/sam/loop; touch mode changed moved-0", sudo=False)
    first_sync(atlas, vega)
    return Loop(atlas, vega)


@pytest.fixture(autouse=True)
def whole_after(loop: Loop) -> Iterator[None]:
    """Whatever a test broke is mended."""
    yield
    loop.vega.start()


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_run_that_breaks_at_any_point_leaves_both_whole_and_the_next_one_simply_works(
    loop: Loop, fault: Fault
) -> None:
    """Faults rows 1, 3, 4, 5, 6, 7, promises 1, 4, 6, requirements I3, K2: see Loop.round.

    Row 5: there is no switch of subvolumes yet that a power cut could catch half-way; files are replaced one by one,
    each by a rename, so the cut of the power at any point leaves every subvolume in place and every path old or new.
    """
    broken: list[str] = []
    for point in loop.chosen(fault):
        try:
            loop.round(fault, point)
        except AssertionError as error:
            broken.append(f"--- {fault.name}, at {point}\n{str(error)[-3000:]}")
            loop.start_anew()
    assert not broken, "\n".join(broken)


def test_runs_that_break_again_and_again_leave_what_the_next_one_needs(loop: Loop) -> None:
    """Faults row 3, promises 4, 6: three in a row, with edits of the same files between, two of them at the last write.

    What both had in common must not be forgotten for what only one of them was told.
    """
    killed = next(fault for fault in FAULTS if fault.name == "the program is killed")
    last_write = next(point for point in loop.points if point.machine == "atlas" and point.what == "write_state")
    amidst = next(point for point in loop.points if point.what == "sync_trees")
    loop.round(killed, last_write, amidst, last_write)
    loop.round(killed, amidst, amidst, last_write)
