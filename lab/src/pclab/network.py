"""The lab's network: a switch in a namespace of its own, and one namespace per PC.

Nothing is routed out, and nothing of the box's own network is touched.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal

from pclab import programs
from pclab.names import PREFIX_BITS, SWITCH_ADDRESS, LabNames, Pc


def namespaces() -> set[str]:
    """Names of the box's named network namespaces."""
    text = programs.output(["ip", "-json", "netns", "list"])
    entries: list[dict[str, str]] = json.loads(text or "[]")
    return {str(entry["name"]) for entry in entries}


def create_switch(names: LabNames) -> None:
    """Make the switch; fine if it is there."""
    if names.switch in namespaces():
        return
    programs.run(["ip", "netns", "add", names.switch])
    _batch(
        names.switch,
        "link set lo up",
        "link add br0 type bridge",
        f"address add {SWITCH_ADDRESS}/{PREFIX_BITS} dev br0",
        "link set br0 up",
    )


def create_port(names: LabNames, pc: Pc) -> None:
    """Make a PC's namespace with its network card, plugged into the switch; fine if it is there."""
    if names.netns(pc) in namespaces():
        return
    programs.run(["ip", "netns", "add", names.netns(pc)])
    _batch(
        names.switch,
        f"link add {pc.port} type veth peer name eth0 netns {names.netns(pc)}",
        f"link set {pc.port} master br0 up",
    )
    _batch(
        names.netns(pc),
        "link set lo up",
        f"address add {pc.address}/{PREFIX_BITS} dev eth0",
        "link set eth0 up",
    )


def set_link(names: LabNames, pc: Pc, *, up: bool) -> None:
    """Plug a PC's cable in, or pull it."""
    programs.run(["ip", "-n", names.switch, "link", "set", pc.port, "up" if up else "down"])


def link_is_up(names: LabNames, pc: Pc) -> bool:
    """Whether the cable of a PC is plugged in."""
    text = programs.output(["ip", "-json", "-n", names.switch, "link", "show", pc.port])
    flags: list[str] = json.loads(text)[0]["flags"]
    return "UP" in flags


def end_processes(names: LabNames) -> None:
    """Kill what still runs in the lab's namespaces: ssh connections of tests and of `lab ssh`."""
    for name in sorted(namespaces() & _all_names(names)):
        for process in programs.output(["ip", "netns", "pids", name]).split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(process), signal.SIGKILL)


def remove_all(names: LabNames) -> None:
    """Take the lab's namespaces away, with all that is in them."""
    for name in sorted(namespaces() & _all_names(names)):
        programs.run(["ip", "netns", "delete", name])


def _all_names(names: LabNames) -> set[str]:
    return {names.switch, *(names.netns(pc) for pc in Pc)}


def _batch(namespace: str, *commands: str) -> None:
    programs.run(["ip", "-n", namespace, "-batch", "-"], stdin="\n".join([*commands, ""]).encode())
