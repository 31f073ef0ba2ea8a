"""Laws about doing: apply, verify, and going back."""

from __future__ import annotations

from pathlib import Path

from pcswitcher.jobs.api import JobPlan, Outcome, World
from pcswitcher.jobs.conformance.bench import SOURCE, TARGET
from pcswitcher.jobs.conformance.subject import D, S, Scene, Subject, T, fingerprint, items
from pcswitcher.model.events import JobStarted, LogLine, Progress


class ApplyLaws(Subject[S, T, D]):
    """Laws of ``apply`` and ``verify``."""

    def test_what_was_applied_needs_nothing_more(self, tmp_path: Path) -> None:
        """Every item is as planned, verify finds nothing, the next plan is empty, and so is one with the new base."""

        async def law(scene: Scene[S, T, D], world: World, plan: JobPlan[D]) -> None:
            report = await scene.job.apply(world, plan)
            assert report.outcome is Outcome.DONE, report
            assert not report.failures
            assert not report.failed
            assert await scene.job.verify(world, plan, report) == ()
            _, states = await scene.bench.states(scene.job)
            _, again = await scene.bench.plan(scene.job, states.source)
            assert not items(again), f"{sorted(items(again))} after all was applied"
            self.assert_equal(scene.job, states.source, states.target)

        self.on_edited(tmp_path / "bench", law)

    def test_the_source_is_never_touched(self, tmp_path: Path) -> None:
        """Nor are the snapshots, of either machine (promise 1)."""

        async def law(scene: Scene[S, T, D], world: World, plan: JobPlan[D]) -> None:
            places = (scene.bench.source, tmp_path / "bench" / "snapshots")
            before = [fingerprint(place) for place in places]
            report = await scene.job.apply(world, plan)
            await scene.job.verify(world, plan, report)
            assert [fingerprint(place) for place in places] == before

        self.on_edited(tmp_path / "bench", law)

    def test_the_first_sync_and_one_with_conflicts_are_applied_too(self, tmp_path: Path) -> None:
        """A plan is a plan: with no base, and when the target's own edits are given up."""

        async def law(scene: Scene[S, T, D]) -> None:
            for base in (None, scene.base):
                self.edit(scene.bench.source, SOURCE if base else "first")
                self.edit_target(scene)
                world, plan = await scene.bench.plan(scene.job, base)
                assert (await scene.job.apply(world, plan)).outcome is Outcome.DONE
                _, again = await scene.bench.plan(scene.job)
                assert not items(again)

        self.on_scene(tmp_path / "bench", law)

    def test_what_was_applied_may_be_applied_again(self, tmp_path: Path) -> None:
        """The same plan twice does no harm: nothing needs doing afterwards."""

        async def law(scene: Scene[S, T, D], world: World, plan: JobPlan[D]) -> None:
            await scene.job.apply(world, plan)
            await scene.job.apply(world, plan)
            _, again = await scene.bench.plan(scene.job)
            assert not items(again)

        self.on_edited(tmp_path / "bench", law)

    def test_a_refused_item_is_left_alone_and_asked_about_again(self, tmp_path: Path) -> None:
        """It stands in the next plan, with all that was left out with it, and nothing else does."""

        async def law(scene: Scene[S, T, D], world: World, plan: JobPlan[D]) -> None:
            for item in sorted(items(plan)):
                narrowed = scene.job.narrow(plan, frozenset({item}))
                report = await scene.job.apply(world, narrowed)
                assert report.outcome is Outcome.DONE, report
                assert await scene.job.verify(world, narrowed, report) == ()
                _, again = await scene.bench.plan(scene.job, scene.base)
                assert items(again) == items(plan) - items(narrowed), f"{item} was refused"
                await scene.bench.restore_target(world)

        self.on_edited(tmp_path / "bench", law)

    def test_a_plan_of_nothing_changes_nothing(self, tmp_path: Path) -> None:
        """When all items are refused, not a byte on the target is written."""

        async def law(scene: Scene[S, T, D], world: World, plan: JobPlan[D]) -> None:
            before = fingerprint(scene.bench.target)
            nothing = scene.job.narrow(plan, frozenset(items(plan)))
            report = await scene.job.apply(world, nothing)
            assert report.outcome in {Outcome.DONE, Outcome.SKIPPED}
            assert report.items == 0
            assert await scene.job.verify(world, nothing, report) == ()
            assert fingerprint(scene.bench.target) == before

        self.on_edited(tmp_path / "bench", law)

    def test_verify_finds_what_is_not_as_planned(self, tmp_path: Path) -> None:
        """It reads back: what somebody changed since is found, and what was never applied."""

        async def law(scene: Scene[S, T, D], world: World, plan: JobPlan[D]) -> None:
            report = await scene.job.apply(world, plan)
            self.edit(scene.bench.target, "somebody")
            assert await scene.job.verify(world, plan, report), "what was changed since is not found"
            await scene.bench.restore_target(world)
            assert await scene.job.verify(world, plan, report), "what was never applied is not found"

        self.on_edited(tmp_path / "bench", law)

    def test_a_rollback_gives_back_the_captured_state(self, tmp_path: Path) -> None:
        """All that the job changes lies in its trees: their snapshots undo it."""

        async def law(scene: Scene[S, T, D], world: World, plan: JobPlan[D]) -> None:
            _, before = await scene.job.capture_both(world)
            await scene.job.apply(world, plan)
            await scene.bench.restore_target(world)
            _, states = await scene.bench.states(scene.job)
            self.assert_equal(scene.job, states.target, before)
            _, again = await scene.bench.plan(scene.job, scene.base)
            assert items(again) == items(plan)

        self.on_edited(tmp_path / "bench", law)

    def test_its_events_name_it_and_a_machine(self, tmp_path: Path) -> None:
        """What it logs and how far it is reaches people under its own name (J4)."""

        async def law(scene: Scene[S, T, D], world: World, plan: JobPlan[D]) -> None:
            await scene.job.apply(world, plan)
            for event in scene.bench.events:
                assert not isinstance(event, JobStarted), "the run tells when a job starts"
                if isinstance(event, LogLine | Progress):
                    assert event.job == scene.job.name
                    assert event.machine in {SOURCE, TARGET}
                if isinstance(event, Progress):
                    assert event.done >= 0
                    assert event.total == 0 or event.done <= event.total, f"{event}: more than all"

        self.on_edited(tmp_path / "bench", law)
