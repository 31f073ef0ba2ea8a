"""What a person marked as machine-specific."""

from __future__ import annotations

import asyncio
import json
import stat
import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.jobs.registry import AnyJob
from pcswitcher.machine.api import Machine
from pcswitcher.machine.fake import open_fake
from pcswitcher.model.errors import CheckError, FormatError, PcSwitcherError
from pcswitcher.model.events import Level
from pcswitcher.model.plan import Action, Change, Decision, Plan, Section
from pcswitcher.model.text import escape
from pcswitcher.run import marks as module
from pcswitcher.run.bus import Bus
from pcswitcher.run.marks import (
    Mark,
    MarkIndex,
    Marks,
    change_marks,
    changed_marks,
    drop_gone,
    load_marks,
    marked_items,
    marks_from,
    read_marks,
)

SINCE = datetime(2026, 5, 1, tzinfo=UTC)


class Here:
    """A Context that nobody listens to."""

    resources = ExitStack()

    def progress(self, done: int, total: int, unit: str, item: bytes = b"") -> None: ...
    def log(self, level: Level, message: str, **fields: str) -> None: ...
    def send(self, chunk: bytes) -> None: ...
    def check_cancelled(self) -> None: ...


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine's state directory, not there yet."""
    monkeypatch.setattr(module, "STATE_DIRECTORY", str(tmp_path / "state"))
    return tmp_path / "state"


def mark(pattern: str, *, exact: bool = True, job: str = "files", reason: str = "") -> Mark:
    return Mark(job=job, pattern=pattern, exact=exact, since=SINCE, user="sam", reason=reason)


def covers(pattern: str, item: str, *, exact: bool = False) -> bool:
    return MarkIndex([mark(pattern, exact=exact)]).find(item) is not None


def changes(*items: str, before: str = "") -> tuple[Change, ...]:
    return tuple(Change(item=item, action=Action.ADD, before=before, after="new") for item in items)


@pytest.mark.parametrize(
    ("pattern", "item", "covered"),
    [
        ("nvidia-*", "nvidia-driver", True),
        ("nvidia-*", "xnvidia-driver", False),
        ("nvidia-*", "nvidia-driver\n", True),
        ("nvidia-?", "nvidia-12", False),
        ("lib[a-c]x", "libbx", True),
        ("Nvidia-*", "nvidia-driver", False),
        ("/home/sam/*.iso", "/home/sam/a.iso", True),
        ("/home/sam/*.iso", "/home/sam/deep/a.iso", False),
        ("/home/sam/**/*.iso", "/home/sam/very/deep/a.iso", True),
        ("/home/*/VMs", "/home/kim/VMs/disk.img", True),
        ("/home/*/VMs/", "/home/kim/VMs", True),
        ("/home/*/VMs", "/home/kim/VMs2", False),
        ("/home/*", "/root/x", False),
        ("/home/sam/[a]", "/home/sam/a", True),
        ("/VMs", "/home/sam/VMs", False),
        ("nvidia-*", "/home/nvidia-x", False),
        ("/home/sam/new\\nline*", "/home/sam/new\\nline.txt", True),
    ],
)
def test_patterns_mean_what_gitignore_and_fnmatch_say(pattern: str, item: str, *, covered: bool) -> None:
    """P3."""
    assert covers(pattern, item) is covered


@pytest.mark.parametrize(
    ("pattern", "item", "covered"),
    [
        ("/home/sam/a[1]*.txt", "/home/sam/a[1]*.txt", True),
        ("/home/sam/a[1]*.txt", "/home/sam/a1x.txt", False),
        ("/home/sam/VMs", "/home/sam/VMs/deep/disk", True),
        ("/home/sam/VMs/", "/home/sam/VMs", True),
        ("/home/sam/VMs", "/home/sam/VMs2", False),
        ("firefox", "firefox", True),
        ("fire*", "firefox", False),
    ],
)
def test_an_exact_mark_is_that_item_and_what_is_below_it(pattern: str, item: str, *, covered: bool) -> None:
    assert covers(pattern, item, exact=True) is covered


@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name and b"/" not in name))
def test_any_name_can_be_marked_and_marks_nothing_else(name: bytes) -> None:
    """Faults row 12: names are bytes; shown, kept as JSON and found again they are the same."""
    item = escape(b"/home/sam/" + name)
    assert covers(item, item, exact=True)
    assert covers(item, item + "/below", exact=True)
    assert not covers(item, "/home/sam", exact=True)
    assert not covers(item, "/home/sam/" + escape(name) + "x", exact=True)


def test_a_very_deep_path_is_no_obstacle() -> None:
    """Faults row 17."""
    assert MarkIndex([mark("/a")]).find("/a" * 2000) is not None
    assert MarkIndex([mark("/b")]).find("/a" * 2000) is None


def test_the_nearest_mark_is_named() -> None:
    outer, inner = mark("/home/sam/VMs"), mark("/home/sam/VMs/**/*.img", exact=False)
    index = MarkIndex([outer, inner])
    assert index.find("/home/sam/VMs/x/y/disk.img") == inner
    assert index.find("/home/sam/VMs/x/y") == outer
    assert index.find("/home/sam/VMs/x/y/note") == outer


@pytest.mark.parametrize("pattern", ["", "/", "//", "/home/sam/[", "/home/sam/x\\\\"])
def test_what_marks_nothing_or_is_no_pattern_is_refused_before_anything_is_written(state: Path, pattern: str) -> None:
    with pytest.raises(FormatError):
        change_marks(Here(), (mark(pattern, exact=False),), ())
    assert not state.exists()


def test_the_marks_of_both_machines_count_and_those_of_other_jobs_do_not() -> None:
    """Promise 9."""
    both = (Marks(marks=(mark("/home/a"), mark("x", job="apt"))), Marks(marks=(mark("/home/b*", exact=False),)))
    assert marked_items(both, "files", changes("/home/a", "/home/a/b", "/home/bcd", "/home/c", "x")) == {
        "/home/a",
        "/home/a/b",
        "/home/bcd",
    }
    assert marked_items(both, "snap", changes("x")) == frozenset()


def test_a_kept_item_is_marked_on_the_machine_that_holds_it() -> None:
    """P3."""
    section = Section(
        job="files",
        title="Files",
        source_state="",
        target_state="",
        changes=(*changes("/home/new", "/home/skipped"), *changes("/home/theirs", before="12 B")),
    )
    decisions = {
        "files": {
            "/home/new": Decision.KEEP,
            "/home/theirs": Decision.KEEP,
            "/home/skipped": Decision.SKIP,
            "/home/not in the plan": Decision.KEEP,
        }
    }
    plan = Plan(
        host="vega",
        source="atlas",
        target="vega",
        source_id="a",
        target_id="v",
        version="0",
        sections=(section,),
        decisions=decisions,
    )
    for_source, for_target = marks_from(plan, "sam", SINCE)
    assert [(each.pattern, each.exact) for each in for_source] == [("/home/new", True)]
    assert [(each.pattern, each.user, each.since) for each in for_target] == [("/home/theirs", "sam", SINCE)]
    assert marked_items((Marks(marks=for_source), Marks(marks=for_target)), "files", section.changes) == {
        "/home/new",
        "/home/theirs",
    }


def test_marks_come_back_as_they_were_and_only_root_reads_them(state: Path) -> None:
    first, second = mark("/home/sam/a\\x1b"), mark("/home/*", exact=False, reason="mine \x1b ü")
    assert read_marks(Here()) == Marks()
    assert change_marks(Here(), (first, second), ()) == read_marks(Here()) == Marks(marks=(second, first))
    assert stat.S_IMODE((state / "marks.json").stat().st_mode) == 0o600
    assert change_marks(Here(), (), (first,)) == Marks(marks=(second,))
    assert [path.name for path in state.iterdir()] == ["marks.json"]


def test_marking_again_keeps_since_and_takes_the_new_reason() -> None:
    first = Marks(marks=(mark("x", reason="old"),))
    later = attrs.evolve(first.marks[0], since=datetime(2027, 1, 1, tzinfo=UTC), user="kim", reason="")
    assert changed_marks(first, (later,), ()) == first
    again = changed_marks(first, (attrs.evolve(later, reason="new"),), ())
    assert again.marks == (mark("x", reason="new"),)


DAMAGED = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff",
    b'{"format": 1, "marks": [{}]}',
    b'{"format": "1", "marks": []}',
    b'{"format": true, "marks": []}',
    b'{"format": 0, "marks": []}',
    b'{"format": 1, "marks": [], "more": 1}',
    b"[" * 100_000,
    json.dumps(
        {
            "format": 1,
            "marks": [
                {
                    "job": "files",
                    "pattern": "/[",
                    "exact": False,
                    "since": "2026-05-01T00:00:00+00:00",
                    "user": "sam",
                    "reason": "",
                }
            ],
        }
    ).encode(),
]


@pytest.mark.parametrize("content", DAMAGED, ids=lambda content: content[:30].decode("latin-1"))
def test_a_damaged_file_stops_and_never_counts_as_empty(state: Path, content: bytes) -> None:
    """Promise 8; the error names what, where and how to mend; nothing overwrites it."""
    state.mkdir()
    (state / "marks.json").write_bytes(content)
    with pytest.raises(CheckError, match=r"marks\.json") as caught:
        read_marks(Here())
    assert f"sudo mv {state}/marks.json" in caught.value.hint
    with pytest.raises(CheckError, match=r"marks\.json"):
        change_marks(Here(), (mark("x"),), ())
    assert (state / "marks.json").read_bytes() == content


def test_a_newer_format_stops_and_says_so(state: Path) -> None:
    """Promise 8, D1."""
    state.mkdir()
    (state / "marks.json").write_text('{"format": 2, "rules": {}}')
    with pytest.raises(CheckError, match=r"newer pc-switcher \(format 2, this one knows 1\)") as caught:
        load_marks(str(state))
    assert "install a newer pc-switcher" in caught.value.hint


@pytest.mark.parametrize("kind", ["directory", "symlink"])
def test_what_is_no_file_stops_too(state: Path, kind: str) -> None:
    """Promise 8, faults row 22."""
    state.mkdir()
    place = state / "marks.json"
    if kind == "directory":
        place.mkdir()
    else:
        (state / "elsewhere").write_text('{"format": 1, "marks": []}')
        place.symlink_to("elsewhere")
    with pytest.raises(CheckError, match=r"marks\.json cannot be read"):
        load_marks(str(state))


def test_a_write_that_fails_leaves_the_marks_of_before(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise 6, faults row 6."""
    change_marks(Here(), (mark("x"),), ())

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fail)
        with pytest.raises(OSError, match="No space"):
            change_marks(Here(), (mark("y"),), ())
    assert read_marks(Here()) == Marks(marks=(mark("x"),))
    assert [path.name for path in state.iterdir()] == ["marks.json"]


def test_two_who_mark_at_once_lose_nothing(state: Path) -> None:
    """A run and a person, or two agents."""
    threads = [
        threading.Thread(target=change_marks, args=(Here(), (mark(f"item-{number}"),), ())) for number in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_marks(Here()).marks) == 16


class Knows:
    """As much of a job as dropping needs: knows which items are gone."""

    name = "files"

    def __init__(self, **gone: bool | None) -> None:
        self._gone = gone

    async def is_gone(self, machine: Machine, item: str) -> bool:
        answer = self._gone[item]
        if answer is None:
            raise PcSwitcherError(f"{item} cannot be looked at")
        return answer


@pytest.fixture
def dropped(state: Path) -> list[str]:
    """Marks after dropping: one item gone, one there, one not known, a pattern, another job's."""
    change_marks(
        Here(), (mark("gone"), mark("there"), mark("unknown"), mark("go*", exact=False), mark("gone", job="apt")), ()
    )

    async def drop() -> list[str]:
        machine = await open_fake("vega")
        try:
            jobs = (cast("AnyJob", Knows(gone=True, there=False, unknown=None)),)
            return [each.pattern for each in await drop_gone(machine, jobs, Bus())]
        finally:
            await machine.close()

    return asyncio.run(drop())


def test_a_mark_is_dropped_on_proof_alone(state: Path, dropped: list[str]) -> None:
    """Promise 8: no answer, another job's item and a pattern prove nothing."""
    assert dropped == ["gone"]
    assert [(each.job, each.pattern) for each in read_marks(Here()).marks] == [
        ("apt", "gone"),
        ("files", "go*"),
        ("files", "there"),
        ("files", "unknown"),
    ]
