"""Comparing the names of two machines: pure, no machine is asked."""

from __future__ import annotations

import attrs

from pc_switcher_hosts.state import Host, Hosts
from pcswitcher.jobs.api import Action, Change, Finding, Gate, JobPlan, Severity, States, escape, human_count


@attrs.frozen(kw_only=True)
class HostStep:
    """One name of the target: what it has, and what it gets; None: nothing."""

    name: str
    before: Host | None
    after: Host | None


Steps = tuple[HostStep, ...]


def diff(states: States[Hosts], max_removals: int) -> JobPlan[Steps]:
    """What makes the target's names the source's. More than ``max_removals`` removals need a word of their own."""
    names = sorted({host.name for side in (states.source, states.target) for host in side.hosts})
    steps = [
        HostStep(name=name, before=states.target.get(name), after=states.source.get(name))
        for name in names
        if states.target.get(name) != states.source.get(name)
    ]
    return plan_of(tuple(steps), tuple(_change(step, states.known) for step in steps), max_removals)


def narrow(plan: JobPlan[Steps], refused: frozenset[str], max_removals: int) -> JobPlan[Steps]:
    """The plan without the refused names; none of them depends on another."""
    steps = tuple(step for step in plan.data if _shown(step.name) not in refused)
    return plan_of(steps, tuple(change for change in plan.changes if change.item not in refused), max_removals)


def agree(states: States[Hosts], left: frozenset[str]) -> Hosts:
    """What both have in common: the source's names, and of those ``left`` as they were what the base has."""
    found, base = states.source, states.base or Hosts()
    for name in {host.name for side in (states.source, states.target, base) for host in side.hosts}:
        if _shown(name) in left:
            found = found.replacing(name, base.get(name))
    return found


def plan_of(steps: Steps, changes: tuple[Change, ...], max_removals: int) -> JobPlan[Steps]:
    """A plan, with what a person must be warned of."""
    removals = sum(1 for change in changes if change.action is Action.REMOVE)
    findings: tuple[Finding, ...] = ()
    if removals > max_removals:
        message = f"{human_count(removals, 'name')} would be removed from /etc/hosts, unusually many"
        hint = "see them with --dry-run; if it is right, add --allow mass-deletion"
        findings = (
            Finding(severity=Severity.BLOCKING, machine="", message=message, hint=hint, gate=Gate.MASS_DELETION),
        )
    return JobPlan(data=steps, changes=changes, findings=findings)


def _change(step: HostStep, known: tuple[Hosts, ...]) -> Change:
    if step.before is None:
        action = Action.ADD
    elif step.after is None:
        action = Action.REMOVE
    else:
        action = Action.CHANGE
    # What the target has and no sync gave it is its own, and must not be lost. Without a base nobody can tell.
    own = bool(known) and all(step.before != hosts.get(step.name) for hosts in known)
    return Change(
        item=_shown(step.name),
        action=action,
        before=_words(step.before),
        after=_words(step.after),
        why="" if step.before is None or step.after is None else "another address or alias",
        conflict="changed there since both last agreed" if own else "",
    )


def _words(host: Host | None) -> str:
    return "" if host is None else "; ".join(_shown(line) for line in host.lines)


def _shown(text: str) -> str:
    return escape(text.encode())
