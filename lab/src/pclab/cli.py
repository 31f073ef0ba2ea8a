"""The command `lab`."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pclab
from pclab import ssh
from pclab.errors import LabError, WrongUsageError
from pclab.lab import Lab
from pclab.names import DEFAULT_PCS, DEFAULT_RUN_ID, RUN_ID_VARIABLE, LabNames, Pc, Suite, parse_size


class _Parser(argparse.ArgumentParser):
    """Answers wrong arguments with the whole help, not only the usage line."""

    def error(self, message: str) -> NoReturn:
        self.print_help(sys.stderr)
        self.exit(2, f"\n{self.prog}: {message}\n")


def parser() -> argparse.ArgumentParser:
    """The grammar of the command line."""
    top = _Parser(prog="lab", description="Two or three real PCs on one box: PC-switcher's rig.")
    top.add_argument(
        "--run-id",
        default=os.environ.get(RUN_ID_VARIABLE) or DEFAULT_RUN_ID,
        help=f"which lab; several stand side by side (default: ${RUN_ID_VARIABLE}, else {DEFAULT_RUN_ID})",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    up = commands.add_parser("up", help="make and boot PCs, and wait until they are ready")
    _some_pcs(up, "atlas vega")
    up.add_argument("--suite", type=Suite, choices=list(Suite), help="Debian release of PCs made now (trixie)")
    up.add_argument("--size", type=_size, help="disk size of PCs made now (16G)")

    reset = commands.add_parser("reset", help="put disks back to the baseline and boot")
    _some_pcs(reset, "all there are")
    reset.add_argument("--off", action="store_true", help="leave them off")

    status = commands.add_parser("status", help="what every PC is doing")
    status.add_argument("--json", action="store_true", help="for programs")

    login = commands.add_parser("ssh", help="log in as sam, or run a shell command line there")
    _one_pc(login)
    login.add_argument("line", nargs=argparse.REMAINDER, metavar="COMMAND")

    run = commands.add_parser("run", help="run one program as sam: lab run atlas -- ls -l; its exit status is ours")
    _one_pc(run)
    run.add_argument("line", nargs=argparse.REMAINDER, metavar="-- PROGRAM ARGUMENT…")

    for name, text in (
        ("cut", "pull the network cable"),
        ("join", "plug the network cable in again"),
        ("freeze", "suspend: every process stands still"),
        ("thaw", "let a frozen PC go on"),
        ("kill", "end every process at once; unwritten data survives"),
    ):
        _one_pc(commands.add_parser(name, help=text))

    slow = commands.add_parser("slow", help="limit what flows towards a PC")
    _one_pc(slow)
    slow.add_argument("megabits", type=float, metavar="MBIT", help="megabits per second; 0 ends it")

    lose = commands.add_parser("lose", help="lose packets to and from a PC")
    _one_pc(lose)
    lose.add_argument("percent", type=int, choices=range(101), metavar="PERCENT", help="each direction; 0 ends it")

    power_off = commands.add_parser("power-off", help="cut the power: unwritten data is lost")
    _one_pc(power_off)
    power_off.add_argument("--start", action="store_true", help="boot again at once")

    commands.add_parser("down", help="leave nothing but the keys and the cached Debian")
    return top


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What the arguments ask for. What stands behind the first `--` belongs to the PC, whatever it looks like.

    argparse drops or keeps that `--` depending on Python's version, so it never gets to see it.
    """
    ours, dashes, theirs = _split(arguments)
    chosen = parser().parse_args(ours if dashes and _passes_on(ours) else list(arguments))
    if dashes and _passes_on(ours):
        chosen.line = [*chosen.line, *([dashes] if chosen.line else []), *theirs]
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry of the command. Gives back its exit status: 0 done, 1 failed, 2 wrong usage."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    chosen = parse(given)
    try:
        names = LabNames(chosen.run_id)
        if os.geteuid() != 0 and chosen.command != "status":
            _become_root(chosen.command, given, names)
        return _carry_out(chosen, Lab(names, _say))
    except WrongUsageError as problem:
        print(f"lab: {problem}", file=sys.stderr)
        return 2
    except LabError as problem:
        print(f"lab: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _split(arguments: Sequence[str]) -> tuple[list[str], str, list[str]]:
    if "--" not in arguments:
        return list(arguments), "", []
    place = list(arguments).index("--")
    return list(arguments[:place]), "--", list(arguments[place + 1 :])


def _passes_on(ours: Sequence[str]) -> bool:
    return "run" in ours or "ssh" in ours


def _carry_out(chosen: argparse.Namespace, lab: Lab) -> int:
    command: str = chosen.command
    if command == "up":
        lab.up(chosen.pcs or DEFAULT_PCS, chosen.suite, chosen.size)
    elif command == "reset":
        lab.reset(chosen.pcs or lab.existing(), start=not chosen.off)
    elif command == "down":
        lab.down()
    elif command == "status":
        _print_status(lab, as_json=chosen.json)
    elif command in {"ssh", "run"}:
        _log_in(lab, chosen)
    else:
        _act_on_one(lab, chosen)
    return 0


def _act_on_one(lab: Lab, chosen: argparse.Namespace) -> None:
    command: str = chosen.command
    pc: Pc = chosen.pc
    if command == "power-off":
        lab.power_off(pc, start=chosen.start)
    elif command == "kill":
        lab.kill(pc)
    elif command == "slow":
        lab.pc(pc).limit_bandwidth(chosen.megabits)
    elif command == "lose":
        lab.pc(pc).lose_packets(chosen.percent)
    elif command in {"cut", "join"}:
        lab.pc(pc).set_link(up=command == "join")
    else:
        lab.pc(pc).freeze(frozen=command == "freeze")


def _log_in(lab: Lab, chosen: argparse.Namespace) -> NoReturn:
    line: list[str] = chosen.line
    if chosen.command == "run":
        if not line:
            raise WrongUsageError("lab run needs a program", f"lab run {chosen.pc} -- ls -l")
        options, remote = ["-T"], [shlex.join(line)]
    else:
        options, remote = (["-T"], [" ".join(line)]) if line else (["-t"], [])
    if chosen.pc not in lab.existing():
        raise WrongUsageError(f"{chosen.pc} of lab {lab.names.run_id} is not there", f"lab up {chosen.pc}")
    start = ssh.command(lab.names, chosen.pc, *options)
    sys.stdout.flush()
    os.execvp(start[0], [*(start if remote else start[:-1]), *remote])  # noqa: S606 -- ssh takes our place, no shell


def _print_status(lab: Lab, *, as_json: bool) -> None:
    entries = lab.status()
    if as_json:
        records = [
            {"pc": e.pc, "power": e.power, "address": e.address, "suite": e.suite, "link_up": e.link_up}
            for e in entries
        ]
        print(json.dumps({"run_id": lab.names.run_id, "pcs": records}))
        return
    print(f"lab {lab.names.run_id}")
    for e in entries:
        cable = {True: "cable in", False: "cable out", None: ""}[e.link_up]
        print(f"  {e.pc:<6} {e.power:<10} {e.address:<12} {e.suite or '':<9} {cable}".rstrip())


def _become_root(command: str, arguments: list[str], names: LabNames) -> NoReturn:
    if not shutil.which("sudo"):
        raise LabError(f"lab {command} needs root and there is no sudo", "run it as root")
    if command not in {"ssh", "run"}:
        _say(f"lab {command} handles disks, mounts and network namespaces, so it goes on as root with sudo")
    package_folder = Path(pclab.__file__).parent.parent
    os.execvp(  # noqa: S606 -- sudo takes our place, no shell
        "sudo",
        [
            *("sudo", "env", f"PYTHONPATH={package_folder}", f"{RUN_ID_VARIABLE}={names.run_id}"),
            *(sys.executable, "-m", "pclab", *arguments),
        ],
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _some_pcs(command: argparse.ArgumentParser, default: str) -> None:
    command.add_argument("pcs", nargs="*", type=_pc, metavar="PC", help=f"{', '.join(Pc)} (default: {default})")


def _one_pc(command: argparse.ArgumentParser) -> None:
    command.add_argument("pc", type=_pc, metavar="PC", help=", ".join(Pc))


def _pc(text: str) -> Pc:
    try:
        return Pc(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(Pc)}") from None


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except WrongUsageError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None
