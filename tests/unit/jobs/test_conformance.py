"""The suite for jobs finds what it is there to find: each job below breaks one law, and that law's test fails."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
import pytest

from pcswitcher.jobs.api import (
    Change,
    Context,
    Details,
    Explanation,
    Finding,
    JobPlan,
    JobReport,
    Level,
    Machine,
    Outcome,
    PcSwitcherError,
    Severity,
    Side,
    States,
    World,
    exposed,
)
from pcswitcher.jobs.conformance import JobConformance, really
from pcswitcher.jobs.conformance import laws_of_interruption as interruption
from pcswitcher.jobs.dummies.diff import NOTHING, Planned
from pcswitcher.jobs.dummies.job import DummySuccess
from pcswitcher.jobs.dummies.settings import DummySettings
from pcswitcher.jobs.dummies.state import Note, note_path

pytestmark = pytest.mark.slow

SETTINGS = DummySettings(source_seconds=0, target_seconds=0, repeat=False)


class Good(DummySuccess):
    """A job as it shall be; the others break one thing each."""


class Nameless(Good):
    title = ""


class Alarmed(Good):
    async def check(self, world: World) -> tuple[Finding, ...]:
        return (Finding(severity=Severity.BLOCKING, machine="vega", message="all is lost"),)


class Contrary(Good):
    async def capture_both(self, world: World) -> tuple[Note, Note]:
        return Note("one"), Note("one")


class Escaping(Good):
    """Has a state that no snapshot holds."""

    applied = 0

    async def capture(self, side: Side, world: World) -> Note:
        note = await super().capture(side, world)
        return Note(f"{note.text}{self.applied}")

    async def apply(self, world: World, plan: JobPlan[Planned]) -> JobReport:
        self.applied += 1
        return await super().apply(world, plan)


class Restless(Good):
    captures = 0

    async def capture(self, side: Side, world: World) -> Note:
        self.captures += 1
        return Note(str(self.captures))


class Onesided(Good):
    async def capture_both(self, world: World) -> tuple[Note, Note]:
        note = await self.capture(world.source, world)
        return note, note


class Trampling(Good):
    async def capture(self, side: Side, world: World) -> Note:
        await side.machine.call(scribble, side.directory(self.home) + b"/trodden", "x")
        return await super().capture(side, world)


class Credulous(Good):
    def decode_state(self, version: int, data: bytes) -> Note:
        return super().decode_state(self.state_version, data)


class Unstable(Good):
    encoded = 0

    def encode_state(self, state: Note) -> bytes:
        self.encoded += 1
        return super().encode_state(state) + b" " * self.encoded


class Forgetful(Good):
    def state_digest(self, state: Note) -> str:
        return "0" * 64


class Remembering(Good):
    diffs = 0

    def diff(self, states: States[Note]) -> JobPlan[Planned]:
        self.diffs += 1
        plan = super().diff(states)
        return attrs.evolve(plan, changes=tuple(attrs.evolve(each, why=str(self.diffs)) for each in plan.changes))


class Busy(Good):
    def diff(self, states: States[Note]) -> JobPlan[Planned]:
        plan = super().diff(states)
        return plan if plan.changes else super().diff(attrs.evolve(states, source=Note("else")))


class Careless(Good):
    def diff(self, states: States[Note]) -> JobPlan[Planned]:
        return super().diff(attrs.evolve(states, base=None))


class Anxious(Good):
    def diff(self, states: States[Note]) -> JobPlan[Planned]:
        plan = super().diff(states)
        return attrs.evolve(plan, changes=tuple(attrs.evolve(each, conflict="who knows") for each in plan.changes))


class Suspicious(Good):
    def diff(self, states: States[Note]) -> JobPlan[Planned]:
        return super().diff(attrs.evolve(states, brought=()))


class Trusting(Good):
    """Takes whatever the target has for what was brought."""

    def diff(self, states: States[Note]) -> JobPlan[Planned]:
        return super().diff(attrs.evolve(states, brought=(states.target,)) if states.brought else states)


class Overwriting(Good):
    """Takes the target's own for what was agreed, though it was left alone: the next yes would overwrite it unasked."""

    def agree(self, states: States[Note], left: frozenset[str]) -> Note:
        return states.target if left else states.source


class Baseless(Good):
    def diff(self, states: States[Note]) -> JobPlan[Planned]:
        return super().diff(states) if states.base else JobPlan(data=NOTHING)


class Speaking(Good):
    def diff(self, states: States[Note]) -> JobPlan[Planned]:
        plan = super().diff(states)
        return attrs.evolve(plan, changes=tuple(attrs.evolve(each, why="\x1b[2J") for each in plan.changes))


class Stammering(Good):
    def diff(self, states: States[Note]) -> JobPlan[Planned]:
        plan = super().diff(states)
        return attrs.evolve(plan, changes=(*plan.changes, *plan.changes))


class Insistent(Good):
    def narrow(self, plan: JobPlan[Planned], refused: frozenset[str]) -> JobPlan[Planned]:
        return plan


class Pretending(Good):
    """Shows that an item is left out, and does it all the same."""

    def narrow(self, plan: JobPlan[Planned], refused: frozenset[str]) -> JobPlan[Planned]:
        return attrs.evolve(super().narrow(plan, refused), data=plan.data)


class Mute(Good):
    async def inspect(self, world: World, plan: JobPlan[Planned], change: Change) -> Details:
        raise LookupError(change.item)


class Overconfident(Good):
    async def gone(self, machine: Machine, items: Sequence[str]) -> frozenset[str]:
        return frozenset(items)


class Garbling(Good):
    def explain(self, item: str) -> Explanation | None:
        return Explanation(item, travels=True, words="it travels")


class Idle(Good):
    async def apply(self, world: World, plan: JobPlan[Planned]) -> JobReport:
        return JobReport(outcome=Outcome.DONE, items=len(plan.changes))


class Meddling(Good):
    async def apply(self, world: World, plan: JobPlan[Planned]) -> JobReport:
        await world.source.machine.call(scribble, world.source.directory(self.home) + b"/meddled", "x")
        return await super().apply(world, plan)


class Once(Good):
    done = False

    async def apply(self, world: World, plan: JobPlan[Planned]) -> JobReport:
        report = await super().apply(world, plan)
        if self.done:
            await world.target.machine.call(scribble, note_path(self.home, self.name), "twice")
        self.done = True
        return report


class Eager(Good):
    """Writes even when there is nothing to do."""

    async def apply(self, world: World, plan: JobPlan[Planned]) -> JobReport:
        await world.target.machine.call(scribble, self.home + b"/eager", "x")
        return await super().apply(world, plan)


class Blind(Good):
    async def verify(self, world: World, plan: JobPlan[Planned], report: JobReport) -> tuple[str, ...]:
        return ()


class Sullen(Good):
    async def verify(self, world: World, plan: JobPlan[Planned], report: JobReport) -> tuple[str, ...]:
        return ("nothing is right",)


class Anonymous(Good):
    async def apply(self, world: World, plan: JobPlan[Planned]) -> JobReport:
        world.log("", Level.INFO, world.target.machine.name, "who said that?")
        return await super().apply(world, plan)


class Boasting(Good):
    async def apply(self, world: World, plan: JobPlan[Planned]) -> JobReport:
        world.progress(self.name, world.target.machine.name, 3, 2, "items")
        return await super().apply(world, plan)


class Halving(Good):
    """Writes half of it first: a stop or a crash then leaves what is neither old nor new."""

    async def apply(self, world: World, plan: JobPlan[Planned]) -> JobReport:
        await world.target.machine.call(scribble, note_path(self.home, self.name), "of")
        return await super().apply(world, plan)


class Littering(Good):
    async def apply(self, world: World, plan: JobPlan[Planned]) -> JobReport:
        if plan.data.empty:
            return await super().apply(world, plan)
        place = self.home + b"/temporary"
        await world.target.machine.call(scribble, place, "x")
        report = await super().apply(world, plan)
        await world.target.machine.run(["rm", place])
        return report


class Tidy(Littering):
    """The same is well, when its clean_up removes it."""

    async def clean_up(self, machine: Machine) -> None:
        await machine.run(["rm", "-f", self.home + b"/temporary"])


class Unrepeatable(Good):
    """Marks what it did, and cannot do it when it is marked."""

    async def apply(self, world: World, plan: JobPlan[Planned]) -> JobReport:
        mark = self.home + b"/mark"
        await world.target.machine.call(make_mark, mark)
        report = await super().apply(world, plan)
        await world.target.machine.run(["rm", mark])
        return report

    async def clean_up(self, machine: Machine) -> None:
        """Forgets one that was made without an answer."""


class Deaf(Good):
    async def apply(self, world: World, plan: JobPlan[Planned]) -> JobReport:
        try:
            return await super().apply(world, plan)
        except asyncio.CancelledError:
            await asyncio.sleep(60)
            raise


class Lying(Good):
    async def apply(self, world: World, plan: JobPlan[Planned]) -> JobReport:
        try:
            return await super().apply(world, plan)
        except (asyncio.CancelledError, PcSwitcherError):
            return JobReport(outcome=Outcome.DONE, items=1)


class Breaking(Good):
    """Answers a lost connection with a mistake of its own."""

    async def apply(self, world: World, plan: JobPlan[Planned]) -> JobReport:
        try:
            return await super().apply(world, plan)
        except PcSwitcherError as error:
            raise LookupError("which machine?") from error


@exposed
def scribble(context: Context, path: bytes, text: str) -> None:
    """Write carelessly."""
    Path(os.fsdecode(path)).parent.mkdir(parents=True, exist_ok=True)
    Path(os.fsdecode(path)).write_text(text)


@exposed
def make_mark(context: Context, path: bytes) -> None:
    """Make a file that must not be there yet."""
    with open(path, "xb"):
        pass


BROKEN = [
    (Nameless, "test_it_declares_itself"),
    (Alarmed, "test_its_check_finds_nothing_where_all_is_well"),
    (Contrary, "test_each_machine_alone_is_captured_as_both_are"),
    (Escaping, "test_a_rollback_gives_back_the_captured_state"),
    (Restless, "test_capturing_twice_gives_the_same"),
    (Onesided, "test_a_state_is_kept_as_bytes_and_read_again"),
    (Trampling, "test_looking_changes_nothing"),
    (Credulous, "test_a_state_it_cannot_read_is_refused"),
    (Unstable, "test_capturing_twice_gives_the_same"),
    (Unstable, "test_a_state_is_kept_as_bytes_and_read_again"),
    (Forgetful, "test_a_state_is_kept_as_bytes_and_read_again"),
    (Remembering, "test_comparing_is_pure"),
    (Busy, "test_equal_machines_need_nothing"),
    (Careless, "test_a_change_of_the_target_alone_is_a_conflict"),
    (Careless, "test_other_changes_of_both_are_conflicts_and_equal_ones_need_nothing"),
    (Anxious, "test_a_change_of_the_source_alone_is_no_conflict"),
    (Suspicious, "test_what_a_run_brought_is_no_edit_of_the_target"),
    (Trusting, "test_what_a_run_brought_is_no_edit_of_the_target"),
    (Overwriting, "test_what_was_left_alone_is_still_the_targets_own"),
    (Baseless, "test_without_a_base_the_same_items_differ"),
    (Speaking, "test_a_plan_speaks_of_each_item_once_and_safely"),
    (Stammering, "test_a_plan_speaks_of_each_item_once_and_safely"),
    (Insistent, "test_narrowing_leaves_out_what_is_refused_and_adds_nothing"),
    (Pretending, "test_a_refused_item_is_left_alone_and_asked_about_again"),
    (Pretending, "test_a_plan_of_nothing_changes_nothing"),
    (Eager, "test_a_plan_of_nothing_changes_nothing"),
    (Mute, "test_every_change_can_be_looked_at_and_explained"),
    (Overconfident, "test_every_change_can_be_looked_at_and_explained"),
    (Garbling, "test_every_change_can_be_looked_at_and_explained"),
    (Idle, "test_what_was_applied_needs_nothing_more"),
    (Idle, "test_the_first_sync_and_one_with_conflicts_are_applied_too"),
    (Sullen, "test_what_was_applied_needs_nothing_more"),
    (Meddling, "test_the_source_is_never_touched"),
    (Once, "test_what_was_applied_may_be_applied_again"),
    (Blind, "test_verify_finds_what_is_not_as_planned"),
    (Anonymous, "test_its_events_name_it_and_a_machine"),
    (Boasting, "test_its_events_name_it_and_a_machine"),
    (Halving, "test_a_stopped_apply_can_be_repeated"),
    (Halving, "test_an_apply_whose_target_vanished_can_be_repeated"),
    (Littering, "test_a_stopped_apply_can_be_repeated"),
    (Deaf, "test_a_stopped_apply_can_be_repeated"),
    (Unrepeatable, "test_an_apply_that_lost_an_answer_can_be_repeated"),
    (Lying, "test_an_apply_whose_target_vanished_can_be_repeated"),
    (Breaking, "test_an_apply_whose_source_vanished_can_be_repeated"),
]


def subject_of(kind: type[Good]) -> JobConformance[DummySettings, Note, Planned]:
    """The suite for a kind of job."""

    class Subject(JobConformance[DummySettings, Note, Planned]):
        programs = {"sleep": really, "rm": really}  # noqa: RUF012

        def make_job(self, root: bytes) -> Good:
            job = kind(SETTINGS)
            job.home = root + job.home
            return job

        def fill(self, root: Path) -> None:
            self.edit(root, "nobody")

        def edit(self, root: Path, word: str) -> None:
            path = Path(os.fsdecode(note_path(os.fsencode(root) + b"/root", Good.name)))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"of {word}\n")

    return Subject()


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time is spent on what hangs."""
    monkeypatch.setattr(interruption, "PATIENCE", 1.0)


@pytest.mark.parametrize(("kind", "law"), BROKEN, ids=[f"{kind.__name__} breaks {law[5:]}" for kind, law in BROKEN])
def test_a_job_that_breaks_a_law_is_found(kind: type[Good], law: str, tmp_path: Path) -> None:
    """Design §4, faults row 6: one suite runs against every job, and each of its laws can fail."""
    test: Callable[[Path], None] = getattr(subject_of(kind), law)
    with pytest.raises((AssertionError, LookupError, PcSwitcherError)):
        test(tmp_path)


LAWS = sorted(name for name in dir(JobConformance) if name.startswith("test_"))


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("kind", [Good, Tidy])
def test_a_good_job_passes(kind: type[Good], law: str, tmp_path: Path) -> None:
    """What fails above fails for the one thing that is broken."""
    test: Callable[[Path], None] = getattr(subject_of(kind), law)
    test(tmp_path)


def test_every_law_was_broken_by_somebody() -> None:
    """A law that no broken job fails may test nothing."""
    assert {law for _, law in BROKEN} == set(LAWS)
