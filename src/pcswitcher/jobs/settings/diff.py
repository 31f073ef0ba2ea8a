"""Comparing the settings files of two machines."""

from __future__ import annotations

import difflib

import attrs

from pcswitcher.jobs.api import Action, Change, JobPlan, States
from pcswitcher.jobs.settings.state import ITEM, Kind, SettingsFile
from pcswitcher.model.text import printable


@attrs.frozen(kw_only=True)
class Move:
    """What an apply does: the target's file, as it was captured, becomes the source's."""

    before: SettingsFile
    after: SettingsFile


Planned = Move | None
"""None: nothing is to be done."""


def diff(states: States[SettingsFile]) -> JobPlan[Planned]:
    """What makes the target's settings file the source's."""
    here, there = states.source, states.target
    if here.kind is Kind.UNREADABLE or there.kind is Kind.UNREADABLE:
        reasons = [file.content for file in (here, there) if file.kind is Kind.UNREADABLE]
        return JobPlan(data=None, problems=tuple(f"{ITEM} is not carried: {reason}" for reason in reasons))
    nothing_to_carry = here.kind is Kind.ELSEWHERE or (here.kind, there.kind) == (Kind.ABSENT, Kind.ELSEWHERE)
    if here == there or nothing_to_carry:
        return JobPlan(data=None)
    own = bool(states.known) and there not in states.known
    change = Change(
        item=ITEM,
        action=_action(here, there),
        before=there.words,
        after=here.words,
        why="other settings" if here.content and there.content else "",
        size=len(here.content.encode()),
        conflict="changed there since both last agreed" if own else "",
    )
    return JobPlan(data=Move(before=there, after=here), changes=(change,))


def narrow(plan: JobPlan[Planned], refused: frozenset[str]) -> JobPlan[Planned]:
    """What is left of a plan when ``refused`` items stay as they are."""
    if plan.data is None or ITEM not in refused:
        return plan
    return attrs.evolve(plan, data=None, changes=())


def difference(move: Move, source: str, target: str) -> tuple[str, ...]:
    """A unified diff from the target's text to the source's, each line safe for a terminal. Names are hostnames."""
    before, after = _lines(move.before), _lines(move.after)
    lines = difflib.unified_diff(before, after, f"{ITEM} on {target}", f"{ITEM} on {source}", lineterm="")
    return tuple(map(printable, lines))


def _action(here: SettingsFile, there: SettingsFile) -> Action:
    if there.kind is Kind.ABSENT:
        return Action.ADD
    return Action.REMOVE if here.kind is Kind.ABSENT else Action.CHANGE


def _lines(file: SettingsFile) -> list[str]:
    return file.content.split("\n") if file.kind is Kind.TEXT else []
