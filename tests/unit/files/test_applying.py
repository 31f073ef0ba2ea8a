"""What an apply tells while it goes on, and that it does not hold up what else the program must do."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from pcswitcher.files import applying
from pcswitcher.files.applying import PROGRESS_INTERVAL, ApplyProgress, PacedProgress
from pcswitcher.files.verify import ReadBack


def step(done: int, phase: str = "transfer") -> ApplyProgress:
    return ApplyProgress(phase, done, 1000, "paths")


def test_a_thousand_files_a_second_are_ten_reports_a_second_and_the_last() -> None:
    """P3, U1: rsync names every file; each report goes to the screen, to the log and to what watches for a stall."""
    told: list[int] = []
    moment = 0.0
    paced = PacedProgress(lambda report: told.append(report.done), lambda: moment)
    for number in range(1, 1001):
        moment = number / 1000
        paced.tell(step(number))
    paced.flush()
    assert told[0] == 1
    assert told[-1] == 1000
    assert 9 <= len(told) <= 1 / PROGRESS_INTERVAL + 2


def test_every_phase_is_told_from_its_first_report_to_its_last() -> None:
    told: list[tuple[str, int]] = []
    paced = PacedProgress(lambda report: told.append((report.phase, report.done)), lambda: 0.0)
    for phase in ("list", "prepare"):
        for number in (1, 2, 3):
            paced.tell(step(number, phase))
    paced.flush()
    paced.flush()
    assert told == [("list", 1), ("list", 3), ("prepare", 1), ("prepare", 3)]


def test_progress_is_told_before_anything_travels(pair: Any) -> None:
    """U1: with very many files the lists alone take a minute; that is no stall."""
    for number in range(250):
        (pair.source / f"file {number}").write_bytes(b"x")
    told: list[ApplyProgress] = []
    assert pair.sync(progress=told.append).again.empty
    phases = list(dict.fromkeys(each.phase for each in told))
    assert phases[:3] == ["list", "prepare", "transfer"]
    for phase in ("list", "prepare"):
        last = [each for each in told if each.phase == phase][-1]
        assert (last.total, last.unit) == (250, "paths")
        assert last.item
    assert [each.done for each in told if each.phase == "list"][-1] == 250
    assert [each.done for each in told if each.phase == "prepare"][-1] == 200  # rsync counts by hundreds


def in_which_threads(monkeypatch: pytest.MonkeyPatch, owner: object, *names: str) -> dict[str, int]:
    """The threads in which functions are called from now on, by name."""
    seen: dict[str, int] = {}

    def watched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            seen[name] = threading.get_ident()
            return real(*given)

        return call

    for name in names:
        monkeypatch.setattr(owner, name, watched(name, getattr(owner, name)))
    return seen


def test_plan_and_read_back_leave_the_event_loop_alone(pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """P3: an agent gives up when it hears nothing for 20 s, and a plan may have a million paths."""
    (pair.source / "d").mkdir()
    (pair.source / "d" / "f").write_bytes(b"x")
    os.link(pair.source / "d" / "f", pair.source / "linked")
    planned = in_which_threads(monkeypatch, applying, "plan")
    compared = in_which_threads(monkeypatch, ReadBack, "__init__", "take", "finish")
    assert pair.sync().differences == ()
    assert planned.keys() == {"plan"}
    assert compared.keys() == {"__init__", "take", "finish"}
    assert threading.get_ident() not in {*planned.values(), *compared.values()}
