"""The command line, from outside."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pcswitcher import __version__
from pcswitcher.faces.cli import app, run
from pcswitcher.faces.commands import history as history_command
from pcswitcher.faces.commands import show as show_command
from pcswitcher.model.errors import ExitCode

COMMANDS = sorted(name for name in app if not name.startswith("-"))


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person with nothing of ours in their home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)


def test_the_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == ExitCode.DONE
    text = capsys.readouterr().out
    expected = "sync doctor why mark unmark history show logs snapshots init config completion"
    assert set(expected.split()) <= set(COMMANDS)
    assert all(command in text for command in COMMANDS)


@pytest.mark.parametrize(
    "command",
    [
        *([name] for name in COMMANDS),
        ["snapshots", "list"],
        ["snapshots", "clean"],
        ["config", "show"],
        ["config", "check"],
    ],
    ids=" ".join,
)
def test_every_command_explains_itself(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """T4."""
    assert run([*command, "--help"]) == ExitCode.DONE
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith(f"Usage: pc-switcher {' '.join(command)}")


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == ExitCode.DONE
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["snc", "vega"], '"sync"'),
        (["sync", "vega", "--dry-rum"], "--dry-run"),
        (["sync", "vega", "--allow", "everything"], "first-sync"),
        (["sync", "vega", "--only", "filez"], "did you mean files?"),
        (["sync", "vega", "--plain", "--json"], "exclude each other"),
        (["sync"], "HOST"),
        (["sync", "vega", "--skip", "files", "--skip", "settings"], "no job is selected"),
        (["show"], "RUN"),
        (["unmark"], "unmark what?"),
        (["mark", "nvidia-*", "--job", "filez"], "no job is called filez"),
        (["mark", "/etc/passwd"], "no job takes care of /etc/passwd"),
        (["snapshots", "clean", "--keep-runs", "0"], "0 is out of range"),
        (["snapshots", "clean", "--older-than", "-1"], "-1 is out of range"),
        (["completion", "tcsh"], "zsh"),
        (["logs", "--level", "LOUD"], "there is no level LOUD"),
        (["why", "/etc/passwd"], "no job takes care of /etc/passwd"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_explained_and_ends_with_2(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """J2, T4."""
    assert run(words) == ExitCode.USAGE
    caught = capsys.readouterr()
    assert told in " ".join(caught.err.replace("│", " ").split())
    assert "Traceback" not in caught.err


@pytest.mark.parametrize("host", ["", "-oProxyCommand=x", "a b", "vega\n", "\x1b[31m"])
def test_a_host_that_is_none_is_refused_before_anything(host: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Faults row 23."""
    program = [sys.executable, "-m", "pcswitcher", "sync", "--dry-run", "--plain", "--", host]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in {ExitCode.USAGE, ExitCode.CONNECT}
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command_and_the_shell_accepts_it(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["completion", shell]) == ExitCode.DONE
    script = capsys.readouterr().out
    assert all(command in script for command in COMMANDS)
    program = shutil.which(shell)
    if program:
        place = tmp_path / "script"
        place.write_text(script)
        done = subprocess.run([program, "-n", place], capture_output=True, text=True, timeout=20, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_settings_file_with_a_mistake_stops_with_10(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """C2."""
    place = tmp_path / ".config" / "pc-switcher" / "config.toml"
    place.parent.mkdir(parents=True)
    place.write_text("[jobs.files]\n\nmax_deletons = 1\n")
    assert run(["sync", "vega", "--yes"]) == ExitCode.SETTINGS
    error = capsys.readouterr().err
    assert "~/.config/pc-switcher/config.toml, line 3: there is no setting max_deletons" in error
    assert "did you mean max_deletions?" in error


def test_init_writes_a_private_file_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """C1."""
    place = tmp_path / ".config" / "pc-switcher" / "config.toml"
    assert run(["init"]) == ExitCode.DONE
    assert place.stat().st_mode & 0o777 == 0o600
    place.write_text("# mine\n")
    assert run(["init"]) == ExitCode.SETTINGS
    assert "pc-switcher init --force" in capsys.readouterr().err
    assert place.read_text() == "# mine\n"
    assert run(["init", "--force"]) == ExitCode.DONE
    assert "max_deletions" in place.read_text()


def test_without_runs_history_says_how_to_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (history_command, show_command):
        monkeypatch.setattr(f"{command.__name__}.STATE_DIRECTORY", str(tmp_path / "nothing"))
    assert run(["history"]) == ExitCode.DONE
    assert "pc-switcher sync HOST" in capsys.readouterr().out
    assert run(["show", "7"]) == ExitCode.FAILED
    assert "this PC knows no run 7; there are none yet" in capsys.readouterr().err


def test_logs_are_found_by_number_before_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """L4: the time in a log's name is full of digits."""
    directory = tmp_path / ".local" / "state" / "pc-switcher" / "logs"
    directory.mkdir(parents=True)
    for name, label in (("20260101T000000.000000Z-vega", "0001"), ("20260202T000000.000001Z-orion", "0002")):
        lines = [f'{{"type":"run-started","schema":1,"time":"t","run":"{label}"}}\n']
        lines += [
            f'{{"type":"log-line","schema":1,"time":"t","level":"{level}","message":"{level} \\u001b[31m"}}\n'
            for level in ("FULL", "WARNING")
        ]
        (directory / f"{name}.jsonl").write_text("".join(lines) + '{"type":"cut sho')
    assert run(["logs"]) == ExitCode.DONE
    assert "2 logs in ~/.local/state/pc-switcher/logs" in capsys.readouterr().out
    for words, label in ((["1"], "0001"), (["0002"], "0002"), (["vega"], "0001"), (["last"], "0002")):
        assert run(["logs", *words]) == ExitCode.DONE
        text = capsys.readouterr().out
        assert f"run={label}" in text
        assert "FULL \\x1b[31m" in text.replace("FULL  : ", "")
    assert run(["logs", "1", "--level", "warning"]) == ExitCode.DONE
    text = capsys.readouterr().out
    assert "WARNING" in text
    assert "FULL" not in text
    assert run(["logs", "lyra"]) == ExitCode.FAILED


@pytest.mark.parametrize("command", [["--help"], ["completion", "bash"]], ids=" ".join)
def test_a_full_disk_behind_the_output_is_an_error_without_a_traceback(command: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        program = [sys.executable, "-m", "pcswitcher", *command]
        done = subprocess.run(program, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == ExitCode.FAILED
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as gone:
        program = [sys.executable, "-m", "pcswitcher", "--help"]
        done = subprocess.run(program, stdout=gone, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (ExitCode.FAILED, "")


def test_help_imports_nothing_heavy() -> None:
    """Design §7: `--help` answers in 150 ms; these cost most of what is not needed for it."""
    text = (
        "import sys; from pcswitcher.faces.cli import run; run(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=True)
    for module in ("asyncio", "cattrs", "markdown_it", "textual", "tomlkit", "pcswitcher.machine", "pcswitcher.run"):
        assert f"'{module}'" not in done.stderr
