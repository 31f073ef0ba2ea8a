"""The job ``settings``: the settings file of the person who syncs (requirement D4).

Absent there: shown and asked. Different: a diff, and take it, leave theirs, or stop. Same: silent. What belongs to
one machine stands in ``machine.toml`` beside it, which no job carries.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from pcswitcher.jobs.api import (
    Change,
    Details,
    Explanation,
    Job,
    JobPlan,
    JobReport,
    JobSettings,
    Machine,
    Outcome,
    Side,
    States,
    World,
    escape,
)
from pcswitcher.jobs.settings.apply import move_settings_file, remove_leftover
from pcswitcher.jobs.settings.capture import read_settings_file
from pcswitcher.jobs.settings.diff import Planned, diff, difference, narrow
from pcswitcher.jobs.settings.state import FOLDER, ITEM, NAME, Kind, SettingsFile


class SettingsJob(Job[JobSettings, SettingsFile, Planned]):
    """Makes the settings file of the person's account there what it is here."""

    name = "settings"
    title = "Settings"
    # Files first: it brings the directory, and where it switches a whole subvolume a file written before is lost.
    needs = ("files",)

    def __init__(self, settings: JobSettings, home: bytes | None = None) -> None:
        super().__init__(settings)
        self._home = home
        """Of the person, on both machines; None: as each machine tells, their names may differ."""

    def trees(self) -> tuple[bytes, ...]:
        """See Job. Homes may have other names there: their snapshots are those of the directory of homes."""
        home = self._home or os.fsencode(os.path.expanduser("~")).rstrip(b"/")
        above = os.path.dirname(home)
        return (home if above == b"/" else above,)

    @property
    def state_type(self) -> type[SettingsFile]:
        """See Job."""
        return SettingsFile

    async def capture(self, side: Side, world: World) -> SettingsFile:
        """See Job."""
        return await side.machine.call(read_settings_file, self._seen(side))

    def diff(self, states: States[SettingsFile]) -> JobPlan[Planned]:
        """See Job."""
        return diff(states)

    def narrow(self, plan: JobPlan[Planned], refused: frozenset[str]) -> JobPlan[Planned]:
        """See Job."""
        return narrow(plan, refused)

    async def apply(self, world: World, plan: JobPlan[Planned]) -> JobReport:
        """See Job."""
        if plan.data is None:
            return JobReport(outcome=Outcome.DONE, items=0)
        there = world.target.machine
        await there.call(move_settings_file, self._live(there), plan.data)
        return JobReport(outcome=Outcome.DONE, items=1)

    async def verify(self, world: World, plan: JobPlan[Planned], report: JobReport) -> tuple[str, ...]:
        """See Job."""
        if plan.data is None:
            return ()
        there = world.target.machine
        found = await there.call(read_settings_file, self._live(there))
        return () if found == plan.data.after else (f"{there.name}: {ITEM} is not what was carried",)

    async def clean_up(self, machine: Machine) -> None:
        """See Job."""
        await machine.call(remove_leftover, self._live(machine))

    async def inspect(self, world: World, plan: JobPlan[Planned], change: Change) -> Details:
        """See Job."""
        rows = (("file", change.before, change.after),)
        if plan.data is None:
            return Details(rows=rows)
        return Details(
            rows=rows, difference=difference(plan.data, world.source.machine.name, world.target.machine.name)
        )

    def explain(self, item: str) -> Explanation | None:
        """See Job."""
        home = self._home or os.fsencode(os.path.expanduser("~"))
        path = os.path.join(home, FOLDER, NAME)
        if item != ITEM and os.path.abspath(os.path.expanduser(os.fsencode(item))) != path:
            return None
        words = (
            f"{escape(path)} travels: where the other PC's differs, the review shows a diff and asks (job {self.name})"
        )
        return Explanation(item=ITEM, travels=True, words=words)

    async def gone(self, machine: Machine, items: Sequence[str]) -> frozenset[str]:
        """See Job."""
        if ITEM not in items:
            return frozenset()
        found = await machine.call(read_settings_file, self._live(machine))
        return frozenset({ITEM} if found.kind is Kind.ABSENT else ())

    def _live(self, machine: Machine) -> bytes:
        return self._home or os.fsencode(machine.facts.login_home).rstrip(b"/")

    def _seen(self, side: Side) -> bytes:
        """The home as the run's snapshots show it; the live one where no snapshot holds it."""
        home = self._live(side.machine)
        folder = os.path.join(home, FOLDER)
        hidden = any(_is_below(folder, each.path) for each in side.layout.uncovered)
        for tree in self.trees():
            if _is_below(home, tree) and not hidden:
                return side.directory(tree) + home[len(tree) :]
        return home


def _is_below(path: bytes, directory: bytes) -> bool:
    return path == directory or path.startswith(directory.rstrip(b"/") + b"/")
