"""What a machine can do for a run, on fake machines."""

from __future__ import annotations

import asyncio

import attrs
import pytest

from pcswitcher.machine.fake import FakeProgram, fake_facts, open_fake
from pcswitcher.machine.process import Program, Sink
from pcswitcher.model.plan import Severity
from pcswitcher.run.checks import Look
from pcswitcher.run.fitness import boot_filesystem, btrfs_version, check_fitness, sudo_words

UNITS = "Id=apt-daily.timer\nLoadState=loaded\nActiveState=active\n"


def prints(text: str, status: int = 0, error: str = "") -> FakeProgram:
    async def program(_: Program, sink: Sink) -> int:
        await sink(1, text.encode())
        await sink(2, error.encode())
        return status

    return program


async def _systemctl(program: Program, sink: Sink) -> int:
    await sink(1, b"running\n" if b"is-system-running" in program.arguments else UNITS.encode())
    return 0


WELL: dict[str, FakeProgram] = {
    "sudo": prints("sudo-rs 0.2.8\n"),
    "btrfs": prints("btrfs-progs v6.14\n"),
    "findmnt": prints("", 1),
    "systemctl": _systemctl,
    "systemd-inhibit": prints(""),
    "snap": prints("", 1, 'error: snap "core" has no "refresh.hold" configuration option'),
}


def looks(programs: dict[str, FakeProgram], user: str = "sam") -> list[Look]:
    async def run() -> tuple[Look, ...]:
        facts = attrs.evolve(fake_facts("vega"), login_user=user)
        machine = await open_fake("vega", programs, facts=facts)
        try:
            return await check_fitness(machine)
        finally:
            await machine.close()

    return list(asyncio.run(run()))


def test_a_machine_that_can_do_everything_has_a_line_for_each() -> None:
    """Faults rows 25 and 32; issue §5: doctor says what is fine."""
    found = looks(WELL)
    assert all(not look.findings and look.machine == "vega" for look in found)
    words = [look.words for look in found]
    assert any("Python 3.13.5" in each for each in words)
    assert any("sudo-rs 0.2.8 lets sam become root without a terminal" in each for each in words)
    assert "btrfs-progs 6.14" in words
    assert any("kept awake" in each for each in words)
    assert any("can be paused" in each for each in words)


@pytest.mark.parametrize(
    ("changed", "severity", "words"),
    [
        ({"btrfs": None}, Severity.BLOCKING, "vega has no btrfs-progs"),
        ({"btrfs": prints("btrfs-progs v4.15.1")}, Severity.WARNING, "btrfs-progs 4.15.1 is older"),
        ({"systemd-inhibit": prints("", 1, "Access denied")}, Severity.WARNING, "does not let us keep it awake"),
        ({"snap": prints("", 1, "error: access denied")}, Severity.WARNING, "error: access denied"),
        (
            {"findmnt": prints('{"filesystems": [{"target": "/boot", "fstype": "ext4"}]}')},
            Severity.ADVICE,
            "/boot is a filesystem of its own (ext4)",
        ),
    ],
)
def test_what_is_missing_is_named_with_what_mends_it(
    changed: dict[str, FakeProgram | None], severity: Severity, words: str
) -> None:
    """J3, faults rows 32 and 37."""
    programs = {name: program for name, program in {**WELL, **changed}.items() if program}
    (finding,) = [finding for look in looks(programs) for finding in look.findings]
    assert finding.severity is severity
    assert words in finding.message
    assert finding.hint


def test_without_systemd_it_is_said_and_no_more() -> None:
    programs = {**WELL, "systemctl": prints("offline\n", 1)}
    found = [finding for look in looks(programs) for finding in look.findings]
    assert [finding.severity for finding in found] == [Severity.ADVICE, Severity.ADVICE]


def test_root_needs_no_sudo() -> None:
    programs = {name: program for name, program in WELL.items() if name != "sudo"}
    assert any("sudo is not needed" in look.words for look in looks(programs, "root"))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("Sudo version 1.9.16p2\nSudoers policy plugin version 1.9.16p2", "sudo 1.9.16p2"),
        ("sudo-rs 0.2.8", "sudo-rs 0.2.8"),
        ("something else", "sudo"),
        ("", "sudo"),
    ],
)
def test_both_sudos_are_known(answer: str, words: str) -> None:
    """Faults row 25."""
    assert sudo_words(answer) == words


@pytest.mark.parametrize(
    ("answer", "version"),
    [("btrfs-progs v6.2\n-EXPERIMENTAL", (6, 2)), ("btrfs-progs v5.16.2", (5, 16, 2)), ("", (0,))],
)
def test_the_version_of_btrfs_progs_is_read(answer: str, version: tuple[int, ...]) -> None:
    assert btrfs_version(answer) == version


@pytest.mark.parametrize("answer", ["", "[]", "{}", '{"filesystems": []}', '{"filesystems": 7}'])
def test_no_boot_filesystem_is_none(answer: str) -> None:
    assert boot_filesystem(answer) == ""
