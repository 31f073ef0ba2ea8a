"""The checks of both machines that belong to no job: layout, room, programs, clocks, and who is at work there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

import attrs

from pcswitcher.jobs.api import Finding, Severity, Side
from pcswitcher.jobs.registry import AnyJob
from pcswitcher.machine.api import Machine
from pcswitcher.machine.clocks import read_clocks, seconds_words
from pcswitcher.machine.logins import Login
from pcswitcher.machine.updates import has_systemd, read_updates
from pcswitcher.model.errors import CheckError, ConnectionLostError, PcSwitcherError, ProgramError
from pcswitcher.model.settings import Settings
from pcswitcher.run.disk import check_start, limits_of, measure
from pcswitcher.run.presence import check_presence
from pcswitcher.snapshots.layout import Layout
from pcswitcher.snapshots.snapshots import read_layout

OLDEST_RSYNC = (3, 2, 3)
ADVISED_RSYNC = (3, 5, 0)
"""rsync 3.5.0 closed 33 security holes, most of them in privileged use on user-writable trees (its NEWS)."""
CLOCKS_APART = 120.0
"""Seconds that clocks may be apart without a word."""


@attrs.frozen(kw_only=True)
class Look:
    """One thing that was looked at: what was found, or what is in order when nothing was."""

    machine: str
    words: str
    """What is in order, for whoever wants to know that it was looked at."""
    findings: tuple[Finding, ...] = ()


@attrs.frozen(kw_only=True)
class Checked:
    """What the checks found, the layout they read on the way, and who is logged in on the target."""

    source: Side
    target: Side
    looks: tuple[Look, ...]
    logins: tuple[Login, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that was found."""
        return tuple(finding for look in self.looks for finding in look.findings)

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """The findings that stop the run."""
        return tuple(each for each in self.findings if each.stops)


async def check_machines(source: Machine, target: Machine, jobs: Sequence[AnyJob], settings: Settings) -> Checked:
    """Check both machines at once; gather everything that is found (requirement J3)."""
    trees = trees_of(jobs)
    (here, at_home), (there, away), presence, clocks = await asyncio.gather(
        check_machine(source, trees, settings),
        check_machine(target, trees, settings),
        check_presence(target, trees, settings.run),
        _check_clocks(source, target),
    )
    at_work = Look(
        machine=target.name,
        words="nobody is logged in, and no program holds synced files open",
        findings=presence.findings,
    )
    return Checked(
        source=Side(machine=source, layout=here),
        target=Side(machine=target, layout=there),
        looks=(*at_home, *away, at_work, clocks, compare_facts(source, target)),
        logins=presence.logins,
    )


def trees_of(jobs: Sequence[AnyJob]) -> tuple[bytes, ...]:
    """The synced trees of all jobs, each once."""
    return tuple(dict.fromkeys(tree for job in jobs for tree in job.trees()))


def raise_blocking(findings: Sequence[Finding]) -> None:
    """Raise CheckError when any finding stops the run."""
    if findings:
        hints = dict.fromkeys(each.hint for each in findings if each.hint)
        raise CheckError("; ".join(each.message for each in findings), "; ".join(hints))


async def check_machine(
    machine: Machine, trees: tuple[bytes, ...], settings: Settings
) -> tuple[Layout, tuple[Look, ...]]:
    """Check one machine alone: its layout (given back), programs, room and updates at work."""
    layout, rsync, room, updates = await asyncio.gather(
        machine.call(read_layout, trees),
        _check_rsync(machine),
        _check_room(machine, trees, settings),
        _check_updates(machine),
    )
    problems = tuple(
        Finding(
            severity=Severity.BLOCKING if problem.blocking else Severity.WARNING,
            machine=machine.name,
            message=problem.message,
            hint=problem.hint,
        )
        for problem in layout.problems
    )
    names = ", ".join(layout.names)
    fine = Look(machine=machine.name, words=f"snapshots can be made of subvolumes {names}", findings=problems)
    return layout, (fine, rsync, room, updates)


async def _check_rsync(machine: Machine) -> Look:
    try:
        answer = (await machine.run(["rsync", "--version"], timeout=20)).check().text
    except ProgramError:
        missing = _blocking(machine, f"{machine.name} has no rsync", "sudo apt install rsync")
        return Look(machine=machine.name, words="", findings=(missing,))
    findings: list[Finding] = []
    version = rsync_version(answer)
    if version < OLDEST_RSYNC:
        findings.append(_blocking(machine, f"{machine.name}: rsync is too old: {dotted(version)}", "sudo apt upgrade"))
    elif version < ADVISED_RSYNC:
        advice = Finding(
            severity=Severity.ADVICE,
            machine=machine.name,
            message=f"{machine.name}: rsync {dotted(version)} is older than 3.5, which closed holes in use as root",
            hint="sudo apt upgrade, if your distribution did not close them in its own version",
        )
        findings.append(advice)
    findings += [
        _blocking(machine, f"{machine.name}: its rsync was built without {what}", "install your distribution's rsync")
        for what, sign in (("ACLs", "no ACLs"), ("extended attributes", "no xattrs"), ("hard links", "no hardlinks"))
        if sign in answer
    ]
    words = f"rsync {dotted(version)}, with ACLs, extended attributes and hard links"
    return Look(machine=machine.name, words=words, findings=tuple(findings))


async def _check_room(machine: Machine, trees: tuple[bytes, ...], settings: Settings) -> Look:
    rooms = await measure(machine, trees)
    return Look(
        machine=machine.name,
        words="room: " + "; ".join(limit.words for limit in limits_of(rooms)),
        findings=check_start(machine.name, rooms, settings.disk.preflight),
    )


async def _check_updates(machine: Machine) -> Look:
    """Whether packages are being changed at this moment: a pause of updates does not reach what runs already."""
    name = machine.name
    try:
        working = (await read_updates(machine)).working if await has_systemd(machine) else ()
    except ConnectionLostError:
        raise
    except PcSwitcherError as error:
        unknown = _warning(machine, f"{name}: it is not known whether it updates itself: {error.message}", error.hint)
        return Look(machine=name, words="", findings=(unknown,))
    findings = tuple(
        _warning(
            machine, f"{name} updates itself right now ({unit})", f"wait for it; on {name}: systemctl status {unit}"
        )
        for unit in working
    )
    return Look(machine=name, words="it does not update itself right now", findings=findings)


async def _check_clocks(source: Machine, target: Machine) -> Look:
    here, there = await asyncio.gather(source.call(read_clocks), target.call(read_clocks))
    return compare_clocks(source, target, there.wall - here.wall)


def compare_clocks(source: Machine, target: Machine, apart: float) -> Look:
    """What is told of clocks that are ``apart`` by so many seconds (positive: the target's is ahead). Never blocks."""
    findings: tuple[Finding, ...] = ()
    if abs(apart) > CLOCKS_APART:
        message = (
            f"the clock of {target.name} is {seconds_words(abs(apart))} {'ahead of' if apart > 0 else 'behind'} that "
            f"of {source.name}: no decision depends on it, but times in files and logs will mislead you"
        )
        findings = (_warning(target, message, "on the one that is wrong: sudo timedatectl set-ntp true"),)
    return Look(machine=target.name, words=f"its clock agrees with that of {source.name}", findings=findings)


def compare_facts(source: Machine, target: Machine) -> Look:
    """What is told of two machines of other kinds: another architecture stops, another release warns."""
    here, there = source.facts, target.facts
    findings: list[Finding] = []
    if here.architecture != there.architecture:
        findings.append(
            _blocking(
                target,
                f"{source.name} is {here.architecture}, {target.name} is {there.architecture}: programs in home "
                "folders would not run",
                "sync between PCs of one architecture",
            )
        )
    if here.distribution != there.distribution:
        findings.append(
            _warning(
                target,
                f"{source.name} has {here.distribution}, {target.name} has {there.distribution}: some settings may "
                "not fit",
                "bring both to the same release",
            )
        )
    words = f"as {source.name} it is {there.architecture} with {there.distribution or 'an unnamed distribution'}"
    return Look(machine=target.name, words=words, findings=tuple(findings))


def rsync_version(answer: str) -> tuple[int, ...]:
    """The version that ``rsync --version`` tells, which openrsync does too; (0,) when there is none.

    A protocol has a version as well, and it is a larger number.
    """
    found = re.search(r"\brsync\s+version v?(\d+(?:\.\d+)*)", answer)
    return tuple(int(part) for part in found[1].split(".")) if found else (0,)


def dotted(version: tuple[int, ...]) -> str:
    """A version as people write it."""
    return ".".join(map(str, version))


def _blocking(machine: Machine, message: str, hint: str) -> Finding:
    return Finding(severity=Severity.BLOCKING, machine=machine.name, message=message, hint=hint)


def _warning(machine: Machine, message: str, hint: str) -> Finding:
    return Finding(severity=Severity.WARNING, machine=machine.name, message=message, hint=hint)
