"""Comparing the notes of two machines."""

from __future__ import annotations

import attrs

from pcswitcher.jobs.api import Action, Change, JobPlan, States, escape
from pcswitcher.jobs.dummies.state import Note

NOTE = "note"
"""The item that is synced."""
PRACTICE = "practice"
"""The item that leaves no trace: taking the time."""


@attrs.frozen(kw_only=True)
class Planned:
    """What an apply does."""

    practice: bool
    """Whether it takes its time."""
    note: Note | None
    """What the target gets as its note; None: its note stays as it is."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.practice and self.note is None


NOTHING = Planned(practice=False, note=None)


def diff(states: States[Note], practice: str) -> JobPlan[Planned]:
    """What makes the target's note the source's. ``practice`` tells what is done at every run; empty: nothing is."""
    changes: list[Change] = []
    differs = states.source != states.target
    if differs:
        changes.append(_note_change(states))
    if practice:
        changes.append(Change(item=PRACTICE, action=Action.ADD, after=practice, why="it is repeated at every sync"))
    planned = Planned(practice=bool(changes), note=states.source if differs else None)
    return JobPlan(data=planned, changes=tuple(changes))


def narrow(plan: JobPlan[Planned], refused: frozenset[str]) -> JobPlan[Planned]:
    """What is left of a plan when ``refused`` items stay as they are; a note is not carried without taking time."""
    left = tuple(change for change in plan.changes if change.item not in refused)
    if not left:
        return JobPlan(data=NOTHING, problems=plan.problems, findings=plan.findings)
    note = plan.data.note if any(change.item == NOTE for change in left) else None
    return attrs.evolve(plan, data=Planned(practice=True, note=note), changes=left)


def _note_change(states: States[Note]) -> Change:
    before, after = states.target.text, states.source.text
    if before is None:
        action = Action.ADD
    elif after is None:
        action = Action.REMOVE
    else:
        action = Action.CHANGE
    own = bool(states.known) and states.target not in states.known
    return Change(
        item=NOTE,
        action=action,
        before=_shown(before),
        after=_shown(after),
        why="another text",
        size=len((after or "").encode()),
        conflict="changed there since both last agreed" if own else "",
    )


def _shown(text: str | None) -> str:
    return "" if text is None else f"“{escape(text.encode())}”"
