"""The command `lab`: T4."""

from __future__ import annotations

import pytest

from pclab import cli

COMMANDS = ("up", "status", "ssh", "run", "cut", "join", "freeze", "thaw", "power-off", "kill", "reset", "down")


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_names_every_command(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    """T4."""
    with pytest.raises(SystemExit) as ended:
        cli.main([flag])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(command in shown for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """T4."""
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert f"lab {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        *([], ["sideways"], ["up", "mars"], ["cut"], ["cut", "atlas", "vega"], ["up", "--suite", "sid"]),
        *(["up", "--size", "1K"], ["down", "atlas"], ["lose", "atlas", "101"], ["slow", "atlas", "fast"]),
        ["--nonsense", "status"],
    ],
)
def test_wrong_arguments_give_help_and_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """T4."""
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    shown = capsys.readouterr().err
    assert "usage: lab" in shown
    assert "show this help" in shown


def test_a_run_id_that_cannot_be_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--run-id", "../main", "status"]) == 2
    assert "run id" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["run", "atlas", "--", "ls", "--help", "--", "-x"], ["ls", "--help", "--", "-x"]),
        (["run", "atlas", "ls", "-l", "--", "-x"], ["ls", "-l", "--", "-x"]),
        (["--run-id", "two", "ssh", "vega", "uptime", "-p"], ["uptime", "-p"]),
        (["run", "atlas"], []),
    ],
)
def test_what_is_for_the_pc_reaches_it_untouched(arguments: list[str], line: list[str]) -> None:
    assert cli.parse(arguments).line == line
