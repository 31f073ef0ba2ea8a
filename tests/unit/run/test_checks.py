"""Checks of machines that belong to no job, on fake machines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import attrs
import pytest

from pcswitcher.jobs.api import Finding, Severity
from pcswitcher.machine.fake import FakeMachine, FakeProgram, fake_facts, open_fake
from pcswitcher.machine.process import Program, Sink
from pcswitcher.model.errors import CheckError
from pcswitcher.run import checks
from pcswitcher.run.checks import Look, compare_clocks, compare_facts, raise_blocking, rsync_version
from pcswitcher.run.machines import refuse_same_machine


@pytest.mark.parametrize(
    ("words", "version"),
    [
        ("rsync  version 3.4.1  protocol version 32", (3, 4, 1)),
        ("rsync  version v3.2.7pre1  protocol version 31", (3, 2, 7)),
        ("rsync version 3.10  protocol version 33", (3, 10)),
        ("openrsync: protocol version 29\nrsync version 2.6.9 compatible", (2, 6, 9)),
        ("openrsync: protocol version 29", (0,)),
        ("", (0,)),
    ],
)
def test_the_version_of_rsync_is_read(words: str, version: tuple[int, ...]) -> None:
    assert rsync_version(words) == version


def says(text: str) -> FakeProgram:
    async def program(_: Program, sink: Sink) -> int:
        await sink(1, text.encode())
        return 0

    return program


def programs_of(programs: dict[str, FakeProgram]) -> list[Finding]:
    async def look() -> list[Finding]:
        machine = await open_fake("vega", programs)
        try:
            return list((await checks._check_rsync(machine)).findings)
        finally:
            await machine.close()

    return asyncio.run(look())


def test_a_missing_rsync_blocks_with_the_command_that_installs_it() -> None:
    """J3."""
    (finding,) = programs_of({})
    assert (finding.severity, finding.message) == (Severity.BLOCKING, "vega has no rsync")
    assert finding.hint == "sudo apt install rsync"


@pytest.mark.parametrize(
    ("words", "severities"),
    [
        ("rsync  version 3.5.0", []),
        ("rsync  version 3.4.1", [Severity.ADVICE]),
        ("rsync  version 3.1.3", [Severity.BLOCKING]),
        ("rsync  version 3.5.0\n no ACLs, no xattrs, no hardlinks", [Severity.BLOCKING] * 3),
    ],
)
def test_rsync_must_be_new_enough_and_whole(words: str, severities: list[Severity]) -> None:
    """Faults row 32."""
    found = programs_of({"rsync": says(words)})
    assert [each.severity for each in found] == severities
    assert all("vega" in each.message and each.hint for each in found)


def test_all_problems_are_told_at_once_and_each_hint_once() -> None:
    """J3."""
    raise_blocking([])
    found = [Finding(severity=Severity.BLOCKING, machine="vega", message=word, hint="mend") for word in ("one", "two")]
    with pytest.raises(CheckError) as caught:
        raise_blocking(found)
    assert (caught.value.message, caught.value.hint) == ("one; two", "mend")


@pytest.mark.parametrize("shared", ["boot_id", "machine_id", "hostname"])
def test_this_pc_its_copy_and_its_namesake_are_refused_as_the_other_one(shared: str) -> None:
    """Faults row 26. Records, questions and messages go by host names: two of the same would be mixed up."""

    async def look() -> None:
        atlas = await open_fake("atlas")
        facts = attrs.evolve(fake_facts("vega"), **{shared: getattr(atlas.facts, shared).swapcase()})
        facts = facts if shared == "hostname" else attrs.evolve(facts, **{shared: getattr(atlas.facts, shared)})
        vega = await open_fake("vega", facts=facts)
        try:
            refuse_same_machine(atlas, vega, "vega")
        finally:
            await atlas.close()
            await vega.close()

    with pytest.raises(CheckError, match=r"is this PC|one is a copy of the other|both PCs call themselves atlas"):
        asyncio.run(look())


def compared(compare: Callable[[FakeMachine, FakeMachine], Look], **changes: str) -> tuple[Finding, ...]:
    async def look() -> tuple[Finding, ...]:
        atlas = await open_fake("atlas")
        vega = await open_fake("vega", facts=attrs.evolve(fake_facts("vega"), **changes))
        try:
            return compare(atlas, vega).findings
        finally:
            await atlas.close()
            await vega.close()

    return asyncio.run(look())


@pytest.mark.parametrize(
    ("apart", "words"),
    [
        (119.0, ""),
        (-119.0, ""),
        (7200.0, "the clock of vega is 2.0 h ahead of that of atlas"),
        (-86400.0 * 700, "the clock of vega is 700.0 days behind that of atlas"),
    ],
)
def test_clocks_apart_are_a_warning_whatever_the_distance(apart: float, words: str) -> None:
    """Faults row 10: by hours or years, and never a reason to stop."""
    found = compared(lambda atlas, vega: compare_clocks(atlas, vega, apart))
    assert [each.severity for each in found] == ([Severity.WARNING] if words else [])
    assert all(words in each.message and each.hint for each in found)


@pytest.mark.parametrize(
    ("changes", "severities"),
    [
        ({}, []),
        ({"distribution": "debian 12"}, [Severity.WARNING]),
        ({"architecture": "aarch64"}, [Severity.BLOCKING]),
        ({"architecture": "aarch64", "distribution": "ubuntu 26.04"}, [Severity.BLOCKING, Severity.WARNING]),
    ],
)
def test_another_architecture_stops_and_another_release_warns(
    changes: dict[str, str], severities: list[Severity]
) -> None:
    """Faults row 33."""
    found = compared(compare_facts, **changes)
    assert [each.severity for each in found] == severities
    assert all("atlas" in each.message and "vega" in each.message and each.hint for each in found)


UPDATING = "Id=apt-daily-upgrade.service\nLoadState=loaded\nActiveState=activating\n"


async def _systemctl(program: Program, sink: Sink) -> int:
    await sink(1, b"running\n" if b"is-system-running" in program.arguments else UPDATING.encode())
    return 0


async def _broken_systemctl(program: Program, sink: Sink) -> int:
    if b"is-system-running" in program.arguments:
        await sink(1, b"running\n")
        return 0
    await sink(2, b"Failed to connect to bus\n")
    return 1


@pytest.mark.parametrize(
    ("systemctl", "words"),
    [
        (_systemctl, "vega updates itself right now (apt-daily-upgrade.service)"),
        (_broken_systemctl, "it is not known whether it updates itself"),
        (None, ""),
    ],
)
def test_updates_at_work_are_told_and_so_is_that_nobody_knows(systemctl: FakeProgram | None, words: str) -> None:
    """Faults row 35: a pause does not reach what runs already. Promise 8."""

    async def look() -> tuple[Finding, ...]:
        machine = await open_fake("vega", {"systemctl": systemctl} if systemctl else {})
        try:
            return (await checks._check_updates(machine)).findings
        finally:
            await machine.close()

    found = asyncio.run(look())
    assert [each.severity for each in found] == ([Severity.WARNING] if words else [])
    assert all(words in each.message for each in found)
