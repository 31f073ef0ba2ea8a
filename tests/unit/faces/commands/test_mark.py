"""`pc-switcher mark`, `unmark` and what `why` says of marks."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pytest

from pcswitcher.faces.cli import run
from pcswitcher.faces.commands import mark as mark_command
from pcswitcher.faces.commands import why as why_command
from pcswitcher.faces.commands.mark import find_marks
from pcswitcher.machine.api import Machine
from pcswitcher.machine.fake import open_fake
from pcswitcher.model.errors import ConnectError, ExitCode, PcSwitcherError
from pcswitcher.run import marks as marks_module
from pcswitcher.run.marks import Mark

Say = Callable[..., str]


@pytest.fixture(autouse=True)
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """A PC without marks, with a home folder that is synced; gives the hosts whose agent was asked."""
    hosts: list[str | None] = []

    @asynccontextmanager
    async def agent(host: str | None) -> AsyncGenerator[Machine]:
        hosts.append(host)
        machine = await open_fake(host or "atlas")
        try:
            yield machine
        finally:
            await machine.close()

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for module in (marks_module, why_command):
        monkeypatch.setattr(module, "STATE_DIRECTORY", str(tmp_path / "state"))
    for command in (mark_command, why_command):
        monkeypatch.setattr(command, "agent", agent)
    (tmp_path / "config" / "pc-switcher").mkdir(parents=True)
    (tmp_path / "config" / "pc-switcher" / "config.toml").write_text(
        f'[jobs.files]\ntrees = [{{ path = "{tmp_path}/home", homes = "homes" }}]\n'
    )
    (tmp_path / "home" / "sam" / "VMs").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "home" / "sam")
    return hosts


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command line, and give what it printed."""

    def command(*words: str, code: ExitCode = ExitCode.DONE) -> str:
        assert run(words) == code, capsys.readouterr()
        caught = capsys.readouterr()
        return caught.out if code is ExitCode.DONE else caught.err

    return command


def listed(say: Say) -> list[dict[str, object]]:
    return [json.loads(line) for line in say("mark", "--json").splitlines()]


def test_an_item_is_marked_listed_explained_and_unmarked(say: Say, tmp_path: Path) -> None:
    """P3, design §7: by whom, since when and why."""
    item = f"{tmp_path}/home/sam/VMs"
    assert say("mark").startswith("nothing is marked as machine-specific on atlas")
    assert say("mark", item, "--reason", "too big") == f"{item} is machine-specific on atlas (files)\n"
    (found,) = listed(say)
    assert (found["type"], found["pattern"], found["exact"], found["job"]) == ("mark", item, True, "files")
    assert found["user"]
    assert found["reason"] == "too big"
    assert "too big" in say("mark")
    words = say("why", f"{item}/disk.img")
    assert f"by the mark {item} (since " in words
    assert f"pc-switcher unmark '{item}'" in words
    assert "without the mark:" in words
    assert say("unmark", item) == f"{item} is no longer machine-specific on atlas (files)\n"
    assert listed(say) == []
    assert "machine-specific" not in say("why", item)


def test_a_relative_path_and_a_slash_at_the_end_are_the_same_item(say: Say, tmp_path: Path) -> None:
    say("mark", "VMs/")
    (found,) = listed(say)
    assert found["pattern"] == f"{tmp_path}/home/sam/VMs"
    say("unmark", f"{tmp_path}/home/sam/VMs/")
    assert listed(say) == []


def test_a_pattern_is_one_unless_it_is_meant_exactly(say: Say, tmp_path: Path) -> None:
    pattern = f"{tmp_path}/home/*/a[1].iso"
    say("mark", pattern)
    assert [each["exact"] for each in listed(say)] == [False]
    say("unmark", pattern)
    (tmp_path / "home" / "sam" / "a[1].iso").touch()
    say("mark", f"{tmp_path}/home/sam/a[1].iso", "--exact")
    assert [each["exact"] for each in listed(say)] == [True]


def test_a_name_that_is_no_text_is_marked_as_it_is_shown(say: Say, tmp_path: Path) -> None:
    """Faults row 12."""
    name = b"\xff\x1b[31m\n\\"
    (tmp_path / "home" / "sam" / "VMs" / "x").touch()
    typed = (bytes(tmp_path) + b"/home/sam/" + name).decode("utf-8", "surrogateescape")
    Path(typed).touch()
    text = say("mark", typed, "--exact")
    assert "\x1b" not in text + say("mark") + say("why", typed)
    (found,) = listed(say)
    assert found["pattern"] == f"{tmp_path}/home/sam/\\xff\\x1b[31m\\n\\\\"
    say("unmark", typed)
    assert listed(say) == []


def test_what_is_not_there_cannot_be_marked(say: Say, tmp_path: Path) -> None:
    """Its mark would be dropped by the next run; a pattern can."""
    error = say("mark", f"{tmp_path}/home/sam/other", code=ExitCode.USAGE)
    assert f"atlas has no {tmp_path}/home/sam/other" in error
    assert "--on HOST" in error
    say("mark", f"{tmp_path}/home/sam/oth*")
    assert len(listed(say)) == 1


def test_another_pc_is_asked_with_on(say: Say, asked: list[str | None]) -> None:
    assert "on vega" in say("mark", "VMs", "--on", "vega")
    assert "on vega" in say("mark", "--on", "vega")
    assert "on vega" in say("unmark", "VMs", "--on", "vega")
    assert asked == ["vega"] * 3


def test_an_item_of_a_named_job_is_taken_as_it_is(say: Say) -> None:
    say("mark", "nvidia-*", "--job", "files")
    (found,) = listed(say)
    assert (found["pattern"], found["exact"]) == ("nvidia-*", False)


def test_all_or_nothing_is_unmarked(say: Say) -> None:
    say("mark", "VMs")
    error = say("unmark", "VMs", "other", code=ExitCode.FAILED)
    assert "atlas has no mark of other" in error
    assert "pc-switcher mark" in error
    assert len(listed(say)) == 1


def test_an_item_below_a_mark_is_not_unmarked_by_itself(say: Say, tmp_path: Path) -> None:
    say("mark", "VMs")
    error = say("unmark", f"{tmp_path}/home/sam/VMs/disk", code=ExitCode.FAILED)
    assert f"is covered by {tmp_path}/home/sam/VMs" in error


def test_two_jobs_may_have_a_mark_of_one_name() -> None:
    both = [Mark(job=job, pattern="x", since=datetime(2026, 5, 1, tzinfo=UTC), user="sam") for job in ("apt", "snap")]
    assert find_marks(both, ["x"], None, "atlas") == tuple(both)
    assert find_marks(both, ["x"], "snap", "atlas") == (both[1],)
    with pytest.raises(PcSwitcherError, match="atlas has no mark of x"):
        find_marks(both, ["x"], "flatpak", "atlas")


def test_one_name_given_twice_is_one_mark() -> None:
    only = Mark(job="files", pattern="/x", since=datetime(2026, 5, 1, tzinfo=UTC), user="sam")
    assert find_marks([only], ["/x", "/x"], None, "atlas") == (only,)


@pytest.mark.parametrize("command", [("mark",), ("mark", "VMs"), ("unmark", "VMs"), ("why", "VMs")], ids=" ".join)
def test_damaged_marks_stop_every_command(say: Say, tmp_path: Path, command: tuple[str, ...]) -> None:
    """Promise 8."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "marks.json").write_text("{")
    assert "marks.json cannot be read" in say(*command, code=ExitCode.CHECK)
    assert (tmp_path / "state" / "marks.json").read_text() == "{"


def test_a_pattern_that_is_none_is_refused(say: Say, tmp_path: Path) -> None:
    assert "is no pattern" in say("mark", f"{tmp_path}/home/[", code=ExitCode.FAILED)
    assert listed(say) == []


def test_why_says_when_it_does_not_know_the_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Promise 8: nobody is there to be asked for root's password."""

    def refuse(_: str | None) -> NoReturn:
        raise ConnectError("atlas: sudo wants a password")

    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "marks.json").write_text('{"format": 1, "marks": []}')
    monkeypatch.setattr(why_command, "agent", refuse)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert run(["why", "VMs"]) == ExitCode.DONE
    caught = capsys.readouterr()
    assert "travels" in caught.out
    assert "whether it is marked as machine-specific is not known: atlas: sudo wants a password" in caught.err
