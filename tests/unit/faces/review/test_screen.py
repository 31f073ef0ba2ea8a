"""The review screen, by what it shows and what it decides."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual import events

from pcswitcher.faces.review.tree import PlanTree
from pcswitcher.jobs.api import Action, Change, Decision, Details, Finding, Gate, PcSwitcherError, Severity
from pcswitcher.model.plan import Plan

pytestmark = pytest.mark.slow  # a whole application is drawn, key after key
FIRST = Finding(severity=Severity.WARNING, machine="vega", message="vega was never synced", gate=Gate.FIRST_SYNC)


def added(*names: str) -> tuple[Change, ...]:
    return tuple(Change(item=f"/home/sam/{name}", action=Action.ADD, size=1024) for name in names)


def removed(*names: str) -> tuple[Change, ...]:
    return tuple(Change(item=f"/home/sam/{name}", action=Action.REMOVE, before="a file") for name in names)


def conflicting(*names: str) -> tuple[Change, ...]:
    return tuple(
        Change(
            item=f"/home/sam/{name}",
            action=Action.CHANGE,
            before="file, 1 KiB",
            after="file, 2 KiB",
            conflict="its content",
        )
        for name in names
    )


def test_everything_of_the_plan_is_on_a_screen_of_80_by_24(drive, sample):
    """U4, K3: jobs, groups in their order, counts, sizes, what waits, gates, keys."""

    async def scenario(desk):
        for words in ("atlas → vega", "162 changes", "needs the word diverged-target", "sam is logged in on vega"):
            await desk.sees(words)
        await desk.sees("Before y: 2 conflicts · 5 removals · the word diverged-target")
        for key in ("a Apply", "n Skip now", "k Keep", "d Details", "w Warnings", "/ Filter", "o Order", "y Accept"):
            await desk.sees(key)
        await desk.sees("s Save, quit")
        await desk.sees("q Quit")
        rows = [row.split("  ")[0].strip("▾▸?✓· ") for row in (each.strip() for each in desk.rows())]
        groups = ["Conflicts", "Removals", "New", "Changed", "Other metadata", "Cannot be made equal"]
        assert [row for row in rows if row in groups][:6] == groups
        assert "Packages (apt)" in rows
        assert any("147 · 640 MiB" in row for row in desk.rows())

    assert not drive(sample, scenario).over


def test_the_details_tell_everything_about_an_item(drive, plan_of):
    """Issue 3 section 2: metadata, reason, rule, difference of text."""
    change = Change(
        item="/home/sam/notes",
        action=Action.CHANGE,
        before="file, 1 KiB",
        after="file, 2 KiB",
        why="size, content",
        size=2048,
        conflict="its content",
    )

    async def inspect(job: str, change: Change) -> Details:
        assert job == "files"
        assert change.item == "/home/sam/notes"
        return Details(rows=(("mode", "0644", "0600"),), difference=("@@ -1 +1 @@", "-old", "+new"), rule="rule 7")

    async def scenario(desk):
        await desk.go("/home/sam/notes")
        await desk.until(lambda: "+new" in desk.details())
        words = desk.details()
        for part in ("vega changed it itself: its content", "file, 1 KiB", "file, 2 KiB", "size, content", "2.0 KiB"):
            assert part in words
        for part in ("mode", "0644", "0600", "rule 7", "-old"):
            assert part in words
        assert "Skip now: vega keeps its own this time; the next sync asks again" in words
        assert "Keep: vega keeps its own in every sync, until pc-switcher unmark" in words

    drive(plan_of(change), scenario, inspect=inspect)


def test_moving_on_cancels_the_look(drive, plan_of):
    """Who scrolls through a plan must not leave questions behind on the machines."""
    began, cancelled = asyncio.Event(), []

    async def inspect(job: str, change: Change) -> Details:
        if change.item.endswith("b"):
            return Details(rule="about b")
        began.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.append(change.item)
            raise
        return Details()

    async def scenario(desk):
        await desk.go("a")
        await desk.until(began.is_set)
        await desk.go("b")
        await desk.until(lambda: "about b" in desk.details())
        assert cancelled == ["/home/sam/a"]

    drive(plan_of(*added("a", "b")), scenario, inspect=inspect)


@pytest.mark.parametrize("error", [PcSwitcherError("vega is gone"), KeyError("vega is gone")])
def test_a_look_that_fails_is_told_and_the_review_goes_on(drive, plan_of, error):
    async def inspect(job: str, change: Change) -> Details:
        raise error

    async def scenario(desk):
        await desk.go("a")
        await desk.until(lambda: "could not look closer" in desk.details())
        await desk.until(lambda: "vega is gone" in desk.details())
        await desk.press("n", "y", "y")

    ended = drive(plan_of(*added("a", "b")), scenario, inspect=inspect)
    assert ended.plan.decisions == {"files": {"/home/sam/a": Decision.SKIP}}


def test_keys_that_come_at_once_all_count(drive, plan_of):
    """U4: over a slow line keys arrive together; what was skipped just before the y is not made."""

    async def scenario(desk):
        await desk.go("a")
        for key in "ny":
            desk.pilot.app.post_message(events.Key(key, key))
        await desk.sees("1 skipped")
        await desk.press("y")

    ended = drive(plan_of(*added("a", "b")), scenario)
    assert ended.plan.decisions == {"files": {"/home/sam/a": Decision.SKIP}}


def test_a_y_that_is_pressed_twice_too_soon_is_no_yes(drive, plan_of):
    """U4, promise 2: the question must have been on the screen; it stays and takes its answer."""

    async def scenario(desk):
        for _ in range(2):
            desk.pilot.app.post_message(events.Key("y", "y"))
        await desk.sees("y Change vega")
        await desk.settle()
        assert not desk.answer.done()
        await desk.press("y")

    assert drive(plan_of(*added("a", "b")), scenario).over


def test_a_plan_of_plain_changes_is_accepted_after_a_summary(drive, plan_of):
    """U4, promise 2: y asks once more, with what is done and on which machine; Enter alone goes back."""

    async def scenario(desk):
        await desk.press("y")
        await desk.sees("2 new (2.0 KiB)")
        await desk.sees("Nothing is changed on atlas")
        await desk.press("enter")
        assert desk.top is desk.screen
        await desk.press("y", "y")

    plan = plan_of(*added("a", "b"))
    ended = drive(plan, scenario)
    assert ended.over
    assert ended.plan == plan


@pytest.mark.parametrize(("key", "decision"), [("n", Decision.SKIP), ("k", Decision.KEEP)])
def test_an_item_a_folder_and_a_group_are_decided_with_one_key(drive, plan_of, key, decision):
    """U4."""
    everything = added("a", "docs/1", "docs/2", "docs/3")

    async def one(desk):
        await desk.go("a")
        await desk.press(key, "y", "y")

    async def folder(desk):
        await desk.go("docs/")
        await desk.press(key, "y", "y")

    async def group(desk):
        await desk.go("New")
        await desk.press(key, "y", "y")

    for scenario, names in ((one, ["a"]), (folder, ["docs/1", "docs/2", "docs/3"]), (group, None)):
        about = [f"/home/sam/{name}" for name in names] if names else [change.item for change in everything]
        assert drive(plan_of(*everything), scenario).plan.decisions == {"files": dict.fromkeys(about, decision)}


def test_a_decision_shows_in_its_row_and_in_the_tally_above(drive, plan_of):
    async def scenario(desk):
        await desk.go("a")
        await desk.press("k")
        assert any(row.split()[:2] == ["⌂", "a"] for row in desk.rows())
        assert any("New" in row and "1 ✓ 1 ⌂   2" in row for row in desk.rows())
        await desk.until(lambda: "⌂ Keep: vega stays without it" in desk.details())
        await desk.press("a")
        assert any(row.split()[:2] == ["✓", "a"] for row in desk.rows())

    drive(plan_of(*added("a", "b")), scenario)


def test_accepting_is_not_possible_while_a_conflict_waits(drive, plan_of):
    """Promise 7: y leads to the first conflict instead; even a filter does not hide it."""

    async def scenario(desk):
        await desk.press("slash", *"zzz", "enter", "y")
        assert desk.top is desk.screen
        assert desk.tree.current.key[2] == "/home/sam/x"
        await desk.press("a", "down", "n", "y")
        await desk.sees("1 changed")
        await desk.press("y")

    ended = drive(plan_of(*conflicting("x", "y"), *added("b")), scenario)
    assert ended.plan.decisions == {"files": {"/home/sam/x": Decision.APPLY, "/home/sam/y": Decision.SKIP}}


def test_conflicts_are_decided_as_a_group(drive, plan_of):
    async def scenario(desk):
        await desk.go("Conflicts")
        await desk.press("k", "y", "y")

    ended = drive(plan_of(*conflicting("x", "y", "z")), scenario)
    assert set(ended.plan.decisions["files"].values()) == {Decision.KEEP}
    assert len(ended.plan.decisions["files"]) == 3


@pytest.mark.parametrize(("where", "names"), [("Removals", {"old", "older"}), ("old", {"old"})])
def test_one_key_removes_nothing(drive, plan_of, where, names):
    """U4: removals need their own gesture; Enter and Escape in the question go back."""

    async def scenario(desk):
        await desk.go(where)
        for back in ("enter", "escape"):
            await desk.press("a")
            await desk.sees(f"Remove {len(names)} item")
            await desk.sees("/home/sam/old")
            await desk.press(back)
            await desk.sees("Before y: 2 removals")
        await desk.press("a", "r")
        assert any(row.split()[0] == "✗" and "old" in row for row in desk.rows())
        await desk.press("y", *([] if where == "Removals" else ["k"]))
        await desk.sees(f"{len(names)} removed")
        await desk.press("y")

    decisions = drive(plan_of(*removed("old", "older"), *added("a")), scenario).plan.decisions["files"]
    assert {item.removeprefix("/home/sam/") for item, made in decisions.items() if made is Decision.APPLY} == names


@pytest.mark.parametrize(
    ("key", "decision"), [("r", Decision.APPLY), ("n", Decision.SKIP), ("k", Decision.KEEP), ("escape", None)]
)
def test_accepting_asks_about_removals_nobody_spoke_about(drive, plan_of, key, decision):
    """U4, promise 2."""

    async def scenario(desk):
        await desk.press("y")
        await desk.sees("Remove 2 items on vega?")
        await desk.press(key)
        if decision:
            await desk.press("y")

    ended = drive(plan_of(*removed("x", "y"), *added("a")), scenario)
    assert ended.over is (decision is not None)
    if decision:
        assert ended.plan.decisions == {"files": {"/home/sam/x": decision, "/home/sam/y": decision}}


def test_a_removal_among_conflicts_asks_like_any_removal(drive, plan_of):
    """U4: a group's answer does not remove by the way."""
    gone = Change(item="/home/sam/gone", action=Action.REMOVE, conflict="its content")

    async def scenario(desk):
        await desk.go("Conflicts")
        await desk.press("a")
        await desk.sees("Remove 1 item on vega?")
        await desk.sees("1 other item")
        await desk.press("r", "y")
        await desk.sees("1 removed")
        await desk.press("y")

    ended = drive(plan_of(*conflicting("x"), gone), scenario)
    assert ended.plan.decisions == {"files": {"/home/sam/x": Decision.APPLY, "/home/sam/gone": Decision.APPLY}}


def test_a_gate_opens_only_for_its_own_word(drive, plan_of):
    """K3."""

    async def scenario(desk):
        await desk.press("y")
        await desk.sees("vega was never synced")
        await desk.type("yes")
        await desk.press("enter")
        await desk.sees("Only the word first-sync opens this")
        await desk.press("escape")
        assert desk.top is desk.screen
        await desk.press("y")
        await desk.type("first-sync")
        await desk.press("enter", "y")

    assert drive(plan_of(*added("a"), findings=(FIRST,)), scenario).plan.opened == (Gate.FIRST_SYNC,)


def test_an_allowed_gate_needs_no_word(drive, plan_of):
    """K3."""

    async def scenario(desk):
        assert "needs the word" not in desk.text()
        await desk.sees("vega was never synced")
        await desk.press("y", "y")

    assert drive(plan_of(*added("a"), findings=(FIRST,)), scenario, Gate.FIRST_SYNC).plan


def test_all_warnings_are_shown_whole_with_what_mends_them(drive, plan_of):
    """U5, J3: nothing is cut off without a way to see it."""
    findings = tuple(
        Finding(severity=Severity.WARNING, machine="vega", message=f"warning {number} " + "long " * 30, hint="mend it")
        for number in range(4)
    )
    silent = Finding(severity=Severity.ADVICE, machine="vega", message="only advice")

    async def scenario(desk):
        await desk.sees("and 3 more: w shows all")
        await desk.press("w")
        await desk.settle()
        await desk.sees("→ mend it")
        assert "only advice" not in desk.text()
        await desk.press("escape")
        assert desk.top is desk.screen

    drive(plan_of(*added("a"), findings=(*findings, silent)), scenario, size=(80, 40))


def test_leaving_declines_and_asks_only_when_decisions_would_be_lost(drive, plan_of):
    """Promise 2: no plan comes back."""

    async def at_once(desk):
        await desk.press("q")

    async def after_a_decision(desk):
        await desk.go("a")
        await desk.press("n", "escape")
        await desk.sees("Leave the review?")
        await desk.press("enter")
        assert desk.top is desk.screen
        await desk.press("q", "q")

    for scenario in (at_once, after_a_decision):
        ended = drive(plan_of(*added("a", "b")), scenario)
        assert ended.over
        assert ended.plan is None


def test_a_plan_is_saved_with_its_decisions_and_nothing_is_changed(drive, plan_of, tmp_path):
    """Issue 3 section 2."""
    plan = plan_of(*added("a", "b"))
    there = tmp_path / "there.json"
    there.touch()

    async def scenario(desk):
        await desk.go("a")
        await desk.press("k", "s")
        await desk.sees(f"/plans/vega-{plan.created:%Y%m%dT%H%M%SZ}.json")
        field = desk.top.query_one("Input")
        field.value = str(there)
        await desk.press("enter")
        await desk.sees("There is such a file already")
        field.value = str(tmp_path / "new.json")
        await desk.press("enter")

    ended = drive(plan, scenario)
    assert ended.over
    assert ended.plan is None
    assert ended.saved == [(plan.deciding("files", ["/home/sam/a"], Decision.KEEP), tmp_path / "new.json")]


def test_what_was_not_confirmed_is_not_removed_by_a_saved_plan(drive, plan_of, tmp_path):
    """U4: whoever applies the file is not asked again; conflicts and gates stay open there."""
    plan = plan_of(*conflicting("x"), *removed("old", "older"), findings=(FIRST,))

    async def scenario(desk):
        await desk.go("old")
        await desk.press("a", "r", "s")
        await desk.sees("1 removal you did not confirm: saved as skipped")
        desk.top.query_one("Input").value = str(tmp_path / "new.json")
        await desk.press("enter")

    [(saved, _)] = drive(plan, scenario).saved
    assert saved.decisions == {"files": {"/home/sam/old": Decision.APPLY, "/home/sam/older": Decision.SKIP}}
    assert saved.opened == ()


def test_a_plan_that_cannot_be_saved_is_told_and_nothing_is_lost(drive, plan_of):
    def save(plan: Plan, path: Path) -> None:
        raise OSError(28, "No space left on device")

    async def scenario(desk):
        await desk.press("s", "enter")
        await desk.sees("could not be saved")
        await desk.sees("No space left")
        await desk.press("escape", "y", "y")

    assert drive(plan_of(*added("a")), scenario, save=save).plan


def test_the_filter_narrows_what_is_shown_and_what_a_group_decides(drive, plan_of):
    async def scenario(desk):
        await desk.press("slash")
        await desk.type("*.odt")
        await desk.press("enter")
        await desk.sees("2 shown, by name")
        assert not any("b.txt" in row for row in desk.rows())
        await desk.go("New")
        await desk.press("n", "escape")
        assert any("b.txt" in row for row in desk.rows())
        await desk.press("y", "y")

    ended = drive(plan_of(*added("a.odt", "b.txt", "c/d.odt")), scenario)
    assert set(ended.plan.decisions["files"]) == {"/home/sam/a.odt", "/home/sam/c/d.odt"}


def test_a_filter_that_finds_nothing_says_so(drive, plan_of):
    async def scenario(desk):
        await desk.press("slash", *"zzz")
        await desk.until(lambda: "Nothing fits the filter." in desk.details())
        await desk.press("enter", "n", "a", "enter", "left", "right", "down", "d")
        await desk.sees("0 shown")

    assert not drive(plan_of(*added("a")), scenario).over


def test_by_size_the_largest_is_first(drive, plan_of):
    changes = [Change(item=f"/home/sam/{size}", action=Action.ADD, size=size) for size in (10, 5000, 300)]

    async def scenario(desk):
        await desk.press("o")
        labels = [desk.tree.rows.row(line).label for line in range(len(desk.tree.rows))]
        assert labels[2:] == ["/home/sam/5000", "/home/sam/300", "/home/sam/10"]
        await desk.sees("by size")
        await desk.press("o", "o")
        assert "by " not in desk.text().split("Before y")[0].split("before you press")[0].replace("by you", "")

    drive(plan_of(*changes), scenario)


def test_the_mouse_folds_chooses_and_decides(drive, plan_of):
    async def scenario(desk):
        before = len(desk.tree.rows)
        await desk.pilot.click(PlanTree, offset=(4, 1))
        await desk.settle()
        assert len(desk.tree.rows) < before
        await desk.pilot.click(PlanTree, offset=(4, 1))
        await desk.settle()
        assert len(desk.tree.rows) == before
        await desk.pilot.click(PlanTree, offset=(10, 3))
        await desk.settle()
        assert desk.tree.current.label == "a"
        await desk.click("#decide-keep")
        await desk.press("y")
        await desk.click("#choice-y")

    ended = drive(plan_of(*added("a", "b")), scenario)
    assert ended.plan.decisions == {"files": {"/home/sam/a": Decision.KEEP}}


def test_the_keys_in_the_footer_can_be_clicked(drive, plan_of):
    async def scenario(desk):
        footer = next(line for line in range(22, 24) if "y Accept" in desk.shown()[line])
        await desk.pilot.click(offset=(desk.shown()[footer].index("y Accept"), footer))
        await desk.settle()
        await desk.press("y")

    assert drive(plan_of(*added("a")), scenario).plan


def test_a_long_name_can_be_read_whole(drive, plan_of):
    """Nothing is cut off without a way to see it: the pane wraps, the tree scrolls, d shows it over the screen."""
    name = "very-" * 20 + "end"

    async def scenario(desk):
        await desk.go(name)
        line = desk.tree.cursor
        row = desk.tree.render_line(line).text
        assert "…" in row
        assert name in desk.details().replace("\n", "")
        assert "very-end" in "".join(line[44:].strip(" │") for line in desk.shown()[3:12])
        for _ in range(12):
            await desk.press("shift+right")
        assert "end" in desk.tree.render_line(line).text
        await desk.press("d", "end")
        assert desk.top is not desk.screen
        await desk.sees("in every sync, until pc-switcher unmark")
        await desk.press("escape")
        assert desk.top is desk.screen

    drive(plan_of(*added(name, "b")), scenario)


def test_problems_and_marked_items_are_shown_and_cannot_be_decided(drive, sample):
    async def scenario(desk):
        await desk.go("Cannot be made equal")
        await desk.press("right", "down")
        await desk.until(lambda: "/home/sam/mail.sock" in desk.details())
        await desk.press("n")
        await desk.sees("Choose a group, a folder or an item")

    drive(sample, scenario)


def test_a_saved_review_goes_on_where_it_was(drive, plan_of):
    plan = plan_of(*conflicting("x", "y"), *removed("old")).deciding("files", ["/home/sam/x"], Decision.SKIP)

    async def scenario(desk):
        await desk.sees("Before y: 1 conflict · 1 removal")

    drive(plan, scenario)


def test_50_000_items_in_one_folder_cost_what_is_visible(drive, plan_of, monkeypatch):
    """Issue 3 section 2: counted, not timed: a key draws the rows in sight and makes no others."""
    drawn: list[int] = []
    draw = PlanTree.render_line

    def counting(self: PlanTree, y: int):
        drawn.append(y)
        return draw(self, y)

    monkeypatch.setattr(PlanTree, "render_line", counting)
    changes = [
        Change(item=f"/home/sam/Pictures/{number:06}.jpg", action=Action.ADD, size=1) for number in range(50_000)
    ]

    async def scenario(desk):
        await desk.press("down", "enter")
        assert len(desk.tree.rows) == 50_003
        for key in ("down", "pagedown", "end", "pageup", "home", "n", "o", "o", "o"):
            drawn.clear()
            await desk.press(key)
            assert len(drawn) <= 4 * desk.tree.size.height, key
        await desk.press("end")
        assert desk.tree.current.label == "049999.jpg"
        await desk.press("k", "home", "down", "down")
        await desk.until(lambda: "49,999 ✓ 1 ⌂" in desk.details())

    drive(plan_of(*changes), scenario)


@pytest.mark.parametrize("size", [(80, 24), (40, 12), (200, 60)])
def test_any_size_of_terminal_is_survived_and_so_is_a_change_of_it(drive, sample, size):
    """U3."""

    async def scenario(desk):
        await desk.pilot.resize_terminal(*size)
        await desk.press("down", "down", "d", "escape", "y")
        await desk.pilot.resize_terminal(80, 24)
        await desk.settle()
        await desk.sees("Files")

    assert not drive(sample, scenario, size=(100, 30)).over


def test_what_names_hold_is_no_markup(drive, plan_of):
    change = Change(item="/home/sam/[b]bold[/b] [red", action=Action.REMOVE, before="a [file", why="[x]")

    async def scenario(desk):
        await desk.go("Removals")
        await desk.press("down")
        await desk.until(lambda: "[b]bold[/b] [red" in desk.details())
        await desk.press("a")
        await desk.sees("[b]bold[/b] [red")

    drive(plan_of(change), scenario)
