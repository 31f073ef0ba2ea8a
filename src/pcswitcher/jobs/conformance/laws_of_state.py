"""Laws about what a job says of itself, and about its captured state."""

from __future__ import annotations

import re
from pathlib import Path

import attrs

from pcswitcher.jobs.api import FormatError, Job, JobSettings, Severity, States
from pcswitcher.jobs.conformance.bench import SOURCE
from pcswitcher.jobs.conformance.subject import D, S, Scene, Subject, T, fingerprint, is_safe


class StateLaws(Subject[S, T, D]):
    """Laws of ``check``, ``capture``, ``encode_state``, ``decode_state`` and ``state_digest``."""

    def test_it_declares_itself(self, tmp_path: Path) -> None:
        """Name, title, needs, settings with defaults and words for each, and absolute trees (J1)."""
        job = self.make_job(str(tmp_path).encode())
        assert isinstance(job, Job)
        assert re.fullmatch(r"[a-z][a-z0-9_]*", job.name), f"{job.name!r} is no name to type"
        assert job.title.strip()
        assert is_safe(job.title)
        assert job.name not in job.needs, "a job does not need itself"
        assert issubclass(job.settings_type, JobSettings)
        assert isinstance(job.settings, job.settings_type)
        assert job.settings_type() == job.settings_type(), "settings have defaults, and are compared by value"
        for field in attrs.fields(job.settings_type):
            assert field.metadata.get("help"), f"the setting {field.name} has no words that explain it"
        assert job.trees()
        for tree in job.trees():
            assert tree.startswith(b"/"), "trees are absolute paths"
            assert not tree.endswith(b"/"), "trees have no / at their end"

    def test_its_check_finds_nothing_where_all_is_well(self, tmp_path: Path) -> None:
        """Findings that block are for what stands in the way (J3)."""

        async def law(scene: Scene[S, T, D]) -> None:
            findings = await scene.job.check(await scene.bench.world(scene.job))
            assert not [finding for finding in findings if finding.severity is Severity.BLOCKING], findings

        self.on_scene(tmp_path / "bench", law)

    def test_capturing_twice_gives_the_same(self, tmp_path: Path) -> None:
        """In one run's snapshots, and in later ones of machines that were left alone."""

        async def law(scene: Scene[S, T, D]) -> None:
            job = scene.job
            world, first = await scene.bench.states(job)
            again = await job.capture_both(world)
            assert job.encode_state(again[0]) == job.encode_state(first.source)
            assert job.encode_state(again[1]) == job.encode_state(first.target)
            later = await job.capture_both(await scene.bench.world(job))
            self.assert_equal(job, later[0], first.source)
            self.assert_equal(job, later[1], first.target)

        self.on_scene(tmp_path / "bench", law)

    def test_each_machine_alone_is_captured_as_both_are(self, tmp_path: Path) -> None:
        """``capture_both`` is ``capture`` of each: equal machines give equal states."""

        async def law(scene: Scene[S, T, D]) -> None:
            job = scene.job
            world, both = await scene.bench.states(job)
            assert isinstance(both.source, job.state_type)
            assert job.encode_state(await job.capture(world.source, world)) == job.encode_state(both.source)
            assert job.encode_state(await job.capture(world.target, world)) == job.encode_state(both.target)
            self.assert_equal(job, both.source, both.target)

        self.on_scene(tmp_path / "bench", law)

    def test_a_state_is_kept_as_bytes_and_read_again(self, tmp_path: Path) -> None:
        """As the base is, and as the digest binds a plan to it."""

        async def law(scene: Scene[S, T, D]) -> None:
            job = scene.job
            self.edit(scene.bench.source, SOURCE)
            _, states = await scene.bench.states(job)
            for state in (states.source, states.target):
                data = job.encode_state(state)
                read = job.decode_state(job.state_version, data)
                assert job.encode_state(read) == data
                assert job.state_digest(read) == job.state_digest(state)
            assert job.state_digest(states.source) != job.state_digest(states.target), "another state, the same digest"
            fresh = self.make_job(str(scene.bench.target).encode())
            plan = job.diff(states)
            again = fresh.diff(
                States(
                    source=fresh.decode_state(job.state_version, job.encode_state(states.source)),
                    target=fresh.decode_state(job.state_version, job.encode_state(states.target)),
                )
            )
            assert list(again.changes) == list(plan.changes), "a state that was kept gives another plan"

        self.on_scene(tmp_path / "bench", law)

    def test_a_state_it_cannot_read_is_refused(self, tmp_path: Path) -> None:
        """Of a version nobody knows yet, damaged, or cut short: FormatError, never a state that is none."""

        async def law(scene: Scene[S, T, D]) -> None:
            job = scene.job
            _, states = await scene.bench.states(job)
            data = job.encode_state(states.source)
            for version, wrong in (
                (job.state_version + 1, data),
                (0, data),
                (job.state_version, b""),
                (job.state_version, b"\x00no state"),
                (job.state_version, data[: len(data) // 2]),
            ):
                try:
                    read = job.decode_state(version, wrong)
                except FormatError:
                    continue
                raise AssertionError(f"version {version}, {wrong[:40]!r} was read as {str(read)[:80]}")

        self.on_scene(tmp_path / "bench", law)

    def test_looking_changes_nothing(self, tmp_path: Path) -> None:
        """Check, capture, diff and inspect read only, on both machines and in the snapshots."""

        async def law(scene: Scene[S, T, D]) -> None:
            self.edit(scene.bench.source, SOURCE)
            world = await scene.bench.world(scene.job)
            before = fingerprint(tmp_path / "bench")
            await scene.job.check(world)
            source, target = await scene.job.capture_both(world)
            plan = scene.job.diff(States(source=source, target=target, base=scene.base))
            for change in plan.changes:
                await scene.job.inspect(world, plan, change)
            assert fingerprint(tmp_path / "bench") == before

        self.on_scene(tmp_path / "bench", law)
