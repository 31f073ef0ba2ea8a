"""What a person marked as machine-specific."""

from __future__ import annotations

import asyncio
import json
import stat
import threading
from collections.abc import Callable, Coroutine, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar, cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.jobs.registry import AnyJob
from pcswitcher.machine.api import Machine
from pcswitcher.machine.durable import write_file
from pcswitcher.machine.fake import open_fake
from pcswitcher.machine.frames import FRAME_LIMIT
from pcswitcher.machine.pieces import PIECE
from pcswitcher.model.errors import CheckError, FormatError, PcSwitcherError
from pcswitcher.model.plan import Action, Change, Decision, Plan, Section
from pcswitcher.model.text import escape
from pcswitcher.run import marks as module
from pcswitcher.run.bus import Bus
from pcswitcher.run.marks import (
    Mark,
    MarkIndex,
    Marks,
    change_marks_on,
    changed_marks,
    drop_gone,
    keep_marks,
    load_marks,
    marked_items,
    marks_from,
    read_marks_of,
)

T = TypeVar("T")
SINCE = datetime(2026, 5, 1, tzinfo=UTC)


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
        keep_marks(str(state), (mark(pattern, exact=False),), ())
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
    assert load_marks(str(state)) == Marks()
    keep_marks(str(state), (first, second), ())
    assert load_marks(str(state)) == Marks(marks=(second, first))
    assert stat.S_IMODE((state / "marks.json").stat().st_mode) == 0o600
    keep_marks(str(state), (), (first,))
    assert load_marks(str(state)) == Marks(marks=(second,))
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
        load_marks(str(state))
    assert f"sudo mv {state}/marks.json" in caught.value.hint
    with pytest.raises(CheckError, match=r"marks\.json"):
        keep_marks(str(state), (mark("x"),), ())
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
    keep_marks(str(state), (mark("x"),), ())

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fail)
        with pytest.raises(OSError, match="No space"):
            keep_marks(str(state), (mark("y"),), ())
    assert load_marks(str(state)) == Marks(marks=(mark("x"),))
    assert [path.name for path in state.iterdir()] == ["marks.json"]


def test_two_who_mark_at_once_lose_nothing(state: Path) -> None:
    """A run and a person, or two agents."""
    threads = [
        threading.Thread(target=keep_marks, args=(str(state), (mark(f"item-{number}"),), ())) for number in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(load_marks(str(state)).marks) == 16


class Knows:
    """As much of a job as dropping needs: knows which items are gone, or cannot look at all."""

    def __init__(self, name: str, *gone: str, able: bool = True) -> None:
        self.name = name
        self._gone = gone
        self._able = able
        self.asked: list[tuple[str, ...]] = []

    async def gone(self, machine: Machine, items: Sequence[str]) -> frozenset[str]:
        self.asked.append(tuple(items))
        if not self._able:
            raise PcSwitcherError(f"{machine.name} cannot be looked at")
        return frozenset(self._gone)


def on_vega(scenario: Callable[[Machine], Coroutine[object, object, T]]) -> T:
    """Do something with a machine in this process."""

    async def run() -> T:
        machine = await open_fake("vega")
        try:
            return await scenario(machine)
        finally:
            await machine.close()

    return asyncio.run(run())


def test_a_mark_is_dropped_on_proof_alone(state: Path) -> None:
    """Promise 8: no answer, another job's item, a pattern and what was not asked for prove nothing."""
    given = (mark("gone"), mark("there"), mark("go*", exact=False), mark("gone", job="apt"), mark("gone", job="snap"))
    keep_marks(str(state), given, ())
    files, snap = Knows("files", "gone", "go*", "of nobody"), Knows("snap", "gone", able=False)
    unmarked = Knows("flatpak", "gone")
    jobs = tuple(cast("AnyJob", job) for job in (snap, files, unmarked))

    async def drop(machine: Machine) -> list[tuple[str, str]]:
        return [(each.job, each.pattern) for each in await drop_gone(machine, jobs, Bus())]

    assert on_vega(drop) == [("files", "gone")]
    assert [(each.job, each.pattern) for each in load_marks(str(state)).marks] == [
        ("apt", "gone"),
        ("files", "go*"),
        ("files", "there"),
        ("snap", "gone"),
    ]
    assert (files.asked, unmarked.asked) == ([("gone", "there")], [])


def test_marks_larger_than_a_message_are_kept_read_and_dropped(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """P3: who keeps a group of very many items can do the next run too. The file is replaced once for each change."""
    long = "x" * (FRAME_LIMIT // 8)
    many = tuple(mark(f"/home/{number:02d}/{long}") for number in range(10))
    written: list[str] = []

    def write(path: str, text: str, mode: int) -> None:
        written.append(path)
        write_file(path, text, mode=mode)

    monkeypatch.setattr(module, "write_file", write)

    async def scenario(machine: Machine) -> tuple[Marks, Marks, Marks]:
        await change_marks_on(machine, many, ())
        kept = await read_marks_of(machine)
        await change_marks_on(machine, (mark("new"),), many[1:])
        changed = await read_marks_of(machine)
        job = cast("AnyJob", Knows("files", many[0].pattern))
        await drop_gone(machine, (job,), Bus())
        await change_marks_on(machine, (), ())
        return kept, changed, await read_marks_of(machine)

    assert on_vega(scenario) == (
        Marks(marks=many),
        Marks(marks=(many[0], mark("new"))),
        Marks(marks=(mark("new"),)),
    )
    assert written == [str(state / "marks.json")] * 3


def test_a_change_that_is_wrong_in_one_part_is_not_made_at_all(state: Path) -> None:
    """Promise 6."""
    long = "x" * PIECE

    async def scenario(machine: Machine) -> None:
        await change_marks_on(machine, (mark(f"/{long}"), mark("/[", exact=False)), ())

    with pytest.raises(FormatError):
        on_vega(scenario)
    assert load_marks(str(state)) == Marks()


def kept_marks(given: Sequence[Change], kept: Iterable[str]) -> tuple[tuple[Mark, ...], tuple[Mark, ...]]:
    """The marks that keeping some of these changes means."""
    section = Section(job="files", title="Files", source_state="", target_state="", changes=tuple(given))
    plan = Plan(
        host="vega",
        source="atlas",
        target="vega",
        source_id="a",
        target_id="v",
        version="0",
        sections=(section,),
        decisions={"files": dict.fromkeys(kept, Decision.KEEP)},
    )
    return marks_from(plan, "sam", SINCE)


@pytest.mark.parametrize(
    ("items", "kept", "marked"),
    [
        (("/h/d", "/h/d/a", "/h/d/b/c"), ("/h/d", "/h/d/a", "/h/d/b/c"), ["/h/d"]),
        (("/h/d/", "/h/d/a", "/h/d2"), ("/h/d/", "/h/d/a", "/h/d2"), ["/h/d/", "/h/d2"]),
        (("/h/d", "/h/d/a", "/h/d/b"), ("/h/d", "/h/d/a"), ["/h/d", "/h/d/a"]),
        (("/h/d", "/h/d/e", "/h/d/e/f", "/h/d/x"), ("/h/d", "/h/d/e", "/h/d/e/f"), ["/h/d", "/h/d/e"]),
        (("/h/d/a", "/h/d/b"), ("/h/d/a", "/h/d/b"), ["/h/d/a", "/h/d/b"]),
        (("d", "d/a"), ("d", "d/a"), ["d", "d/a"]),
    ],
    ids=["all", "a neighbour", "not all", "all of an inner one", "not the directory", "no paths"],
)
def test_a_directory_kept_with_all_that_changes_below_it_is_one_mark(
    items: tuple[str, ...], kept: tuple[str, ...], marked: list[str]
) -> None:
    """P3: a directory of 50,000 files is one mark to read and to take away."""
    given = changes(*items)
    for_source, _ = kept_marks(given, kept)
    assert [each.pattern for each in for_source] == marked


def test_a_mark_on_the_other_machine_does_not_stand_for_ones_here() -> None:
    """P3: where a directory comes in place of vega's file, each machine keeps the marks of what it holds."""
    given = (*changes("/h/d", before="file"), *changes("/h/d/a"))
    for_source, for_target = kept_marks(given, ("/h/d", "/h/d/a"))
    assert ([each.pattern for each in for_source], [each.pattern for each in for_target]) == (["/h/d/a"], ["/h/d"])


paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(lambda names: "/" + "/".join(names))


@given(st.dictionaries(paths, st.tuples(st.booleans(), st.booleans()), max_size=12))
def test_fewer_marks_cover_all_that_was_kept_and_no_more_than_each_by_itself(
    given: dict[str, tuple[bool, bool]],
) -> None:
    """P3, promise 9."""
    all_changes = [each for item, (_, there) in given.items() for each in changes(item, before="old" if there else "")]
    kept = [item for item, (keep, _) in given.items() if keep]
    found = tuple(each for side in kept_marks(all_changes, kept) for each in side)
    assert {each.pattern for each in found} <= set(kept)
    each_by_itself = (Marks(marks=tuple(mark(item) for item in kept)),)
    assert marked_items((Marks(marks=found),), "files", all_changes) == marked_items(
        each_by_itself, "files", all_changes
    )
