"""The two machines of a run: connected, deployed, locked, and let go again."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import TypeVar

import attrs

from pcswitcher.machine.api import Machine
from pcswitcher.machine.bundle import describe_installation
from pcswitcher.machine.connection import AgentMachine
from pcswitcher.machine.deploy import Deployment, DeployOutcome
from pcswitcher.machine.lock import Holder, Role, acquire_lock, name_run
from pcswitcher.machine.session import open_local, open_remote
from pcswitcher.machine.ssh import Master, RemoteShell, open_master
from pcswitcher.machine.sudo import AskPassword
from pcswitcher.machine.trace import LogRoute
from pcswitcher.model.errors import CheckError, ConnectionLostError, PcSwitcherError
from pcswitcher.model.events import Level, now
from pcswitcher.model.text import human_size
from pcswitcher.run.bus import Bus

T = TypeVar("T")
LOST_INTERVAL = 0.5
"""Seconds between two looks whether both machines are still there while a person is asked."""


@attrs.frozen(kw_only=True)
class Pair:
    """Both machines of a run, each behind its agent."""

    source: AgentMachine
    target: AgentMachine
    shell: RemoteShell
    deployment: Deployment

    @property
    def both(self) -> tuple[AgentMachine, AgentMachine]:
        """Source and target."""
        return self.source, self.target


async def connect(host: str, stack: AsyncExitStack, log: LogRoute | None = None) -> Master:
    """Log in to ``host``; the connection ends with ``stack``. ``log``: the bus' route."""
    master = await open_master(host, log)
    stack.push_async_callback(master.close)
    return master


async def start_source(ask: AskPassword, bus: Bus, stack: AsyncExitStack) -> AgentMachine:
    """Start the agent on this PC; it ends with ``stack``."""
    source = await open_local(ask, log=bus.route)
    stack.push_async_callback(source.close)
    return source


async def start_target(
    master: Master, source: AgentMachine, ask: AskPassword, bus: Bus, stack: AsyncExitStack, *, ephemeral: bool
) -> Pair:
    """Bring our program to the other PC and start its agent; it ends with ``stack``.

    Raises CheckError when the other PC is this one, or runs a newer version of ours.
    """
    remote = await open_remote(master, describe_installation(), ask, ephemeral=ephemeral, log=bus.route)
    target = remote.machine
    stack.push_async_callback(target.close)
    refuse_same_machine(source, target, master.host)
    bus.log(Level.INFO, deployment_words(remote.deployment, target.name), target.name)
    return Pair(source=source, target=target, shell=remote.shell, deployment=remote.deployment)


def refuse_same_machine(source: Machine, target: Machine, host: str) -> None:
    """Raise CheckError when ``host`` is this PC, a copy of it, or its namesake (faults row 26)."""
    if source.facts.boot_id and source.facts.boot_id == target.facts.boot_id:
        raise CheckError(f"{host} is this PC ({source.name})", "name the other PC")
    if source.facts.machine_id and source.facts.machine_id == target.facts.machine_id:
        raise CheckError(
            f"{source.name} and {target.name} have the same /etc/machine-id: one is a copy of the other",
            f"give {target.name} its own: sudo rm /etc/machine-id && sudo systemd-machine-id-setup, then reboot it",
        )
    if source.name.casefold() == target.name.casefold():
        raise CheckError(
            f"both PCs call themselves {source.name}: nobody could tell which is meant in a question or a record",
            "give one another name, on it: sudo hostnamectl set-hostname NAME",
        )


def deployment_words(deployment: Deployment, name: str) -> str:
    """What was done to the program on the other machine, for the log (requirement D1)."""
    match deployment.outcome:
        case DeployOutcome.SAME:
            return f"pc-switcher {deployment.after} is on {name} already"
        case DeployOutcome.INSTALLED:
            words = f"installed pc-switcher {deployment.after} on {name}"
        case DeployOutcome.UPGRADED:
            words = f"upgraded pc-switcher on {name} from {deployment.before} to {deployment.after}"
        case DeployOutcome.REPLACED:
            words = f"replaced pc-switcher {deployment.after} on {name} by this build of it"
        case DeployOutcome.CARRIED:
            words = f"pc-switcher {deployment.after} runs from memory on {name}"
    return f"{words} ({human_size(deployment.sent)} in {deployment.seconds:.1f} s)"


async def lock(pair: Pair) -> None:
    """Take both machines for this run, until their agents end. Raises BusyError naming who has one."""
    for machine, role in ((pair.source, Role.SOURCE), (pair.target, Role.TARGET)):
        holder = Holder(
            role=role,
            source=pair.source.name,
            target=pair.target.name,
            user=getpass.getuser(),
            host=pair.source.name,
            process=os.getpid(),
            since=now(),
        )
        await machine.call(acquire_lock, machine.name, holder)


async def name_locks(pair: Pair, run: str) -> None:
    """Let whoever is refused from now on know which run has both machines (requirement K1)."""
    for machine in pair.both:
        await machine.call(name_run, run)


async def while_there(machines: Sequence[AgentMachine], work: Coroutine[object, object, T]) -> T:
    """Await ``work`` that asks no machine for long: it is cancelled as soon as one of them is lost.

    Raises ConnectionLostError naming it.
    """
    working = asyncio.ensure_future(work)
    try:
        while not working.done():
            await asyncio.wait((working,), timeout=LOST_INTERVAL)
            lost = next((machine for machine in machines if machine.is_lost), None)
            if lost is not None and not working.done():
                raise ConnectionLostError(
                    f"{lost.name}: the connection broke", "check the network, then start the same command again"
                )
        return working.result()
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


def prefer_cause(error: BaseException) -> PcSwitcherError | None:
    """The first error of ours in a group of errors, so that a real cause is never hidden by what followed it."""
    if isinstance(error, PcSwitcherError):
        return error
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            found = prefer_cause(each)
            if found is not None:
                return found
    return None
