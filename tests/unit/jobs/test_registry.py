"""Finding the installed jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import attrs
import pytest

from pcswitcher.jobs import registry
from pcswitcher.jobs.api import Job
from pcswitcher.jobs.registry import job_types, make_jobs, select_names
from pcswitcher.model.errors import SettingsError, UsageError
from pcswitcher.model.settings import JobSettings, Settings, setting


@attrs.frozen(kw_only=True)
class OwnSettings(JobSettings):
    """Settings of one of the jobs below."""

    size: int = setting(1, "How much.", least=1, most=9)


@attrs.frozen(kw_only=True)
class NeedySettings(JobSettings):
    """Settings that no file can leave out."""

    size: int


@attrs.frozen
class Point:
    """An entry point that loads a job, or whatever else stands at its place."""

    name: str
    needs: tuple[str, ...] = ()
    loads: object = None
    value: str = "somewhere:Job"

    def load(self) -> object:
        if isinstance(self.loads, Exception):
            raise self.loads
        return self.loads or kind(self.name, self.needs)


def kind(name: str, needs: tuple[str, ...] = (), settings: type[JobSettings] = JobSettings) -> object:
    """A class of a job that can be made, and does nothing."""
    body = {"name": name, "title": name.title(), "needs": needs, "settings_type": settings}
    made = type(name, (Job,), body)
    made.__abstractmethods__ = frozenset()
    return made


def install(monkeypatch: pytest.MonkeyPatch, *points: Point) -> None:
    monkeypatch.setattr(registry, "entry_points", lambda **_: points)


def settings_of(**jobs: JobSettings) -> Settings:
    return Settings(jobs=jobs)


def enabled(*names: str) -> Settings:
    return Settings(jobs={name: JobSettings() for name in names})


def order(*names: str) -> list[str]:
    return [job.name for job in make_jobs(names, enabled(*names))]


def test_every_installed_job_of_ours_can_be_made() -> None:
    """J1."""
    types = job_types()
    assert "files" in types
    settings = Settings(jobs={name: job.settings_type() for name, job in types.items()})
    assert sorted(job.name for job in make_jobs(tuple(types), settings)) == list(types)


def test_a_job_is_given_its_own_settings_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """J1."""
    install(monkeypatch, Point("own", loads=kind("own", settings=OwnSettings)), Point("plain"))
    settings = settings_of(own=OwnSettings(size=7), plain=JobSettings())
    made = {job.name: job.settings for job in make_jobs(("own", "plain"), settings)}
    assert made == {"own": OwnSettings(size=7), "plain": JobSettings()}


def test_a_run_has_the_enabled_jobs_and_only_and_skip_choose() -> None:
    """C3."""
    settings = settings_of(apt=JobSettings(), etc=JobSettings(), files=JobSettings(), snap=JobSettings(enabled=False))
    assert select_names((), (), settings) == ("apt", "etc", "files")
    assert select_names(("files", "apt"), ("apt",), settings) == ("files",)
    assert select_names((), ("files", "apt", "etc"), settings) == ()
    assert select_names(("snap",), (), settings) == ("snap",)
    assert select_names((), ("snap",), settings) == ("apt", "etc", "files")


@pytest.mark.parametrize(("name", "hint"), [("filez", "did you mean files?"), ("zzz", "jobs: apt, files")])
@pytest.mark.parametrize("option", ["only", "skip"])
def test_an_unknown_job_is_told_with_the_nearest_name(option: str, name: str, hint: str) -> None:
    """J2."""
    chosen: Mapping[str, tuple[str, ...]] = {"only": (), "skip": (), option: (name,)}
    with pytest.raises(UsageError, match=f"no job is called {name}") as caught:
        select_names(chosen["only"], chosen["skip"], enabled("apt", "files"))
    assert caught.value.hint == hint


def test_a_job_comes_after_what_it_needs_and_an_absent_need_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    """J9."""
    install(monkeypatch, Point("a", ("b", "absent")), Point("b", ("c",)), Point("c"))
    assert order("a", "b", "c") == ["c", "b", "a"]
    assert order("a", "c") in (["c", "a"], ["a", "c"])


def test_jobs_that_need_each_other_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """J9."""
    install(monkeypatch, Point("a", ("b",)), Point("b", ("a",)))
    with pytest.raises(SettingsError, match=r"in a circle: (a → b → a|b → a → b)"):
        order("a", "b")


@pytest.mark.parametrize(
    ("loads", "told"),
    [
        (ImportError("No module named 'gone'"), "cannot be loaded: ImportError: No module named 'gone'"),
        (SyntaxError("half a line"), "cannot be loaded: SyntaxError: half a line"),
        (RuntimeError("not today"), "cannot be loaded: RuntimeError: not today"),
        (Settings, "is no Job"),
        ("text", "is no Job"),
        (kind("other"), "calls itself other"),
        (kind("theirs", settings=NeedySettings), "have no usable defaults"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_usable_job_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch, loads: object, told: str) -> None:
    """J1, J2: a broken package stops the program before anything runs, whatever is wrong with it."""
    install(monkeypatch, Point("files"), Point("theirs", loads=loads))
    with pytest.raises(SettingsError, match=told) as caught:
        job_types()
    assert "theirs" in caught.value.message


def test_a_job_without_a_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """J1."""
    install(monkeypatch, Point("theirs", loads=type("Nameless", (Job,), {})))
    with pytest.raises(SettingsError, match="calls itself nothing"):
        job_types()


def test_two_packages_with_one_name_are_refused_and_one_seen_twice_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """J1: which of the two would run is nobody's guess."""
    install(monkeypatch, Point("a", value="one:Job"), Point("a", value="two:Job"))
    with pytest.raises(SettingsError, match="one:Job and two:Job"):
        job_types()
    install(monkeypatch, Point("a"), Point("a"))
    assert list(cast("Mapping[str, object]", job_types())) == ["a"]
