"""The checks of both machines that belong to no job: layout, room, programs, lineage."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

import attrs

from pcswitcher.jobs.api import Finding, Gate, Severity, Side
from pcswitcher.jobs.registry import AnyJob
from pcswitcher.machine.api import Machine
from pcswitcher.model.errors import CheckError, ProgramError
from pcswitcher.model.events import Outcome
from pcswitcher.model.text import escape
from pcswitcher.run.record import Memory
from pcswitcher.snapshots.layout import Layout
from pcswitcher.snapshots.snapshots import free_space, read_layout

OLDEST_RSYNC = (3, 2, 3)
ADVISED_RSYNC = (3, 5, 0)
"""rsync 3.5.0 closed 33 security holes, most of them in privileged use on user-writable trees (its NEWS)."""
LEAST_FREE_PERCENT = 5


@attrs.frozen(kw_only=True)
class Checked:
    """What the checks found, and the layout they read on the way."""

    source: Side
    target: Side
    findings: tuple[Finding, ...]

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """The findings that stop the run."""
        return tuple(each for each in self.findings if each.severity is Severity.BLOCKING and each.gate is None)


async def check_machines(source: Machine, target: Machine, jobs: Sequence[AnyJob]) -> Checked:
    """Check both machines at once; gather everything that is found (requirement J3)."""
    trees = tuple(dict.fromkeys(tree for job in jobs for tree in job.trees()))
    (here, at_home), (there, away) = await asyncio.gather(check_machine(source, trees), check_machine(target, trees))
    return Checked(
        source=Side(machine=source, layout=here),
        target=Side(machine=target, layout=there),
        findings=(*at_home, *away, *_compare_facts(source, target)),
    )


def check_lineage(source: Machine, target: Machine, here: Memory, there: Memory) -> tuple[Finding, ...]:
    """Whether the two machines were ever made equal before (requirement K3, its first part)."""
    pair = {here.identity.id, there.identity.id}
    known = any(
        {record.source_id, record.target_id} == pair and record.outcome in {Outcome.DONE, Outcome.PARTIAL}
        for record in (*here.records, *there.records)
    )
    if known:
        return ()
    return (
        Finding(
            severity=Severity.WARNING,
            machine=target.name,
            message=f"{target.name} was never synced with {source.name}: everything in scope that only "
            f"{target.name} has will be removed",
            hint="look at the list of removals",
            gate=Gate.FIRST_SYNC,
        ),
    )


def raise_blocking(findings: Sequence[Finding]) -> None:
    """Raise CheckError when any finding stops the run."""
    if findings:
        hints = dict.fromkeys(each.hint for each in findings if each.hint)
        raise CheckError("; ".join(each.message for each in findings), "; ".join(hints))


async def check_machine(machine: Machine, trees: tuple[bytes, ...]) -> tuple[Layout, tuple[Finding, ...]]:
    """Check one machine alone: its layout (given back), programs and room."""
    layout, programs = await asyncio.gather(machine.call(read_layout, trees), _check_programs(machine))
    space = await _check_space(machine, tuple(place.tree for place in layout.trees))
    problems = [
        Finding(
            severity=Severity.BLOCKING if problem.blocking else Severity.WARNING,
            machine=machine.name,
            message=problem.message,
            hint=problem.hint,
        )
        for problem in layout.problems
    ]
    return layout, (*problems, *programs, *space)


async def _check_programs(machine: Machine) -> list[Finding]:
    findings: list[Finding] = []
    try:
        answer = (await machine.run(["rsync", "--version"], timeout=20)).check().text
    except ProgramError:
        return [_blocking(machine, f"{machine.name} has no rsync", "sudo apt install rsync")]
    version = rsync_version(answer)
    if version < OLDEST_RSYNC:
        findings.append(_blocking(machine, f"{machine.name}: rsync is too old: {_dotted(version)}", "sudo apt upgrade"))
    elif version < ADVISED_RSYNC:
        findings.append(
            _advice(
                machine,
                f"{machine.name}: rsync {_dotted(version)} is older than 3.5, which closed holes in use as root",
                "sudo apt upgrade, if your distribution did not close them in its own version",
            )
        )
    findings += [
        _blocking(machine, f"{machine.name}: its rsync was built without {what}", "install your distribution's rsync")
        for what, sign in (("ACLs", "no ACLs"), ("extended attributes", "no xattrs"), ("hard links", "no hardlinks"))
        if sign in answer
    ]
    return findings


async def _check_space(machine: Machine, trees: tuple[bytes, ...]) -> list[Finding]:
    rooms = await asyncio.gather(*(machine.call(free_space, tree) for tree in trees))
    return [
        _blocking(
            machine,
            f"{machine.name}: too little room at {escape(room.path)}: {room.words}",
            "pc-switcher snapshots list; remove what you no longer need",
        )
        for room in rooms
        if room.total and room.free * 100 < room.total * LEAST_FREE_PERCENT
    ]


def _compare_facts(source: Machine, target: Machine) -> list[Finding]:
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
    return findings


def rsync_version(answer: str) -> tuple[int, ...]:
    """The version in the first line of ``rsync --version``; (0,) when there is none."""
    found = re.search(r"version v?(\d+(?:\.\d+)*)", answer)
    return tuple(int(part) for part in found[1].split(".")) if found else (0,)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _blocking(machine: Machine, message: str, hint: str) -> Finding:
    return Finding(severity=Severity.BLOCKING, machine=machine.name, message=message, hint=hint)


def _advice(machine: Machine, message: str, hint: str) -> Finding:
    return Finding(severity=Severity.ADVICE, machine=machine.name, message=message, hint=hint)


def _warning(machine: Machine, message: str, hint: str) -> Finding:
    return Finding(severity=Severity.WARNING, machine=machine.name, message=message, hint=hint)
