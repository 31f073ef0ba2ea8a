"""`config show` and `config check`, from outside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pcswitcher.faces.cli import run
from pcswitcher.faces.option_words import option_help
from pcswitcher.jobs.registry import job_types
from pcswitcher.model.errors import ExitCode
from pcswitcher.run.settings import tables


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of settings of a person with nothing of ours in their home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    found = tmp_path / ".config" / "pc-switcher"
    found.mkdir(parents=True)
    return found


def test_without_a_file_all_defaults_are_shown_and_in_order(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """C1."""
    assert run(["config", "check"]) == ExitCode.DONE
    assert "all are at their defaults" in capsys.readouterr().out
    assert run(["config", "show"]) == ExitCode.DONE
    text = capsys.readouterr().out
    assert all(f"[{table.name}]\n" in text for table in tables(job_types()))
    assert "#" not in text


def test_what_a_file_sets_is_shown_with_the_file_and_the_default(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """C3, D4."""
    (folder / "config.toml").write_text("run.grace = 5\nlog.keep = 7\n")
    (folder / "machine.toml").write_text("log.keep = 9\n")
    assert run(["config", "show"]) == ExitCode.DONE
    text = capsys.readouterr().out
    assert "grace = 5.0  # ~/.config/pc-switcher/config.toml; default: 30.0\n" in text
    assert "keep = 9  # ~/.config/pc-switcher/machine.toml; default: 50\n" in text
    assert run(["config", "show", "--json"]) == ExitCode.DONE
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["type"] for line in lines} == {"setting"}
    kept = next(line for line in lines if (line["table"], line["key"]) == ("log", "keep"))
    assert (kept["value"], kept["default"], kept["origin"]) == (9, 50, "~/.config/pc-switcher/machine.toml")
    assert run(["config", "check"]) == ExitCode.DONE
    assert "config.toml and ~/.config/pc-switcher/machine.toml: no mistakes" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["check", "show"])
def test_every_mistake_is_told_with_its_file_and_line(
    folder: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """C2, J2."""
    (folder / "config.toml").write_text("[run]\ngrce = 5\n[jobs.filez]\n")
    (folder / "machine.toml").write_text("disk.stop = 15\n")
    assert run(["config", command]) == ExitCode.SETTINGS
    caught = capsys.readouterr()
    assert caught.out == ""
    assert "config.toml, line 2: there is no setting grce in [run] (did you mean grace?)" in caught.err
    assert "config.toml, line 3: no job is called filez (did you mean files?)" in caught.err
    assert "machine.toml, line 1: stop: '15' is no amount of space: write a share (\"20%\")" in caught.err


def test_a_mistake_in_the_rules_is_found_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """C3."""
    (folder / "rules").mkdir()
    (folder / "rules" / "home.never").write_bytes(b"[z-a\n")
    code = run(["config", "check"])
    assert (code, "home.never" in capsys.readouterr().err) == (ExitCode.SETTINGS, True)


def test_a_file_of_ones_own_choice_is_checked_alone(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """C2."""
    (folder / "config.toml").write_text("no = toml = here")
    place = tmp_path / "tried.toml"
    place.write_text("run.grace = 5\n")
    assert run(["config", "check", str(place)]) == ExitCode.DONE
    assert capsys.readouterr().out == "~/tried.toml: no mistakes\n"
    place.write_text("run.grace = 0\n")
    assert run(["config", "check", str(place)]) == ExitCode.SETTINGS
    assert "~/tried.toml, line 1: grace: 0 is out of range: seconds, 1 to 600" in capsys.readouterr().err
    assert run(["config", "check", str(tmp_path / "none.toml")]) == ExitCode.SETTINGS
    assert "there is no file" in capsys.readouterr().err


def test_what_init_writes_is_in_order_and_names_the_file_of_this_pc(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """C1, D4."""
    assert run(["init"]) == ExitCode.DONE
    assert "machine.toml, which never travels" in capsys.readouterr().out
    assert run(["config", "check"]) == ExitCode.DONE
    assert run(["config", "show"]) == ExitCode.DONE
    assert "#" not in capsys.readouterr().out.partition("no mistakes\n")[2]


def test_an_option_that_stands_in_for_a_setting_has_its_words() -> None:
    """C1: one model is the source of both."""
    assert option_help("run", "grace") == (
        "How long a job that is told to stop may take before it is killed (seconds, 1 to 600). "
        "Without it the setting run.grace counts, by default 30.0."
    )
    assert "by default FULL" in option_help("log", "file")
    assert "by default 20%" in option_help("disk", "preflight")
