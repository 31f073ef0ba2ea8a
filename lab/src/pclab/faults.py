"""Faults of the network, one PC's cable at a time."""

from __future__ import annotations

from pclab import programs, ssh
from pclab.names import LabNames, Pc


def limit_bandwidth(names: LabNames, pc: Pc, megabits: float) -> None:
    """Let at most so many megabits per second flow towards the PC; 0 takes the limit away."""
    card = ["tc", "-n", names.switch, "qdisc"]
    programs.run([*card, "del", "dev", pc.port, "root"], check=False)
    if megabits:
        rate = f"{round(megabits * 1e6)}bit"
        programs.run([*card, "add", "dev", pc.port, "root", "tbf", "rate", rate, "burst", "64k", "latency", "200ms"])


def lose_packets(names: LabNames, pc: Pc, percent: int) -> None:
    """Drop so many per cent of the packets to and from the PC, each direction by itself; 0 ends it."""
    programs.run([*ssh.in_switch(names), "nft", "-f", "-"], stdin=loss_rules(pc, percent).encode())


def loss_rules(pc: Pc, percent: int) -> str:
    """The nft(8) script that replaces whatever loss a PC's cable had; 0 per cent only takes it away."""
    table = f"loss_{pc.value}"
    script = f"table bridge {table} {{}}\ndelete table bridge {table}\n"
    if percent == 0:
        return script
    chance = "" if percent == 100 else f"numgen random mod 100 < {percent} "
    rules = "".join(f'    {side} "{pc.port}" {chance}drop\n' for side in ("iifname", "oifname"))
    hooks = "".join(
        f"  chain {hook} {{\n    type filter hook {hook} priority 0;\n{rules}  }}\n"
        for hook in ("forward", "input", "output")
    )
    return f"{script}table bridge {table} {{\n{hooks}}}\n"


def clear(names: LabNames, pc: Pc) -> None:
    """Take every limit and loss away from the PC's cable."""
    limit_bandwidth(names, pc, 0)
    lose_packets(names, pc, 0)
