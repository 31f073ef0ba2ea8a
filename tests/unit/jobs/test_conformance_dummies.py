"""The dummies hold to what every job holds to (J8, design §4, faults row 6)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar, TypeVar

import pytest

from pcswitcher.jobs.conformance import JobConformance, really
from pcswitcher.jobs.dummies.diff import Planned
from pcswitcher.jobs.dummies.job import Dummy, DummyCritical, DummyFailing, DummySuccess
from pcswitcher.jobs.dummies.settings import CriticalSettings, DummySettings, FailingSettings
from pcswitcher.jobs.dummies.state import Note, note_path

S = TypeVar("S", bound=DummySettings)


class DummyConformance(JobConformance[S, Note, Planned]):
    """A dummy that takes no time, and has something to do only when the notes differ."""

    programs = {"sleep": really}  # noqa: RUF012 - a ClassVar of its base
    job: ClassVar[str]

    def placed(self, job: Dummy[S], root: bytes) -> Dummy[S]:
        job.home = root + job.home
        return job

    def fill(self, root: Path) -> None:
        self.write(root, "the same\n")

    def edit(self, root: Path, word: str) -> None:
        self.write(root, f"of {word}\n")

    def write(self, root: Path, text: str) -> None:
        path = Path(os.fsdecode(note_path(os.fsencode(root) + b"/root", self.job)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


class TestDummySuccess(DummyConformance[DummySettings]):
    job = "dummy_success"

    def make_job(self, root: bytes) -> Dummy[DummySettings]:
        return self.placed(DummySuccess(DummySettings(source_seconds=0, target_seconds=0, repeat=False)), root)


@pytest.mark.slow
class TestDummyThatOnlyAppears(TestDummySuccess):
    """The source's note is new, the target's own one would be removed."""

    def fill(self, root: Path) -> None:
        (root / "root").mkdir()


@pytest.mark.slow
class TestDummyCritical(DummyConformance[CriticalSettings]):
    job = "dummy_critical"

    def make_job(self, root: bytes) -> Dummy[CriticalSettings]:
        return self.placed(DummyCritical(CriticalSettings(source_seconds=0, target_seconds=0, repeat=False)), root)


@pytest.mark.slow
class TestDummyFailing(DummyConformance[FailingSettings]):
    job = "dummy_failing"

    def make_job(self, root: bytes) -> Dummy[FailingSettings]:
        return self.placed(DummyFailing(FailingSettings(source_seconds=0, target_seconds=0, repeat=False)), root)


@pytest.mark.parametrize("kind", [DummySuccess, DummyCritical, DummyFailing])
def test_dummies_run_only_when_they_are_named(kind: type[Dummy[DummySettings]]) -> None:
    """J8: nobody meets one by accident."""
    assert not kind.settings_type().enabled
