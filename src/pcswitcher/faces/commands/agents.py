"""One agent for the small commands that need root on this PC, or on another one."""

from __future__ import annotations

import getpass
import os
import platform
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from pcswitcher.faces.terminal import password_asker
from pcswitcher.machine.api import Machine
from pcswitcher.machine.bundle import describe_installation
from pcswitcher.machine.lock import Holder, Role, acquire_lock
from pcswitcher.machine.session import open_local, open_remote
from pcswitcher.model.events import now
from pcswitcher.run.machines import connect


@asynccontextmanager
async def agent(host: str | None) -> AsyncGenerator[Machine]:
    """The agent of this PC (None), or of ``host``, for as long as the block lasts. Nothing is installed there.

    Raises ConnectError, CheckError.
    """
    async with AsyncExitStack() as stack:
        if host is None:
            machine = await open_local(password_asker())
        else:
            master = await connect(host, stack)
            remote = await open_remote(master, describe_installation(), password_asker(), ephemeral=True)
            machine = remote.machine
        stack.push_async_callback(machine.close)
        yield machine


async def take_lock(machine: Machine, purpose: str) -> None:
    """Keep runs away from ``machine`` until its agent ends. Raises BusyError while one goes on.

    ``purpose``: how others read what this is, where a run's other machine stands.
    """
    holder = Holder(
        role=Role.SOURCE,
        source=machine.name,
        target=purpose,
        user=getpass.getuser(),
        host=platform.node(),
        process=os.getpid(),
        since=now(),
    )
    await machine.call(acquire_lock, machine.name, holder)
