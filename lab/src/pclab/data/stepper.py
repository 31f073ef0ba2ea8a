"""Runs the installed program's own command line, and stands still at one of its requests: see pclab/stepping.py.

On a PC: `python3 stepper.py PROGRAM ORDERS ARGUMENT…`; ORDERS is one JSON object. Nothing of the program is changed
but the way of its requests to the agents, which are the installed program as in every run.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if not TYPE_CHECKING:
    sys.path.insert(0, sys.argv[1])

from pcswitcher.faces import cli
from pcswitcher.machine import connection
from pcswitcher.machine.connection import AgentMachine, Liveness
from pcswitcher.model.codec import JsonValue
from pcswitcher.model.errors import ConnectionLostError
from pcswitcher.model.events import Event, StepFinished, StepStarted
from pcswitcher.run import bus, machines, pipeline

P = ParamSpec("P")
R = TypeVar("R")
Request = Callable[..., Awaitable[JsonValue]]

BESIDE = {"ping", "read_clocks", "read_rooms"}
"""What is asked beside the run, whenever its time comes."""


def print_line(**words: object) -> None:
    """Tell the test something, between the program's own lines."""
    sys.stdout.flush()
    os.write(1, json.dumps(words).encode() + b"\n")


def purpose_of(method: str, params: dict[str, JsonValue]) -> str:
    """What a request is for, in words that are the same in every run."""
    match method, params:
        case "run", {"arguments": [str(program), *_]}:
            return program.rpartition("/")[2]
        case "call", {"arguments": {"entry": {"edge": str(edge), "step": str(step)}}}:
            return f"write_journal {edge} {step}"
        case "call", {"function": str(name)}:
            return name.rpartition(":")[2].rpartition(".")[2]
        case _:
            return method


class Stepper:
    """Sees where the run is, and makes it stand still where it was ordered to."""

    def __init__(self, points: list[dict[str, str]], edge: str) -> None:
        self._points = points
        self._edge = edge
        self._step = "start"
        self._passed: list[dict[str, str]] = []

    def watch(self, tell: Callable[[bus.Bus, Event], None]) -> Callable[[bus.Bus, Event], None]:
        """Follow the run's steps by its events."""

        def follow(self_of_bus: bus.Bus, event: Event) -> None:
            if isinstance(event, StepStarted):
                self._step = str(event.step)
            elif isinstance(event, StepFinished):
                self._step = f"after {event.step}"
            tell(self_of_bus, event)

        return follow

    def request(self, real: Request) -> Request:
        """The way of a request to an agent, with the point in it."""

        async def stepped(
            machine: AgentMachine, method: str, params: dict[str, JsonValue], *more: object, **named: object
        ) -> JsonValue:
            due = self._is_due(machine.name, purpose_of(method, params))
            if due and self._edge == "before":
                await self._stand()
            try:
                return await real(machine, method, params, *more, **named)
            finally:  # an error is an answer too
                if due and self._edge == "after":
                    await self._stand()
                if due and self._edge == "lost":
                    print_line(standing=True)
                    machine.lose("the answer was lost")
                    raise ConnectionLostError(f"{machine.name}: the answer was lost")

        return stepped

    def way(self, real: Callable[P, Awaitable[R]], what: str) -> Callable[P, Awaitable[R]]:
        """A way to the other PC that is a point too: there is no agent yet that could be asked."""

        async def stepped(*arguments: P.args, **named: P.kwargs) -> R:
            if self._is_due("the other PC", what) and self._edge == "before":
                await self._stand()
            return await real(*arguments, **named)

        return stepped

    def _is_due(self, machine: str, what: str) -> bool:
        """Whether the run is to stand still here: the first time that it comes to the point."""
        point = {"step": self._step, "machine": machine, "what": what}
        if what in BESIDE or point in self._passed:
            return False
        self._passed.append(point)
        if not self._points:
            print_line(passed=point)
        return point in self._points

    async def _stand(self) -> None:
        print_line(standing=True)
        await asyncio.to_thread(os.read, 0, 1)


def main() -> int:
    """Run the command line as ordered; gives its exit status."""
    orders = json.loads(sys.argv[2])
    stepper = Stepper(orders["points"], orders["edge"])
    short = Liveness(interval=orders["interval"], limit=orders["limit"])
    replaced: list[tuple[object, str, object]] = [
        (bus.Bus, "tell", stepper.watch(bus.Bus.tell)),
        (AgentMachine, "_request", stepper.request(getattr(AgentMachine, "_request"))),  # noqa: B009 - it is private
        (connection, "Liveness", lambda: short),
        (pipeline, "connect", stepper.way(machines.connect, "connect")),
        (pipeline, "start_target", stepper.way(machines.start_target, "deploy")),
    ]
    for owner, name, stepped in replaced:
        setattr(owner, name, stepped)
    return cli.run(sys.argv[3:])


if __name__ == "__main__":
    sys.exit(main())
