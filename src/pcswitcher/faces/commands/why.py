"""`pc-switcher why ITEM`: what decides whether something travels, a mark or a rule."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import attrs
from cyclopts import Parameter

from pcswitcher.faces.commands.agents import agent
from pcswitcher.faces.commands.mark import all_jobs
from pcswitcher.faces.commands.output import print_json
from pcswitcher.model.errors import ConnectError, UsageError
from pcswitcher.model.text import printable
from pcswitcher.run.marks import MARKS_FILE, Mark, MarkIndex, load_marks, read_marks_of
from pcswitcher.run.paths import STATE_DIRECTORY


@attrs.frozen(kw_only=True)
class Answer:
    """Whether an item travels, in words why, and the mark that decides, when one does."""

    item: str
    travels: bool
    words: str
    mark: Mark | None = None


def why(item: str, /, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Tell whether ITEM travels to the other PC, and which rule or mark says so.

    Parameters
    ----------
    item
        Any path, on this PC or not.
    json
        Print a JSON object.
    """
    explained = {job.name: found for job in all_jobs() if (found := job.explain(item)) is not None}
    marks = _marks_here()
    answers = [
        _answer(found.item, found.words, _find(marks, name, found.item), travels=found.travels)
        for name, found in explained.items()
    ]
    # Items that no job can tell from their name are known by their marks.
    others = sorted({mark.job for mark in marks} - explained.keys())
    answers += [_answer(item, "", mark, travels=False) for name in others if (mark := _find(marks, name, item))]
    if not answers:
        raise UsageError(f"no job takes care of {printable(item)}", "give an absolute path below a synced tree")
    for answer in answers:
        if json:
            print_json("explanation", answer)
        else:
            sys.stdout.write(answer.words + "\n")


def mark_words(mark: Mark) -> str:
    """What a mark means, since when, by whom, why, and how it ends."""
    since = f"since {mark.since.astimezone():%Y-%m-%d}, by {mark.user}" + (f": {mark.reason}" if mark.reason else "")
    return printable(
        f"machine-specific: this PC keeps its own and does not send it, by the mark {mark.pattern} ({since}); "
        f"to end that: pc-switcher unmark '{mark.pattern}'"
    )


def _answer(item: str, words: str, mark: Mark | None, *, travels: bool) -> Answer:
    if mark is None:
        return Answer(item=item, travels=travels, words=words)
    rule = f"\nwithout the mark: {words}" if words else ""
    return Answer(item=item, travels=False, words=f"{printable(item)}: {mark_words(mark)}{rule}", mark=mark)


def _find(marks: Sequence[Mark], job: str, item: str) -> Mark | None:
    return MarkIndex(mark for mark in marks if mark.job == job).find(item)


def _marks_here() -> tuple[Mark, ...]:
    """The marks of this PC. Only root reads them; when nobody may be asked for a password, that is said."""
    if os.geteuid() == 0 or not os.path.lexists(f"{STATE_DIRECTORY}/{MARKS_FILE}"):
        return load_marks(STATE_DIRECTORY).marks
    try:
        return asyncio.run(_read())
    except ConnectError as error:
        sys.stderr.write(f"whether it is marked as machine-specific is not known: {printable(error.message)}\n")
        return ()


async def _read() -> tuple[Mark, ...]:
    async with agent(None) as machine:
        return (await read_marks_of(machine)).marks
