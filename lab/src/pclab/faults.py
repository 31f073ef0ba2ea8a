"""Faults of the network, one PC's cable at a time."""

from __future__ import annotations

from pclab import programs
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
    table = f"loss_{pc.value}"
    nft = ["ip", "netns", "exec", names.switch, "nft", "-f", "-"]
    script = f"table bridge {table} {{}}\ndelete table bridge {table}\n"
    if percent:
        rules = "".join(
            f'    {side} "{pc.port}" numgen random mod 100 < {percent} drop\n' for side in ("iifname", "oifname")
        )
        hooks = "".join(
            f"  chain {hook} {{\n    type filter hook {hook} priority 0;\n{rules}  }}\n"
            for hook in ("forward", "input", "output")
        )
        script += f"table bridge {table} {{\n{hooks}}}\n"
    programs.run(nft, stdin=script.encode())


def clear(names: LabNames, pc: Pc) -> None:
    """Take every limit and loss away from the PC's cable."""
    limit_bandwidth(names, pc, 0)
    lose_packets(names, pc, 0)
