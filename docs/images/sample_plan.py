"""A plan as a real evening makes it: what the pictures and the tests of the review show."""

from __future__ import annotations

from datetime import UTC, datetime

from pcswitcher.jobs.api import Action, Change, Details, Finding, Gate, Risk, Severity
from pcswitcher.model.plan import Plan, Section

HOME = "/home/sam"
NOTES = f"{HOME}/Documents/notes.md"


def sample_plan() -> Plan:
    """From atlas to vega: conflicts, removals and a gate among many plain changes."""
    files = (
        Change(
            item=NOTES,
            action=Action.CHANGE,
            before="file, 2.1 KiB, 2026-04-30 21:07:11 UTC",
            after="file, 2.4 KiB, 2026-05-01 12:12:48 UTC",
            why="size, mtime, content",
            size=2458,
            conflict="its content, after the last sync",
        ),
        Change(
            item=f"{HOME}/Projects/ledger/report.ods",
            action=Action.CHANGE,
            before="file, 48 KiB, 2026-04-30 22:15:40 UTC",
            after="file, 51 KiB, 2026-05-01 09:02:02 UTC",
            why="size, mtime, content",
            size=52_224,
            conflict="its content, after the last sync",
        ),
        *(
            Change(item=f"{HOME}/Documents/drafts/{name}.odt", action=Action.REMOVE, before="file, 18 KiB", why="gone")
            for name in ("letter-1", "letter-2", "letter-old")
        ),
        Change(item=f"{HOME}/Downloads/manual.pdf", action=Action.REMOVE, before="file, 3.4 MiB", why="gone"),
        Change(
            item=f"{HOME}/bin/backup",
            action=Action.ADD,
            after="file, 1.1 KiB, mode 4755",
            size=1126,
            risk=Risk.HIGH,
        ),
        *(
            Change(
                item=f"{HOME}/Pictures/2026-04/IMG_{number:04}.jpg",
                action=Action.ADD,
                after="file, 4.2 MiB",
                size=4_404_019 + number * 1013,
            )
            for number in range(117, 263)
        ),
        *(
            Change(
                item=f"{HOME}/Projects/ledger/{name}",
                action=Action.CHANGE,
                before="file, 3.0 KiB",
                after="file, 3.1 KiB",
                why="size, mtime, content",
                size=3174,
            )
            for name in ("ledger/book.py", "ledger/entry.py", "ledger/tax.py", "README.md", "tests/test_book.py")
        ),
        Change(
            item=f"{HOME}/.ssh", action=Action.METADATA, before="directory", after="directory", why="mode 0755 → 0700"
        ),
    )
    packages = (
        Change(item="gimp", action=Action.ADD, after="2.10.38-1", why="installed by hand", size=21_400_000),
        Change(item="nvidia-driver", action=Action.REMOVE, before="550.163.01-2", why="only vega has it"),
        Change(
            item="thunderbird", action=Action.CHANGE, before="128.9", after="128.10", why="version", size=61_000_000
        ),
    )
    return Plan(
        source="atlas",
        target="vega",
        source_id="5a" * 16,
        target_id="c3" * 16,
        version="0.2.0",
        created=datetime(2026, 5, 1, 12, 30, tzinfo=UTC),
        sections=(
            Section(
                job="files",
                title="Files",
                source_state="",
                target_state="",
                changes=files,
                problems=(f"{HOME}/mail.sock: a socket cannot be carried",),
                marked=(f"{HOME}/.config/monitors.xml",),
            ),
            Section(job="apt", title="Packages (apt)", source_state="", target_state="", changes=packages),
        ),
        findings=(
            Finding(
                severity=Severity.WARNING,
                machine="vega",
                message="vega was synced with lyra since its last sync with atlas",
                hint="sync from lyra first, or go on: lyra's changes there show as conflicts",
                gate=Gate.DIVERGED_TARGET,
            ),
            Finding(
                severity=Severity.WARNING,
                machine="vega",
                message="sam is logged in on vega; open programs may write over what is synced",
                hint="log out there, or: loginctl terminate-user sam",
            ),
        ),
    )


async def sample_details(job: str, change: Change) -> Details:
    """What looking closer at a change of the sample plan finds."""
    if change.item != NOTES:
        return Details(rows=(("is", change.before, change.after),), rule="no rule says otherwise")
    return Details(
        difference=(
            "--- vega",
            "+++ atlas",
            "@@ -3,3 +3,4 @@",
            " Shopping",
            "-* milk, bread, coffee for the office and for everybody who comes by on Thursday",
            "+* milk",
            "+* train tickets",
            " Garden",
        ),
        rule="no rule says otherwise",
    )
