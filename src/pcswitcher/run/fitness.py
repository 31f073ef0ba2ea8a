"""What a machine can do for a run: become root, keep awake, pause its updates, make snapshots. For `doctor`."""

from __future__ import annotations

import asyncio
import re

from pcswitcher.machine.api import Machine
from pcswitcher.machine.inhibit import inhibit_arguments
from pcswitcher.machine.updates import HoldKind, has_systemd, read_updates
from pcswitcher.model.codec import loads
from pcswitcher.model.errors import ConnectionLostError, FormatError, PcSwitcherError
from pcswitcher.model.plan import Finding, Severity
from pcswitcher.run.checks import Look, dotted

PATIENCE = 20.0
OLDEST_BTRFS_PROGS = (5, 0)
"""Debian 11 has 5.10; nothing older was ever tried."""


async def check_fitness(machine: Machine) -> tuple[Look, ...]:
    """Look at what a machine can do. Changes nothing. Raises ConnectionLostError."""
    looks = await asyncio.gather(
        _check_sudo(machine), _check_btrfs(machine), _check_boot(machine), _check_awake(machine), _check_pause(machine)
    )
    python = f"Python {machine.facts.python} runs pc-switcher {machine.facts.version}"
    return (Look(machine=machine.name, words=python), *looks)


async def _answer(machine: Machine, *arguments: str) -> str | None:
    """What a program printed; None when it is missing or fails."""
    try:
        done = await machine.run(arguments, timeout=PATIENCE)
    except ConnectionLostError:
        raise
    except PcSwitcherError:
        return None
    return done.text if done.status == 0 else None


async def _check_sudo(machine: Machine) -> Look:
    """How root was reached. That the agent answers proves it works, and without a terminal (``requiretty``)."""
    user = machine.facts.login_user
    if user == "root":
        return Look(machine=machine.name, words="logged in as root: sudo is not needed")
    answer = await _answer(machine, "sudo", "--version")
    version = sudo_words(answer or "")
    return Look(
        machine=machine.name,
        words=f"{version} lets {user} become root without a terminal; programs run with our own PATH, whatever "
        "secure_path says",
    )


def sudo_words(answer: str) -> str:
    """Which sudo it is, from the first line of ``sudo --version``: ``Sudo version 1.9.16p2``, ``sudo-rs 0.2.8``."""
    first = answer.partition("\n")[0].strip()
    found = re.fullmatch(r"(?:Sudo version|(sudo-rs))\s+(\S+)", first)
    return f"{found[1] or 'sudo'} {found[2]}" if found else "sudo"


async def _check_btrfs(machine: Machine) -> Look:
    name = machine.name
    answer = await _answer(machine, "btrfs", "--version")
    if answer is None:
        missing = Finding(
            severity=Severity.BLOCKING,
            machine=name,
            message=f"{name} has no btrfs-progs: no snapshots can be made",
            hint="sudo apt install btrfs-progs",
        )
        return Look(machine=name, words="", findings=(missing,))
    version = btrfs_version(answer)
    if version < OLDEST_BTRFS_PROGS:
        old = Finding(
            severity=Severity.WARNING,
            machine=name,
            message=f"{name}: btrfs-progs {dotted(version)} is older than what pc-switcher was tried with "
            f"({dotted(OLDEST_BTRFS_PROGS)})",
            hint="sudo apt upgrade",
        )
        return Look(machine=name, words="", findings=(old,))
    return Look(machine=name, words=f"btrfs-progs {dotted(version)}")


def btrfs_version(answer: str) -> tuple[int, ...]:
    """The version in the first line of ``btrfs --version``; (0,) when there is none."""
    found = re.match(r"btrfs-progs v(\d+(?:\.\d+)*)", answer)
    return tuple(int(part) for part in found[1].split(".")) if found else (0,)


async def _check_boot(machine: Machine) -> Look:
    """A rollback of / does not reach kernels that are on another filesystem."""
    answer = await _answer(machine, "findmnt", "--json", "--output", "TARGET,FSTYPE", "--mountpoint", "/boot")
    filesystem = boot_filesystem(answer or "")
    if not filesystem:
        return Look(machine=machine.name, words="/boot is part of /, so a rollback of / takes the kernels along")
    apart = Finding(
        severity=Severity.ADVICE,
        machine=machine.name,
        message=f"{machine.name}: /boot is a filesystem of its own ({filesystem}): a rollback of / leaves its kernels "
        "as they are",
        hint="keep more than one kernel installed, so that an older / finds the modules of one that boots",
    )
    return Look(machine=machine.name, words="", findings=(apart,))


def boot_filesystem(answer: str) -> str:
    """The type of what is mounted at /boot, from ``findmnt --json``; empty when nothing is."""
    try:
        rows = loads(dict[str, tuple[dict[str, str], ...]], answer).get("filesystems", ())
    except FormatError:
        return ""
    return rows[-1].get("fstype", "") if rows else ""


async def _check_awake(machine: Machine) -> Look:
    """Take an inhibitor lock for a moment."""
    name = machine.name
    if not await has_systemd(machine):
        return _no_systemd(machine, "it can fall asleep during a run")
    if await _answer(machine, *inhibit_arguments("pc-switcher doctor", ("true",))) is not None:
        return Look(machine=name, words="it can be kept awake, also with its lid closed")
    awake = Finding(
        severity=Severity.WARNING,
        machine=name,
        message=f"{name} does not let us keep it awake: it may sleep or be switched off during a run",
        hint=f"on {name}: systemctl status systemd-logind dbus",
    )
    return Look(machine=name, words="", findings=(awake,))


async def _check_pause(machine: Machine) -> Look:
    name = machine.name
    if not await has_systemd(machine):
        return _no_systemd(machine, "its automatic updates cannot be paused")
    try:
        updates = await read_updates(machine)
        why = updates.hold.value if updates.hold.kind is HoldKind.UNKNOWN else ""
    except ConnectionLostError:
        raise
    except PcSwitcherError as error:
        why = error.message
    if not why:
        return Look(machine=name, words="its automatic updates can be paused")
    message = f"{name}: automatic updates may start during a run, since their settings cannot be read: {why}"
    hint = f"on {name}: sudo snap get system refresh.hold; systemctl status snapd"
    finding = Finding(severity=Severity.WARNING, machine=name, message=message, hint=hint)
    return Look(machine=name, words="", findings=(finding,))


def _no_systemd(machine: Machine, what: str) -> Look:
    finding = Finding(
        severity=Severity.ADVICE,
        machine=machine.name,
        message=f"{machine.name} is not run by systemd: {what}",
        hint="",
    )
    return Look(machine=machine.name, words="", findings=(finding,))
