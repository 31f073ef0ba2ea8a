"""The job ``hosts``: ties its rooms together."""

from __future__ import annotations

import os
from collections.abc import Sequence

import attrs

from pc_switcher_hosts.apply import find_differences, perform
from pc_switcher_hosts.capture import read_hosts
from pc_switcher_hosts.diff import Steps, agree, diff, narrow
from pc_switcher_hosts.state import DIRECTORY, FILE, Hosts
from pcswitcher.jobs.api import (
    Explanation,
    Finding,
    FormatError,
    Job,
    JobPlan,
    JobReport,
    JobSettings,
    Level,
    Machine,
    Outcome,
    Severity,
    Side,
    States,
    World,
    escape,
    human_count,
    setting,
)


@attrs.frozen(kw_only=True)
class HostsSettings(JobSettings):
    """The table ``[jobs.hosts]`` of the settings file."""

    block: str = setting("shared", "Your own names stand between “# begin BLOCK” and “# end BLOCK” in /etc/hosts.")
    max_removals: int = setting(10, "More removals than this need --allow mass-deletion", least=0, unit="names")


class HostsJob(Job[HostsSettings, Hosts, Steps]):
    """Makes a person's own names in /etc/hosts the same on the target as on the source."""

    name = "hosts"
    title = "Host names"
    settings_type = HostsSettings

    def __init__(self, settings: HostsSettings, directory: bytes = DIRECTORY) -> None:
        super().__init__(settings)
        self._directory = directory

    @property
    def _live(self) -> bytes:
        return os.path.join(self._directory, FILE)

    def trees(self) -> tuple[bytes, ...]:
        """See Job."""
        return (self._directory,)

    @property
    def state_type(self) -> type[Hosts]:
        """See Job."""
        return Hosts

    async def check(self, world: World) -> tuple[Finding, ...]:
        """See Job. A block that cannot be read would fail the job later; said now, with what mends it."""
        found: list[Finding] = []
        for machine in (world.source.machine, world.target.machine):
            try:
                await machine.call(read_hosts, self._live, self.settings.block)
            except FormatError as error:
                found.append(
                    Finding(severity=Severity.BLOCKING, machine=machine.name, message=error.message, hint=error.hint)
                )
        return tuple(found)

    async def capture(self, side: Side, world: World) -> Hosts:
        """See Job. Read from this run's snapshot, never from the live file."""
        path = os.path.join(side.directory(self._directory), FILE)
        return await side.machine.call(read_hosts, path, self.settings.block)

    def diff(self, states: States[Hosts]) -> JobPlan[Steps]:
        """See Job."""
        return diff(states, self.settings.max_removals)

    def narrow(self, plan: JobPlan[Steps], refused: frozenset[str]) -> JobPlan[Steps]:
        """See Job."""
        return narrow(plan, refused, self.settings.max_removals)

    def agree(self, states: States[Hosts], left: frozenset[str]) -> Hosts:
        """See Job. Each name is an item of its own."""
        return agree(states, left)

    async def apply(self, world: World, plan: JobPlan[Steps]) -> JobReport:
        """See Job. One call, one file, one moment."""
        there = world.target.machine
        world.progress(self.name, there.name, 0, len(plan.data), "names")
        changed = await there.call(perform, self._live, self.settings.block, plan.data) if plan.data else ()
        world.progress(self.name, there.name, len(plan.data) - len(changed), len(plan.data), "names")
        for change in plan.changes:
            if change.item not in changed:
                world.log(self.name, Level.FULL, there.name, f"{change.action} {change.item}", after=change.after)
        items = frozenset(escape(name.encode()) for name in changed)
        return JobReport(
            outcome=Outcome.PARTIAL if changed else Outcome.DONE,
            items=len(plan.data) - len(changed),
            reason=human_count(len(changed), "name") + " had changed meanwhile" if changed else "",
            failures=tuple(f"{item} in /etc/hosts had changed since the plan was made" for item in sorted(items)),
            failed=items,
        )

    async def verify(self, world: World, plan: JobPlan[Steps], report: JobReport) -> tuple[str, ...]:
        """See Job."""
        steps = tuple(step for step in plan.data if escape(step.name.encode()) not in report.failed)
        there = world.target.machine
        wrong = await there.call(find_differences, self._live, self.settings.block, steps)
        return tuple(f"{there.name}: {escape(name.encode())} in /etc/hosts is not as planned" for name in wrong)

    def explain(self, item: str) -> Explanation | None:
        """See Job. A name cannot be told from anything else a person may ask about: only the file's own is known."""
        if item != "/etc/hosts":
            return None
        block = self.settings.block
        return Explanation(item, travels=True, words=f"the names between “# begin {block}” and “# end {block}” travel")

    async def gone(self, machine: Machine, items: Sequence[str]) -> frozenset[str]:
        """See Job."""
        hosts = await machine.call(read_hosts, self._live, self.settings.block)
        return frozenset(items) - {escape(host.name.encode()) for host in hosts.hosts}
