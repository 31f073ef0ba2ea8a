"""Command lines for the remote shell, lock files, folders for logs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pclab import locks
from pclab.connection import RemoteError, command_line
from pclab.errors import LabError
from pclab.failures import folder_name


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=12).filter(lambda argument: b"\0" not in argument), max_size=4))
def test_a_remote_shell_gets_exactly_the_arguments_whatever_their_bytes(arguments: list[bytes]) -> None:
    line = command_line(["printf", "%s\\0", *arguments])
    done = subprocess.run(["sh", "-c", line], capture_output=True, check=True)
    assert done.stdout == b"".join(argument + b"\0" for argument in arguments or [b""])


def test_a_failed_remote_command_shows_what_was_run_where_and_what_it_said() -> None:
    done = subprocess.CompletedProcess(["ssh"], 3, b"half", b"no such \xff file")
    shown = str(RemoteError("vega", "cat x", done))
    assert all(part in shown for part in ("vega", "`cat x`", "3", "half", "no such \\xff file"))


def test_a_held_lock_names_its_holder_to_the_next_one(tmp_path: Path) -> None:
    """T3."""
    said: list[str] = []
    lock = tmp_path / "lock"
    with locks.held(lock, holder="ann on desk", wait=0, say=said.append):
        with (
            pytest.raises(LabError, match="ann on desk, since 20"),
            locks.held(lock, holder="b", wait=0.2, say=said.append),
        ):
            pass
        assert len(said) == 1
        assert said[0].startswith("waiting for ann on desk")
    with locks.held(lock, holder="bob", wait=0, say=said.append):
        assert lock.read_text().startswith("bob, since ")


@given(st.text(max_size=300))
def test_a_test_id_becomes_one_plain_folder_name(text: str) -> None:
    name = folder_name(f"tests/lab/test_x.py::test_y[{text}]")
    assert len(name) <= 150
    assert not set(name) & set("/\\ \n\0[]'\"*")
    assert name not in {"", ".", ".."}
