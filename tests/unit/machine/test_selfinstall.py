"""``sudo ./pc-switcher self-install``: the same installation as a deployment makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pcswitcher.machine import selfinstall
from pcswitcher.machine.deployed import Layout, read_current
from pcswitcher.model.errors import CheckError


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch, make_program) -> object:
    program = make_program("1.0", "x")
    monkeypatch.setattr(selfinstall, "describe_installation", lambda: program.bundle)

    return program


def test_it_installs_the_running_program(as_root, tmp_path: Path) -> None:
    assert selfinstall.install_here(str(tmp_path)) == "1.0"
    layout = Layout(str(tmp_path))
    assert read_current(layout) == ("1.0", as_root.digest)
    assert subprocess.run([layout.command], capture_output=True, text=True, check=True).stdout == "1.0 x\n"


def test_it_needs_root_and_says_how(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "argv", ["pc-switcher", "self-install"])
    assert selfinstall.main() == 13
    assert "sudo ./pc-switcher self-install" in capsys.readouterr().err


def test_arguments_it_does_not_know_are_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["pc-switcher", "self-install", "--help"])
    assert selfinstall.main() == 2


def test_a_foreign_command_is_left_alone(as_root, tmp_path: Path) -> None:
    command = Path(Layout(str(tmp_path)).command)
    command.parent.mkdir(parents=True)
    command.write_text("#!/bin/sh\n")
    with pytest.raises(CheckError, match="was not put there by pc-switcher"):
        selfinstall.install_here(str(tmp_path))
    assert command.read_text() == "#!/bin/sh\n"


def test_a_disk_error_is_an_error_with_its_reason(as_root, tmp_path: Path) -> None:
    (tmp_path / "usr").write_text("")
    with pytest.raises(CheckError, match="could not be installed"):
        selfinstall.install_here(str(tmp_path))
