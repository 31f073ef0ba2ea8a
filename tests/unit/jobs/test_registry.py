"""Finding the installed jobs."""

from __future__ import annotations

from typing import ClassVar

import attrs
import pytest

from pcswitcher.jobs import registry
from pcswitcher.jobs.registry import job_names, load_jobs, select_names
from pcswitcher.model.errors import SettingsError, UsageError
from pcswitcher.model.settings import Settings


class Dummy:
    """As much of a job as the registry needs."""

    name: ClassVar[str] = ""
    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: Settings) -> None:
        self.settings = settings


@attrs.frozen
class Point:
    """An entry point."""

    name: str
    needs: tuple[str, ...] = ()
    broken: bool = False

    def load(self) -> type[Dummy]:
        if self.broken:
            raise ImportError("No module named 'gone'")
        return type(self.name, (Dummy,), {"name": self.name, "needs": self.needs})


def install(monkeypatch: pytest.MonkeyPatch, *points: Point) -> None:
    monkeypatch.setattr(registry, "entry_points", lambda **_: points)


def order(names: tuple[str, ...]) -> list[str]:
    return [job.name for job in load_jobs(names, Settings())]


def test_our_own_job_is_installed() -> None:
    """J1."""
    assert "files" in job_names()
    assert [job.name for job in load_jobs(("files",), Settings())] == ["files"]


def test_only_and_skip_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, Point("etc"), Point("apt"), Point("files"))
    assert select_names((), ()) == ("apt", "etc", "files")
    assert select_names(("files", "apt"), ("apt",)) == ("files",)
    assert select_names((), ("files", "apt", "etc")) == ()


@pytest.mark.parametrize(("name", "hint"), [("filez", "did you mean files?"), ("zzz", "jobs: apt, files")])
@pytest.mark.parametrize("option", ["only", "skip"])
def test_an_unknown_job_is_told_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch, option: str, name: str, hint: str
) -> None:
    """J2."""
    install(monkeypatch, Point("apt"), Point("files"))
    chosen = {"only": (), "skip": (), option: (name,)}
    with pytest.raises(UsageError, match=f"no job is called {name}") as caught:
        select_names(**chosen)
    assert caught.value.hint == hint


def test_a_job_comes_after_what_it_needs_and_an_absent_need_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    """J9."""
    install(monkeypatch, Point("a", ("b", "absent")), Point("b", ("c",)), Point("c"))
    assert order(("a", "b", "c")) == ["c", "b", "a"]
    assert order(("a", "c")) in (["c", "a"], ["a", "c"])


def test_jobs_that_need_each_other_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, Point("a", ("b",)), Point("b", ("a",)))
    with pytest.raises(SettingsError, match=r"in a circle: (a → b → a|b → a → b)"):
        order(("a", "b"))


def test_a_job_that_cannot_be_loaded_is_named_only_when_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, Point("files"), Point("theirs", broken=True))
    assert order(("files",)) == ["files"]
    with pytest.raises(SettingsError, match="the job theirs cannot be loaded: No module named 'gone'"):
        order(("files", "theirs"))
