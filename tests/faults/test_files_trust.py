"""What a person, or a program of theirs, prepared on the target or does on the source meanwhile harms nothing."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from pclab import product
from pclab.driving import assert_equal, command, manifest, overrule, shell, sync
from pclab.machine import LabMachine

pytestmark = [pytest.mark.usefixtures("synced", "quiet_after"), pytest.mark.timeout(120)]

# Every 10 ms each: in place, grown, replaced by a rename, turned into another type, moved away, new, gone.
RESTLESS = """
import os, shutil, sys, time
os.chdir("/home/sam/restless")
turn = 0
print("ready", flush=True)
while True:
    turn += 1
    text = f"turn {turn} ".encode()
    with open("in place", "r+b") as file: file.write(text * 4000)
    with open("grows", "ab") as file: file.write(text * 100)
    with open("new version", "wb") as file: file.write(text * 500)
    os.rename("new version", "replaced")
    if os.path.isdir("type") and not os.path.islink("type"): shutil.rmtree("type"); os.symlink("grows", "type")
    elif os.path.islink("type"): os.unlink("type"); open("type", "wb").write(text)
    else: os.unlink("type"); os.makedirs("type/inside"); open("type/inside/file", "wb").write(text)
    os.rename(f"moves-{(turn - 1) % 5}", f"moves-{turn % 5}")
    os.makedirs(f"folder-{turn % 5}", exist_ok=True); open(f"folder-{turn % 5}/{turn}", "wb").write(text)
    shutil.rmtree(f"folder-{(turn + 1) % 5}", ignore_errors=True)
    time.sleep(0.01)
"""


@contextmanager
def running(machine: LabMachine, arguments: list[str]) -> Generator[None]:
    """A program of the user that runs there meanwhile; it has said its first line, and ends with its terminal."""
    process = machine.popen(arguments, tty=True)
    try:
        assert process.stdout is not None
        assert b"ready" in process.stdout.readline()
        yield
        assert process.poll() is None, "it ended before its time"
    finally:
        process.terminate()
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def before_the_sync(machine: LabMachine, folder: str) -> str:
    """A folder of the user in the snapshot that the machine's last run was made from."""
    return f"{product.SNAPSHOTS}/{product.last_run(machine)}/pre-@home/sam/{folder}"


def test_a_planted_symlink_to_a_file_of_root_is_replaced(atlas: LabMachine, vega: LabMachine) -> None:
    """F6; faults row 19: vega's ~/.config/planted/x → /etc/shadow, where atlas has a file: never followed."""
    names = ("new", "changed", "attributes", "goes")
    shell(
        atlas,
        "mkdir -p ~/.config/planted; cd ~/.config/planted; for name; do echo $name >$name; done",
        *names[1:],
        sudo=False,
    )
    sync(atlas, vega)
    before = manifest(vega, "/etc")
    shell(vega, "cd ~/.config/planted; for name; do ln -sf /etc/shadow $name; done", *names, sudo=False)
    shell(
        atlas,
        "cd ~/.config/planted; echo new >new; echo more >>changed; chmod 666 attributes; touch attributes; rm goes",
        sudo=False,
    )
    overrule(atlas, vega, *(f"/home/sam/.config/planted/{name}" for name in names))
    assert_equal(atlas, "/home/sam/.config/planted", vega, "/home/sam/.config/planted")
    assert manifest(vega, "/etc") == before


def test_a_directory_that_became_a_symlink_to_etc_is_a_directory_again(atlas: LabMachine, vega: LabMachine) -> None:
    """F6; faults row 19: files would be written to, changed and deleted in vega's /etc, were it followed."""
    make = "mkdir -p ~/way/there ~/way/else; cd ~/way; for n in hostname passwd goes; do echo n >there/$n; done"
    shell(atlas, f"{make}; echo n >else/motd", sudo=False)
    sync(atlas, vega)
    before = manifest(vega, "/etc")
    shell(vega, "cd ~/way; rm -r there else; ln -s /etc there; ln -s /etc else", sudo=False)
    shell(
        atlas,
        "cd ~/way; echo x >there/planted; echo x >>there/passwd; rm there/goes; rm -r else; mkdir -p ssh",
        sudo=False,
    )
    overrule(atlas, vega, "/home/sam/way/there")
    assert_equal(atlas, "/home/sam/way", vega, "/home/sam/way")
    assert manifest(vega, "/etc") == before
    assert "is as" in command(atlas, "sync", "vega", "--dry-run", "--plain").out


def test_files_that_change_while_they_are_carried_arrive_as_they_were_at_one_moment(
    atlas: LabMachine, vega: LabMachine
) -> None:
    """F2; faults row 20: changed, grown, renamed, retyped all the time: vega gets what the snapshot had."""
    shell(
        atlas,
        "mkdir -p ~/restless; cd ~/restless; head -c 100000 /dev/zero >'in place'; echo x >type; echo moves >moves-0",
        sudo=False,
    )
    for _ in range(2):
        with running(atlas, ["python3", "-c", RESTLESS]):
            sync(atlas, vega)
            moment = before_the_sync(atlas, "restless")
            report = assert_equal(atlas, moment, vega, "/home/sam/restless")
            assert report.compared["content"] > 3
            # Without this it would prove nothing: the file grew on after the snapshot, and it grew before.
            grown, arrived = (int(shell(machine, "stat -c %s /home/sam/restless/grows")) for machine in (atlas, vega))
            assert grown > arrived > 0
        shell(atlas, "cd ~/restless; rm -rf moves-*; echo moves >moves-0", sudo=False)
    sync(atlas, vega)
    assert_equal(atlas, "/home/sam/restless", vega, "/home/sam/restless")


def test_a_database_that_is_written_to_arrives_sound_and_whole(atlas: LabMachine, vega: LabMachine) -> None:
    """F5; faults row 21: a WAL writer runs on atlas; vega has the snapshot's rows, sound, and no journal of its own."""
    folder = "/home/sam/book"
    shell(atlas, f"mkdir {folder}", sudo=False)
    rows = 0
    for turn in range(2):
        with running(atlas, product.tool("home", "writer", folder)):
            overrule(atlas, vega, f"{folder}/counter.db") if turn else sync(atlas, vega)
            moment = before_the_sync(atlas, "book")
        here, there = (
            json.loads(machine.sudo(product.tool("home", "ledger", f"{place}/counter.db")).stdout)
            for machine, place in ((atlas, moment), (vega, folder))
        )
        assert there == here
        assert there["integrity"] == "ok"
        assert there["rows"] > rows
        rows = there["rows"]
        # Vega opens and writes to its own copy: a journal that the next sync must not leave beside the new one.
        stale = (
            "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit(); os._exit(0)"
        )
        vega.run(
            ["python3", "-c", stale, f"{folder}/counter.db", "INSERT INTO entries (seed, text) VALUES (7, 'stale')"]
        )
        assert vega.run(["test", "-s", f"{folder}/counter.db-wal"], check=False).returncode == 0
    shell(
        atlas,
        'cd ~/book; python3 -c \'import sqlite3; sqlite3.connect("counter.db").execute("PRAGMA journal_mode=DELETE")\'',
        sudo=False,
    )
    overrule(atlas, vega, f"{folder}/counter.db")
    assert_equal(atlas, folder, vega, folder)
    assert set(manifest(vega, folder)) == {".", "counter.db"}
