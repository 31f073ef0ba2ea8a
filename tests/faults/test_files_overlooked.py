"""Files whose change is easily overlooked, and paths too long to carry (F5, faults row 13)."""

from __future__ import annotations

import pytest

from pclab.driving import command, overrule, shell, sync
from pclab.machine import LabMachine

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("synced", "quiet_after")]


def test_a_stale_journal_on_the_target_never_meets_a_new_database(atlas: LabMachine, vega: LabMachine) -> None:
    """F5: measured: an old -wal beside a new database is replayed into it, and the old rows come back."""
    make = (
        "import sqlite3, sys, os; c = sqlite3.connect('/home/sam/stale.db'); c.execute('pragma journal_mode=wal');"
        "c.execute('create table if not exists t(x)'); c.execute('delete from t');"
        "c.execute('insert into t values (?)', (sys.argv[1],)); c.commit(); os._exit(0)"
    )
    atlas.run(["python3", "-c", make, "first"])
    sync(atlas, vega)
    vega.run(["python3", "-c", make, "of vega"])
    assert "stale.db-wal" in shell(vega, "ls ~", sudo=False)
    shell(atlas, "rm ~/stale.db*", sudo=False)
    atlas.run(["python3", "-c", make.replace("os._exit(0)", "c.close()"), "from atlas"])
    overrule(atlas, vega, "/home/sam/stale.db")
    read = "import sqlite3; print(sqlite3.connect('/home/sam/stale.db').execute('select x from t').fetchall())"
    assert vega.run(["python3", "-c", read]).stdout.decode().strip() == "[('from atlas',)]"


def test_an_edit_of_the_same_size_within_the_same_second_travels(atlas: LabMachine, vega: LabMachine) -> None:
    """Measured: rsync alone skips a file of equal size whose time moved by a nanosecond."""
    atlas.write("/home/sam/same", b"one")
    shell(atlas, "touch -d '2026-01-01 10:00:00.000000001' ~/same", sudo=False)
    sync(atlas, vega)
    atlas.write("/home/sam/same", b"two")
    shell(atlas, "touch -d '2026-01-01 10:00:00.000000002' ~/same", sudo=False)
    sync(atlas, vega)
    assert vega.read("/home/sam/same") == b"two"
    assert shell(vega, "stat -c %y ~/same", sudo=False).startswith("2026-01-01 10:00:00.000000002")


def test_a_path_beyond_path_max_is_named_and_stops_nothing_else(atlas: LabMachine, vega: LabMachine) -> None:
    """Faults row 13, exit 3: rsync cannot carry it; everything else is done, and nothing is deleted for it."""
    deep = (
        "import os; os.chdir('/home/sam'); os.mkdir('deep'); os.chdir('deep')\n"
        "for _ in range(25): os.mkdir('d' * 200); os.chdir('d' * 200)\n"
        "open('bottom', 'w').write('x')"
    )
    atlas.run(["python3", "-c", deep])
    atlas.write("/home/sam/deep/beside", b"x")
    atlas.write("/home/sam/elsewhere", b"x")
    ended = sync(atlas, vega, status=3)
    assert "/home/sam/deep/ddd" in ended.out
    assert vega.read("/home/sam/deep/beside") == b"x"
    assert vega.read("/home/sam/elsewhere") == b"x"
    assert command(atlas, "history").out.splitlines()[-1].split()[5] == "partial"
    shell(atlas, "rm -r ~/deep", sudo=False)
    sync(atlas, vega)
    assert "deep" not in shell(vega, "ls ~", sudo=False).split()
