"""Laws about comparing: diff, narrow, and what a plan says to people."""

from __future__ import annotations

from pathlib import Path

import attrs

from pcswitcher.jobs.api import Action, JobPlan, States, World
from pcswitcher.jobs.conformance.bench import SOURCE, TARGET
from pcswitcher.jobs.conformance.subject import D, S, Scene, Subject, T, is_safe, items


class PlanLaws(Subject[S, T, D]):
    """Laws of ``diff``, ``narrow``, ``inspect``, ``explain`` and ``gone``."""

    def test_equal_machines_need_nothing(self, tmp_path: Path) -> None:
        """With and without a base, and whatever the base was."""

        async def law(scene: Scene[S, T, D]) -> None:
            job = scene.job
            _, states = await scene.bench.states(job)
            self.edit(scene.bench.source, "else")
            _, others = await scene.bench.states(job)
            for base in (None, scene.base, others.source):
                plan = job.diff(States(source=states.source, target=states.target, base=base))
                assert not items(plan), f"{sorted(items(plan))} of equal machines"
                assert not plan.problems

        self.on_scene(tmp_path / "bench", law)

    def test_comparing_is_pure(self, tmp_path: Path) -> None:
        """The same states give the same plan, from this job or a new one, and are not changed by it."""

        async def law(scene: Scene[S, T, D]) -> None:
            job = scene.job
            self.edit(scene.bench.source, SOURCE)
            self.edit_target(scene)
            _, states = await scene.bench.states(job, scene.base)
            before = [job.encode_state(state) for state in (states.source, states.target, scene.base)]
            first, second = job.diff(states), job.diff(states)
            other = self.make_job(str(scene.bench.target).encode()).diff(states)
            assert list(first.changes) == list(second.changes) == list(other.changes)
            assert first.problems == second.problems
            assert first.findings == second.findings
            assert [job.encode_state(state) for state in (states.source, states.target, scene.base)] == before

        self.on_scene(tmp_path / "bench", law)

    def test_a_plan_speaks_of_each_item_once_and_safely(self, tmp_path: Path) -> None:
        """Every text may be shown; what is new was not there before, what is removed is not there after."""

        async def law(scene: Scene[S, T, D], _: World, plan: JobPlan[D]) -> None:
            self.edit_target(scene)
            _, both = await scene.bench.plan(scene.job, scene.base)
            for found in (plan, both):
                assert len(found.changes) == len(items(found)), "an item stands twice in one plan"
                for change in found.changes:
                    words = (change.item, change.before, change.after, change.why, change.conflict)
                    assert change.item, f"{change} is about nothing"
                    assert all(map(is_safe, words)), f"{change} holds what no terminal may be given"
                    assert change.size >= 0
                    assert change.action is not Action.ADD or not change.before, f"{change}: new, and was there"
                    assert change.action is not Action.REMOVE or not change.after, f"{change}: removed, and is there"
                assert all(map(is_safe, found.problems))

        self.on_edited(tmp_path / "bench", law)

    def test_a_change_of_the_source_alone_is_no_conflict(self, tmp_path: Path) -> None:
        """The target has what both had in common: nothing of its own is lost."""

        async def law(_: Scene[S, T, D], __: World, plan: JobPlan[D]) -> None:
            assert not [change for change in plan.changes if change.conflict]

        self.on_edited(tmp_path / "bench", law)

    def test_a_change_of_the_target_alone_is_a_conflict(self, tmp_path: Path) -> None:
        """No edit there is lost in silence: with the base each is seen as the target's own."""

        async def law(scene: Scene[S, T, D]) -> None:
            self.edit_target(scene)
            _, plan = await scene.bench.plan(scene.job, scene.base)
            # One whose item is the same before and after follows from another: the times of a folder, say.
            edits = [change for change in plan.changes if change.before != change.after]
            assert edits, "the target's own edit is not seen"
            assert not [change for change in edits if not change.conflict], "the target's own edit is lost"

        self.on_scene(tmp_path / "bench", law)

    def test_other_changes_of_both_are_conflicts_and_equal_ones_need_nothing(self, tmp_path: Path) -> None:
        """An item that both changed differently is the target's own too."""

        async def law(scene: Scene[S, T, D], _: World, mine: JobPlan[D]) -> None:
            self.edit_target(scene)
            _, both = await scene.bench.plan(scene.job, scene.base)
            conflicts = {change.item for change in both.changes if change.conflict}
            assert conflicts & items(mine), "what both changed, each otherwise, is no conflict"

        async def equal(scene: Scene[S, T, D]) -> None:
            for root in (scene.bench.source, scene.bench.target):
                self.edit(root, "both")
            _, plan = await scene.bench.plan(scene.job, scene.base)
            # Times may differ where the same was done twice; its content does not.
            left = [change for change in plan.changes if change.action is not Action.METADATA and change.conflict == ""]
            assert not left, f"{left} though both did the same"

        self.on_edited(tmp_path / "other", law)
        self.on_scene(tmp_path / "equal", equal)

    def test_what_a_run_brought_is_no_edit_of_the_target(self, tmp_path: Path) -> None:
        """A run that was cut short left some of it there, and no new base; later edits are still the target's own."""

        async def law(scene: Scene[S, T, D], world: World, plan: JobPlan[D]) -> None:
            _, states = await scene.bench.states(scene.job)
            brought = (states.source,)
            await scene.job.apply(world, plan)
            self.edit(scene.bench.source, "later")
            _, states = await scene.bench.states(scene.job, scene.base)
            plan = scene.job.diff(attrs.evolve(states, brought=brought))
            assert not [change for change in plan.changes if change.conflict], "what was brought is called its own"
            self.edit_target(scene)
            _, states = await scene.bench.states(scene.job, scene.base)
            plan = scene.job.diff(attrs.evolve(states, brought=brought))
            assert [change for change in plan.changes if change.conflict], "the target's own edit is lost"

        self.on_edited(tmp_path / "bench", law)

    def test_what_was_left_alone_is_still_the_targets_own(self, tmp_path: Path) -> None:
        """The base that a run leaves: an edit that was skipped is asked about again, one that was taken is not."""

        async def law(scene: Scene[S, T, D], _: World, __: JobPlan[D]) -> None:
            job = scene.job
            self.edit_target(scene)
            _, states = await scene.bench.states(job, scene.base)
            plan = job.diff(states)
            own = {change.item for change in plan.changes if change.conflict}
            assert job.encode_state(job.agree(states, frozenset())) == job.encode_state(states.source)
            left = job.agree(states, frozenset(items(plan)))
            kept = job.decode_state(job.state_version, job.encode_state(left))
            again = job.diff(attrs.evolve(states, base=kept))
            assert {change.item for change in again.changes if change.conflict} == own, "an edit that was left is lost"
            first = job.agree(attrs.evolve(states, base=None), frozenset(items(plan)))
            again = job.diff(attrs.evolve(states, base=first))
            assert own <= {change.item for change in again.changes if change.conflict}, "it is lost after a first sync"

        self.on_edited(tmp_path / "bench", law)

    def test_without_a_base_the_same_items_differ(self, tmp_path: Path) -> None:
        """The base tells whose a difference is, not whether there is one."""

        async def law(scene: Scene[S, T, D], _: World, plan: JobPlan[D]) -> None:
            _, first = await scene.bench.plan(scene.job, None)
            assert items(first) == items(plan)

        self.on_edited(tmp_path / "bench", law)

    def test_narrowing_leaves_out_what_is_refused_and_adds_nothing(self, tmp_path: Path) -> None:
        """Nothing refused: the same plan. All refused: nothing. The plan itself stays as it is."""

        async def law(scene: Scene[S, T, D], _: World, plan: JobPlan[D]) -> None:
            job, before = scene.job, list(plan.changes)
            assert items(job.narrow(plan, frozenset())) == items(plan)
            assert not items(job.narrow(plan, frozenset(items(plan))))
            for item in sorted(items(plan)):
                left = job.narrow(plan, frozenset({item}))
                assert item not in items(left), f"{item} was refused and is still planned"
                assert items(left) < items(plan)
                assert items(job.narrow(left, frozenset({item}))) == items(left), "narrowing twice leaves out more"
            assert items(job.narrow(plan, frozenset({"an item of nobody"}))) == items(plan)
            assert list(plan.changes) == before

        self.on_edited(tmp_path / "bench", law)

    def test_every_change_can_be_looked_at_and_explained(self, tmp_path: Path) -> None:
        """``inspect``, ``explain`` and ``gone`` answer for every item, and for what is none."""

        async def law(scene: Scene[S, T, D], world: World, plan: JobPlan[D]) -> None:
            job = scene.job
            for change in plan.changes:
                details = await job.inspect(world, plan, change)
                rows = [word for row in details.rows for word in row]
                assert all(map(is_safe, (*rows, *details.difference, details.rule))), details
                job.explain(change.item)
                if change.action is not Action.ADD:
                    there = world.target.machine
                    assert not await job.gone(there, (change.item,)), f"{change.item} is on {TARGET}"
            for nothing in ("", "/", "an item of nobody", "\x1b[2J"):
                told = job.explain(nothing)
                assert told is None or is_safe(told.item + told.words)

        self.on_edited(tmp_path / "bench", law)
