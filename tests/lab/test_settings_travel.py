"""The settings file goes along: shown and asked, never overwritten in silence (D4)."""

from __future__ import annotations

import pytest

from pclab.driving import Ended, command, shell, sync
from pclab.machine import LabMachine

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("synced", "quiet_after")]

PLACE = "/home/sam/.config/pc-switcher"
ITEM = "~/.config/pc-switcher/config.toml"


def settings(machine: LabMachine) -> str:
    """The person's settings file there; empty when there is none."""
    return shell(machine, 'cat -- "$1" 2>/dev/null || true', f"{PLACE}/config.toml")


def write(machine: LabMachine, text: str, name: str = "config.toml") -> None:
    """Write a file of the person's there, as the person."""
    shell(machine, 'mkdir -p "$1"; printf %s "$2" > "$1/$3"', PLACE, text, name, sudo=False)


def tells(ended: Ended) -> bool:
    """Whether the plan of the run was about the settings."""
    return ITEM in ended.out


def test_settings_travel_with_a_yes_and_are_silent_when_they_are_the_same(atlas: LabMachine, vega: LabMachine) -> None:
    """D4: absent there is shown; a dry run shows and writes nothing; the same is silent; the person owns the file."""
    write(atlas, "[run]\ngrace = 41\n")
    dry = sync(atlas, vega, "--dry-run", status=4)
    assert "Settings: 1 new" in dry.out
    assert settings(vega) == ""
    sync(atlas, vega)
    assert settings(vega) == "[run]\ngrace = 41\n"
    assert shell(vega, 'stat -c "%U %G %a" "$1"', f"{PLACE}/config.toml").split() == ["sam", "sam", "600"]
    assert f"grace = 41.0  # {ITEM}; default: 30.0" in command(vega, "config", "show").out
    assert "Settings: 1" not in sync(atlas, vega).out


def test_another_text_is_taken_only_with_a_yes(atlas: LabMachine, vega: LabMachine) -> None:
    """D4: without an answer nothing is written (exit 14); with one the new text is whole."""
    write(atlas, "[run]\ngrace = 42\n")
    before = settings(vega)
    ended = command(atlas, "sync", vega.host, "--plain", status=14)
    assert "Settings: 1 changed" in ended.out
    assert settings(vega) == before
    sync(atlas, vega)
    assert settings(vega) == "[run]\ngrace = 42\n"


def test_what_was_set_there_meanwhile_is_a_conflict(atlas: LabMachine, vega: LabMachine) -> None:
    """D4, promise 7: a yes to the plan is no answer to it; each answer does what it says."""
    write(atlas, "[run]\ngrace = 43\n")
    sync(atlas, vega)
    write(vega, "[run]\ngrace = 55\n")
    write(atlas, "[run]\ngrace = 44\n")
    ended = sync(atlas, vega, status=14)
    assert tells(ended) or ITEM in ended.err
    assert settings(vega) == "[run]\ngrace = 55\n"
    sync(atlas, vega, "--conflicts", "target")
    assert settings(vega) == "[run]\ngrace = 55\n"
    sync(atlas, vega, "--conflicts", "source")
    assert settings(vega) == "[run]\ngrace = 44\n"


def test_settings_of_one_pc_never_travel(atlas: LabMachine, vega: LabMachine) -> None:
    """D4: neither there nor away; each PC's own file counts on it."""
    write(atlas, "[log]\nkeep = 11\n", "machine.toml")
    sync(atlas, vega)
    assert vega.sudo(["test", "-e", f"{PLACE}/machine.toml"], check=False).returncode == 1
    write(vega, "[log]\nkeep = 22\n", "machine.toml")
    sync(atlas, vega)
    found = [command(machine, "config", "show").out for machine in (atlas, vega)]
    assert [
        f"keep = {count}  # ~/.config/pc-switcher/machine.toml" in text
        for count, text in zip((11, 22), found, strict=True)
    ] == [
        True,
        True,
    ]


def test_settings_with_a_mistake_stop_the_run_before_they_travel(atlas: LabMachine, vega: LabMachine) -> None:
    """C2, J2."""
    before, good = settings(vega), settings(atlas)
    write(atlas, "[run]\ngrce = 1\n")
    ended = sync(atlas, vega, status=10)
    assert f"{ITEM}, line 2: there is no setting grce in [run]" in ended.err
    assert settings(vega) == before
    write(atlas, good)


def test_without_the_job_the_settings_stay(atlas: LabMachine, vega: LabMachine) -> None:
    """C3: nothing else carries the file."""
    before = settings(vega)
    write(atlas, "[jobs.settings]\nenabled = false\n")
    sync(atlas, vega)
    assert settings(vega) == before
    sync(atlas, vega, "--only", "settings")
    assert settings(vega) == "[jobs.settings]\nenabled = false\n"
