"""Two real machines in the place of the lab: T3, T6."""

from __future__ import annotations

import dataclasses
import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from pclab import real
from pclab.errors import LabError, RealMachineError
from pclab.real import Probe, RealControl, RealMachines, Variable, from_environment, unprepared

ALL = {Variable.PC1.value: "one", Variable.PC2.value: "two", Variable.USER.value: "me"}
GOOD = Probe(
    python=(3, 11),
    programs_missing=(),
    marker=True,
    subvolumes={"/": "@", "/home": "@home", "/.snapshots": "@snapshots"},
    baseline=("@", "@home"),
)


def test_nothing_set_means_the_lab() -> None:
    assert from_environment({}) is None
    assert from_environment(dict.fromkeys(ALL, "")) is None


def test_all_set_means_these_two() -> None:
    assert from_environment(ALL) == RealMachines("one", "two", "me")


@pytest.mark.parametrize("given", [chosen for count in (1, 2) for chosen in itertools.combinations([*Variable], count)])
def test_exactly_the_missing_variables_are_named(given: tuple[Variable, ...]) -> None:
    """T3: none has a default."""
    with pytest.raises(RealMachineError) as refused:
        from_environment({variable.value: "x" for variable in given})
    for variable in Variable:
        assert (variable.value in refused.value.message) == (variable not in given)


def test_one_machine_is_not_two() -> None:
    with pytest.raises(RealMachineError, match="both one"):
        from_environment({**ALL, Variable.PC2.value: "one"})


def test_a_prepared_machine_has_no_problem() -> None:
    assert unprepared(GOOD) == []


@pytest.mark.parametrize(
    ("probe", "told"),
    [
        (dataclasses.replace(GOOD, python=(3, 9)), "python3 is 3.9"),
        (dataclasses.replace(GOOD, programs_missing=("rsync",)), "rsync is missing"),
        (dataclasses.replace(GOOD, marker=False), "/etc/pc-switcher-lab"),
        (dataclasses.replace(GOOD, subvolumes={**GOOD.subvolumes, "/home": "home"}), "/home is home"),
        (dataclasses.replace(GOOD, subvolumes={"/": "@", "/home": "@home"}), "/.snapshots is not a btrfs"),
        (dataclasses.replace(GOOD, baseline=("@",)), "baseline/@home is missing"),
    ],
)
def test_each_missing_thing_is_told(probe: Probe, told: str) -> None:
    (problem,) = unprepared(probe)
    assert told in problem


def test_all_problems_are_told_together() -> None:
    nothing = Probe(python=(3, 8), programs_missing=("rsync", "btrfs"), marker=False, subvolumes={}, baseline=())
    assert len(unprepared(nothing)) == 9


def test_the_probe_describes_the_machine_it_runs_on() -> None:
    script = Path(real.DATA / "probe.py").read_text()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert Probe.from_json(done.stdout).python == sys.version_info[:2]
    assert json.loads(done.stdout)["marker"] is Path("/etc/pc-switcher-lab").exists()


def test_baselines_are_never_put_back_on_a_machine_without_the_marker() -> None:
    """T6."""
    assert not Path("/etc/pc-switcher-lab").exists(), "this box is a lab PC: run unit tests elsewhere"
    script = Path(real.DATA / "put_back.py").read_text()
    for step in ("swap", "clean"):
        done = subprocess.run([sys.executable, "-c", script, step], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "refused" in done.stderr


def test_the_remote_lock_is_held_until_its_holder_lets_go(tmp_path: Path) -> None:
    """T3: a lock with holder and time."""
    script = Path(real.DATA / "hold_lock.py").read_text()
    command = [sys.executable, "-c", script, str(tmp_path / "lock")]
    pipe = subprocess.PIPE
    with subprocess.Popen([*command, "ann on desk, since noon"], stdin=pipe, stdout=pipe, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        second = subprocess.run([*command, "bob"], capture_output=True, text=True, input="", check=False)
        assert (second.returncode, second.stdout) == (1, "ann on desk, since noon\n")
    third = subprocess.run([*command, "cid"], capture_output=True, text=True, input="", check=False)
    assert third.stdout == "held\n"


@pytest.mark.parametrize("command", ["cut", "power-off", "kill", "freeze"])
def test_a_real_machine_has_no_switch_of_ours(command: str) -> None:
    with pytest.raises(LabError, match="real machine"):
        RealControl("desk").act(command)
