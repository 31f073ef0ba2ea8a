"""One run at a time on each machine."""

from __future__ import annotations

import os
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest

from pcswitcher.machine import lock
from pcswitcher.machine.lock import Holder, Role, acquire_lock, busy_error, name_run
from pcswitcher.model.codec import dumps
from pcswitcher.model.errors import BusyError
from pcswitcher.model.events import Level

HOLDER = Holder(
    role=Role.TARGET,
    source="atlas",
    target="vega",
    user="sam",
    host="atlas",
    process=4711,
    since=datetime(2026, 11, 23, 9, 30, tzinfo=UTC),
)


@attrs.define
class OneAgent:
    """As much of a Context as the lock needs: what an agent keeps until it ends."""

    resources: ExitStack = attrs.field(factory=ExitStack)

    def progress(self, done: int, total: int, unit: str, item: bytes = b"") -> None: ...

    def log(self, level: Level, message: str, **fields: str) -> None: ...

    def send(self, chunk: bytes) -> None: ...

    def check_cancelled(self) -> None: ...


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(lock, "RUNTIME_DIRECTORY", str(tmp_path / "run"))
    monkeypatch.setattr(lock, "LOCK_PATH", str(tmp_path / "run" / "lock"))
    return tmp_path / "run" / "lock"


def test_the_second_one_is_told_who_what_and_since_when() -> None:
    """K1, faults row 29."""
    first, second = OneAgent(), OneAgent()
    acquire_lock(first, "vega", HOLDER)
    with pytest.raises(BusyError) as caught:
        acquire_lock(second, "vega", attrs.evolve(HOLDER, source="lyra"))
    for part in ("vega", "target", "atlas → vega", "sam", "2026-11-23 09:30:00 UTC", "4711"):
        assert part in caught.value.message
    assert caught.value.hint.endswith("kill 4711")
    assert caught.value.exit_code == 11
    first.resources.close()
    acquire_lock(second, "vega", HOLDER)
    second.resources.close()


def test_a_run_that_has_its_label_is_told_by_it() -> None:
    """K1: which run it is, as `pc-switcher show` takes it."""
    first = OneAgent()
    acquire_lock(first, "vega", HOLDER)
    name_run(first, "0042")
    with pytest.raises(BusyError, match=r"atlas → vega \(run 0042\), started by sam on atlas at 2026-11-23"):
        acquire_lock(OneAgent(), "vega", HOLDER)
    first.resources.close()


def test_a_dead_holder_never_blocks(place: Path) -> None:
    """K2: the kernel frees the lock with its process, whatever the file still says."""
    child = os.fork()
    if child == 0:
        acquire_lock(OneAgent(), "vega", HOLDER)
        os._exit(0)  # as kill -9 would: nothing is cleaned up
    os.waitpid(child, 0)
    assert b"4711" in place.read_bytes()
    agent = OneAgent()
    acquire_lock(agent, "vega", HOLDER)
    agent.resources.close()


def test_a_lock_file_with_nonsense_still_says_busy() -> None:
    for words in (b"", b"{", b"\xff" * 100, b'{"role": "king"}'):
        assert "another run" in busy_error("vega", words).message


def test_a_planted_symlink_is_not_followed(place: Path, tmp_path: Path) -> None:
    """Faults row 19."""
    victim = tmp_path / "shadow"
    victim.write_text("secret")
    place.parent.mkdir()
    place.symlink_to(victim)
    with pytest.raises(OSError, match="symbolic"):
        acquire_lock(OneAgent(), "vega", HOLDER)
    assert victim.read_text() == "secret"


def test_what_a_dead_holder_left_in_the_file_is_no_part_of_the_next_ones_name(place: Path) -> None:
    """K2: a killed agent cannot tidy up; a longer name than the next holder's must not show through."""
    place.parent.mkdir()
    place.write_text(dumps(attrs.evolve(HOLDER, user="maximiliane" * 20)))
    acquire_lock(OneAgent(), "vega", HOLDER)
    with pytest.raises(BusyError, match="started by sam on atlas"):
        acquire_lock(OneAgent(), "vega", HOLDER)
