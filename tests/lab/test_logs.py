"""The logs of real runs: what is in them, where they are kept, and what happens when they cannot be."""

from __future__ import annotations

import gzip
import json
import re
import shlex
import time
from collections.abc import Iterator

import pytest

from pclab.driving import Terminal, command, shell, sync
from pclab.machine import LabMachine

pytestmark = [pytest.mark.usefixtures("synced", "quiet_after"), pytest.mark.timeout(180)]

LOGS = "/home/sam/.local/state/pc-switcher/logs"
RUNS = "/var/lib/pc-switcher/runs"
CONFIG = "/home/sam/.config/pc-switcher/config.toml"
PASSWORD = "Sesam öffne dich 7391"
RULE = "/etc/sudoers.d/sam"

Log = list[dict[str, object]]


@pytest.fixture
def at_debug(atlas: LabMachine) -> Iterator[None]:
    """The person wants to know everything, and to keep few logs."""
    with_settings(atlas, '[log]\nfile = "DEBUG"\nlibraries = "INFO"\nkeep = 3\n')
    yield
    atlas.run(["rm", "-f", CONFIG])


def with_settings(machine: LabMachine, text: str) -> None:
    machine.run(["mkdir", "-p", CONFIG.rpartition("/")[0]])
    machine.write(CONFIG, text.encode())


def newest(machine: LabMachine) -> str:
    names = machine.run(["ls", LOGS]).stdout.decode().split()
    return f"{LOGS}/{max(names)}"


def newest_log(machine: LabMachine) -> Log:
    return [json.loads(line) for line in machine.read(newest(machine)).splitlines()]


def messages(log: Log, machine: str, pattern: str) -> list[str]:
    """What was said of a machine that has this pattern."""
    told = [str(event.get("message")) for event in log if event.get("machine") == machine]
    return [text for text in told if re.search(pattern, text)]


def label_of(log: Log) -> str:
    (started,) = [event for event in log if event["type"] == "run-started"]
    return str(started["run"])


def test_a_log_at_debug_holds_every_command_and_call_of_both_pcs(
    atlas: LabMachine, vega: LabMachine, at_debug: None
) -> None:
    """L1, L3: before it starts and after its end, with its status, its duration and what it printed."""
    atlas.write("/home/sam/debugged", b"x")
    sync(atlas, vega)
    log = newest_log(atlas)
    assert messages(log, "atlas", r"^command local-\d+: ssh -M ")
    assert messages(log, "atlas", r"^command local-\d+: sudo -n -- env ")
    assert messages(log, "atlas", r"^command local-\d+ ended with status 0 after [\d.]+ s$")
    (rsync,) = messages(log, "atlas", r"^command \d+: rsync .*--rsh=")
    number = rsync.split(":")[0]
    (ended,) = [event for event in log if re.match(f"{number} ended with status 0 after", str(event.get("message")))]
    fields = ended["fields"]
    assert isinstance(fields, dict)
    assert "debugged" in fields["stdout"]
    for machine in ("atlas", "vega"):
        assert messages(log, machine, r"^command \d+\.\d+: btrfs subvolume snapshot -r ")
        assert messages(log, machine, r"^command \d+\.\d+ ended with status 0")
        assert messages(log, machine, r"^call \d+: pcswitcher\.run\.record:write_record$")
        assert messages(log, machine, r"^call \d+ ended after [\d.]+ s$")
    order = [str(event.get("message")) for event in log]
    assert order.index(rsync) < order.index(str(ended["message"]))
    assert "ssh -M" not in command(atlas, "logs", "last").out
    assert "ssh -M" in command(atlas, "logs", "last", "--level", "debug").out


def test_a_log_above_debug_holds_no_command(atlas: LabMachine, vega: LabMachine) -> None:
    """L1, L2, L5."""
    atlas.write("/home/sam/full", b"x")
    sync(atlas, vega)
    log = newest_log(atlas)
    assert messages(log, "vega", "/home/sam/full")
    assert not [event for event in log if str(event.get("message")).startswith(("command ", "call "))]


def test_the_sudo_password_is_in_no_log(atlas: LabMachine, vega: LabMachine, at_debug: None) -> None:
    """L3, promise 9, faults row 25: at DEBUG, where the name of its variable is."""
    atlas.write("/home/sam/with-password", b"x")
    vega.sudo(["chpasswd"], input=f"sam:{PASSWORD}\n".encode())
    shell(vega, f"echo 'sam ALL=(ALL:ALL) ALL' >{RULE}")
    try:
        with Terminal(atlas, "sync", "vega", "--yes", "--plain") as terminal:
            terminal.expect("sudo password for sam on vega: ")
            time.sleep(0.3)
            terminal.type(f"{PASSWORD}\n")
            assert terminal.end() == 0, terminal.text
    finally:
        freed = f"echo 'sam ALL=(ALL:ALL) NOPASSWD: ALL' >{RULE}"
        script = f"sudo -k -S -p '' -- sh -c {shlex.quote(freed)}"
        vega.run(["sh", "-c", script], input=f"{PASSWORD}\n".encode())
    log = newest_log(atlas)
    label = label_of(log)
    for machine, path, sudo in (
        (atlas, newest(atlas), False),
        (atlas, f"{RUNS}/{label}/log.jsonl.gz", True),
        (vega, f"{RUNS}/{label}/log.jsonl.gz", True),
    ):
        data = machine.read(path, sudo=sudo)
        text = (gzip.decompress(data) if path.endswith(".gz") else data).decode("ascii")
        assert label in text
        for words in (PASSWORD, json.dumps(PASSWORD)[1:-1]):
            assert words not in text
    assert any("PC_SWITCHER_SUDO_PASSWORD" in str(event.get("fields")) for event in log)


def test_both_pcs_keep_a_copy_for_root_and_tell_the_run_by_it(
    atlas: LabMachine, vega: LabMachine, at_debug: None
) -> None:
    """L3, L4: without DEBUG; the other PC lists it and prints it, and so does this one when its own is gone."""
    atlas.write("/home/sam/copied \x1b[31m", b"x")
    sync(atlas, vega)
    label = label_of(newest_log(atlas))
    for machine in (atlas, vega):
        path = f"{RUNS}/{label}/log.jsonl.gz"
        assert shell(machine, f"stat -c '%a %U' {path}").split() == ["600", "root"]
        assert machine.run(["cat", path], check=False).returncode != 0
        events = [json.loads(line) for line in gzip.decompress(machine.read(path, sudo=True)).splitlines()]
        assert {"atlas", "vega"} <= {event.get("machine") for event in events}
        assert "DEBUG" not in {event.get("level") for event in events}
    (row,) = [row for row in command(vega, "logs").out.splitlines() if row.startswith(label)]
    assert "atlas → vega" in row
    assert " done " in row
    assert "root's copy" in row
    for words in ([str(int(label))], ["last"]):
        assert "copied \\x1b[31m" in command(vega, "logs", *words).out
    assert "root's copy" not in command(atlas, "logs").out.splitlines()[0]
    atlas.run(["rm", newest(atlas)])
    assert "copied \\x1b[31m" in command(atlas, "logs", label).out


def test_old_logs_are_compressed_and_only_so_many_are_kept(atlas: LabMachine, vega: LabMachine, at_debug: None) -> None:
    """L3: the newest stays plain; all are listed, and printed, alike."""
    for _ in range(4):
        sync(atlas, vega)
    deadline = time.monotonic() + 20
    while len(found := atlas.run(["ls", LOGS]).stdout.decode().split()) > 3 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert [name.endswith(".jsonl.gz") for name in sorted(found)] == [True, True, False]
    assert set(shell(atlas, f"stat -c %a {LOGS}/*").split()) == {"600"}
    rows = [row for row in command(atlas, "logs").out.splitlines() if "root's copy" not in row]
    assert len(rows) == 4
    label = rows[2].split()[0]
    assert f"run {label}: atlas → vega" in command(atlas, "logs", label).out


def test_a_run_is_followed_from_another_terminal_to_its_end(atlas: LabMachine, vega: LabMachine) -> None:
    """L4: it is listed as running; what happens is printed while it does; with the run the following ends."""
    shell(atlas, "head -c 12000000 /dev/urandom >/home/sam/slow", sudo=False)
    vega.limit_bandwidth(20)
    try:
        running = atlas.popen(["pc-switcher", "sync", "vega", "--plain", "--yes"])
        deadline = time.monotonic() + 60
        while " running " not in command(atlas, "logs").out.splitlines()[0]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        following = atlas.popen(["pc-switcher", "logs", "--follow"])
        assert following.stdout is not None
        seen = ""
        while "apply …" not in seen:
            line = following.stdout.readline().decode()
            assert line, seen
            seen += line
        assert running.poll() is None
    finally:
        vega.limit_bandwidth(10_000)
    out, _ = running.communicate(timeout=120)
    assert running.returncode == 0, out
    rest, _ = following.communicate(timeout=20)
    assert following.returncode == 0
    assert "vega is as atlas" in rest.decode().splitlines()[-1]


def test_a_run_that_was_killed_is_told_as_far_as_it_came(atlas: LabMachine, vega: LabMachine) -> None:
    """L4, faults row 9: half a line in its log is no obstacle; following it ends at once."""
    shell(atlas, "head -c 12000000 /dev/urandom >/home/sam/slow", sudo=False)
    vega.limit_bandwidth(20)
    try:
        running = atlas.popen(["pc-switcher", "sync", "vega", "--plain", "--yes"])
        assert running.stdout is not None
        while b"apply" not in running.stdout.readline():
            assert running.poll() is None
        shell(atlas, "pkill -KILL -f 'pc-switcher sync vega'", check=False)
        running.communicate(timeout=30)
    finally:
        vega.limit_bandwidth(10_000)
    shell(atlas, f"printf '{{\"type\":' >>{newest(atlas)}", sudo=False)
    label = label_of([json.loads(line) for line in atlas.read(newest(atlas)).splitlines()[:-1]])
    (row,) = [row for row in command(atlas, "logs").out.splitlines() if row.startswith(label)]
    assert " not finished " in row
    assert "apply …" in command(atlas, "logs", "last", "--follow").out
    sync(atlas, vega)


def test_a_disk_without_room_for_the_log_costs_the_log_alone(atlas: LabMachine, vega: LabMachine) -> None:
    """L5: the sync is done, and its end says what is missing; both PCs have what there is."""
    shell(atlas, f"mount -t tmpfs -o size=4k,mode=700,uid=$(id -u sam),gid=$(id -g sam) none {LOGS}")
    try:
        ended = sync(atlas, vega)
        assert "cannot be written: No space left on device" in ended.err
        assert "vega is as atlas" in ended.out
    finally:
        shell(atlas, f"umount {LOGS}")


def test_a_folder_for_logs_that_cannot_be_made_costs_the_log_alone(atlas: LabMachine, vega: LabMachine) -> None:
    """L5."""
    shell(atlas, f"mv {LOGS} {LOGS}.away; touch {LOGS}", sudo=False)
    try:
        ended = sync(atlas, vega)
        assert "logs" in ended.err
        assert "cannot be written" in ended.err
        assert "vega is as atlas" in ended.out
    finally:
        shell(atlas, f"rm {LOGS}; mv {LOGS}.away {LOGS}", sudo=False)
