"""Files that live while they are read, and files that only look unchanged (faults rows 13, 14, 20, 21)."""

from __future__ import annotations

import json

import pytest

from pclab import product
from pclab.driving import assert_equal, command, shell, sync
from pclab.machine import LabMachine

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("synced", "quiet_after")]

RESTLESS = r"""
import os, pathlib, random
folder = pathlib.Path("/home/sam/restless")
random.seed(1)
while True:
    for number in range(300):
        path = folder / f"f{number}"
        link, folder_there = path.is_symlink(), path.is_dir()
        match random.randrange(5):
            case 0 if not folder_there and not link: path.write_bytes(os.urandom(random.randrange(5000)))
            case 1: path.rmdir() if folder_there and not link else path.unlink(missing_ok=True)
            case 2 if not path.exists() and not link: path.mkdir()
            case 3 if not path.exists() and not link: path.symlink_to("f1")
            case 4 if path.is_file() and not link: path.open("ab").write(b"more")
"""


def last_run(machine: LabMachine) -> str:
    return product.last_run(machine)


def test_files_that_change_while_they_are_read_arrive_as_they_were_at_one_moment(
    atlas: LabMachine, vega: LabMachine
) -> None:
    """F2, S7, faults row 20: changing, growing, vanishing, changing their type: the result is the snapshot's."""
    shell(atlas, "mkdir -p ~/restless", sudo=False)
    writer = atlas.popen(["python3", "-c", RESTLESS])
    try:
        for _ in range(3):
            sync(atlas, vega)
            snapshot = f"{product.SNAPSHOTS}/{last_run(atlas)}/pre-@home/sam/restless"
            report = assert_equal(atlas, snapshot, vega, "/home/sam/restless")
            assert report.compared["presence"] > 50
    finally:
        shell(atlas, "pkill -f /home/sam/restless", check=False)
        writer.kill()
        writer.communicate()


def test_a_database_in_use_arrives_whole_with_its_journal(atlas: LabMachine, vega: LabMachine) -> None:
    """F5, faults row 21: a WAL writer runs; integrity is ok there and no committed row is missing."""
    product.carry_tools(atlas)
    product.carry_tools(vega)
    shell(atlas, "mkdir -p ~/ledger", sudo=False)
    writer = atlas.popen(product.tool("home", "writer", "/home/sam/ledger"))
    try:
        shell(atlas, "for i in $(seq 100); do ls ~/ledger/*-wal 2>/dev/null && break; sleep 0.1; done", sudo=False)
        for _ in range(2):
            sync(atlas, vega)
            snapshot = f"{product.SNAPSHOTS}/{last_run(atlas)}/pre-@home/sam/ledger"
            (name,) = shell(vega, "cd ~/ledger; ls *.db", sudo=False).split()
            # A copy is opened: opening replays the journal, and a snapshot cannot be written to.
            shell(atlas, f"rm -rf /tmp/ledger; cp -r {snapshot} /tmp/ledger; chmod -R a+rwX /tmp/ledger")
            there = json.loads(vega.run(product.tool("home", "ledger", f"/home/sam/ledger/{name}")).stdout)
            here = json.loads(atlas.run(product.tool("home", "ledger", f"/tmp/ledger/{name}")).stdout)
            assert there["integrity"] == "ok"
            assert there["rows"] == here["rows"] > 0
    finally:
        shell(atlas, "pkill -f /home/sam/ledger", check=False)
        writer.kill()
        writer.communicate()


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
    sync(atlas, vega)
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


def test_a_sparse_file_stays_sparse(atlas: LabMachine, vega: LabMachine) -> None:
    """F1, faults row 14: no more blocks there than here, and five percent."""
    shell(
        atlas,
        "truncate -s 2G ~/disk.img; for at in 0 700 1500; do"
        " dd if=/dev/urandom of=$HOME/disk.img bs=64K count=4 seek=$((at * 16)) conv=notrunc status=none; done; sync",
        sudo=False,
    )
    sync(atlas, vega)
    shell(vega, "sync")
    here, there = (int(shell(machine, "stat -c %b ~sam/disk.img")) for machine in (atlas, vega))
    assert there <= here * 1.05
    assert vega.run(["sha256sum", "/home/sam/disk.img"]).stdout == atlas.run(["sha256sum", "/home/sam/disk.img"]).stdout


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
