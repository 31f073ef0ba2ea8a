"""One run from the outside: deployment, gates, exit codes, the dry run, and what each face prints."""

from __future__ import annotations

import json
import shlex

import pytest

from pclab.driving import Ended, assert_equal, command, first_sync, shell, sync
from pclab.machine import LabMachine

pytestmark = [pytest.mark.usefixtures("installed", "quiet_after"), pytest.mark.timeout(240)]

PLACES = ("/usr/local", "/var/lib/pc-switcher", "/.snapshots", "/home", "/root")
LIBRARY = "/usr/local/lib/pc-switcher"


def traces(machine: LabMachine) -> list[str]:
    """Every path in the places we may write to: type, mode, owner, and size and time unless it is a folder.

    A folder's time tells that something was there and is gone again, which is what a dry run does.
    """
    script = (
        'for place; do [ -e "$place" ] && find "$place" '
        '\\( -type d -printf "%p %y %m %u\\n" \\) -o -printf "%p %y %m %u %s %T@\\n"; done | sort'
    )
    return shell(machine, f"{script}; true", *PLACES).splitlines()


def labels(machine: LabMachine) -> list[str]:
    """The runs that have snapshots there."""
    return shell(machine, "ls -1v /.snapshots/pc-switcher 2>/dev/null || true").split()


def change(machine: LabMachine, word: str) -> None:
    """Put something new into the user's home."""
    machine.write("/home/sam/changing/file", f"{word}\n".encode())


def plan_of(ended: Ended) -> str:
    """The plan's line of a plain run."""
    return next(line for line in ended.out.splitlines() if line.startswith("Files: "))


def test_a_dry_run_before_the_first_sync_leaves_nothing_behind(atlas: LabMachine, vega: LabMachine) -> None:
    """Design §3: a dry run leaves nothing behind; exit 4 when something would change."""
    change(atlas, "first")
    before = {machine.name: traces(machine) for machine in (atlas, vega)}
    ended = command(atlas, "sync", "vega", "--dry-run", "--plain", status=4)
    assert "would be made to vega" in ended.out
    for machine in (atlas, vega):
        assert traces(machine) == before[machine.name]


def test_the_first_sync_needs_its_own_word(atlas: LabMachine, vega: LabMachine) -> None:
    """K3: --yes alone does not accept a first sync; exit 14, the option named, nothing changed, no snapshots."""
    vega.write("/home/sam/only on vega", b"mine\n")
    ended = sync(atlas, vega, status=14)
    assert "--allow first-sync" in ended.out
    assert vega.read("/home/sam/only on vega") == b"mine\n"
    assert vega.run(["test", "-e", "/home/sam/changing"], check=False).returncode == 1
    assert not labels(atlas)
    assert not labels(vega)


def test_without_the_program_on_the_target_it_is_installed_there(atlas: LabMachine, vega: LabMachine) -> None:
    """D1 (none), D2: installed over the connection, as the same version, root-owned."""
    change(atlas, "for the installation")
    shell(vega, f"rm -rf {LIBRARY} /usr/local/bin/pc-switcher")
    ended = first_sync(atlas, vega)
    assert "installed pc-switcher" in ended.out
    assert vega.run(["pc-switcher", "--version"]).stdout == atlas.run(["pc-switcher", "--version"]).stdout
    loose = shell(vega, f"find {LIBRARY} /usr/local/bin/pc-switcher ! -user root -o -perm /022 ! -type l")
    assert loose == ""
    assert_equal(atlas, "/home/sam/changing", vega, "/home/sam/changing")


def test_the_same_program_on_the_target_is_said_and_not_sent(atlas: LabMachine, vega: LabMachine) -> None:
    """D1 (same): said so, nothing sent; and a run with nothing to do ends with 0."""
    before = shell(vega, f"find {LIBRARY} -printf '%p %i %T@\\n' | sort")
    ended = sync(atlas, vega)
    assert "is on vega already" in ended.out
    assert "nothing to do" in ended.out
    assert shell(vega, f"find {LIBRARY} -printf '%p %i %T@\\n' | sort") == before


def test_an_older_program_on_the_target_is_upgraded_and_both_versions_told(atlas: LabMachine, vega: LabMachine) -> None:
    """D1 (older): upgraded, both versions logged."""
    version = pretend_version(vega, "0.0.1")
    ended = sync(atlas, vega)
    assert f"upgraded pc-switcher on vega from 0.0.1 to {version}" in ended.out
    assert version in vega.run(["pc-switcher", "--version"]).stdout.decode()


def test_a_newer_program_on_the_target_stops_the_run_before_anything_changes(
    atlas: LabMachine, vega: LabMachine
) -> None:
    """D1 (newer): the run stops with 13, says both versions and the way out; nothing changed on the target."""
    change(atlas, "while vega is newer")
    sync(atlas, vega)
    change(atlas, "this must not travel")
    version = pretend_version(vega, "99.0")
    try:
        before = traces(vega)
        ended = sync(atlas, vega, status=13)
        assert "99.0" in ended.out
        assert version in ended.out
        assert traces(vega) == before
    finally:
        shell(vega, f"rm -rf {LIBRARY} /usr/local/bin/pc-switcher")


def test_the_target_syncs_back_with_the_program_it_was_given(atlas: LabMachine, vega: LabMachine) -> None:
    """D3: the deployed program is the whole program."""
    sync(atlas, vega)
    change(vega, "made on vega")
    ended = sync(vega, atlas)
    assert "atlas is as vega" in ended.out
    assert atlas.read("/home/sam/changing/file") == b"made on vega\n"
    assert_equal(vega, "/home/sam/changing", atlas, "/home/sam/changing")


def test_a_dry_run_with_changes_leaves_nothing_behind(atlas: LabMachine, vega: LabMachine) -> None:
    """Design §3, §7: a dry run between two synced machines: exit 4, no trace on either; 0 when nothing would change."""
    sync(atlas, vega)
    assert "as atlas" in command(atlas, "sync", "vega", "--dry-run", "--plain").out
    change(atlas, "for the dry run")
    atlas.write("/home/sam/changing/new", b"new\n")
    before = {machine.name: traces(machine) for machine in (atlas, vega)}
    ended = command(atlas, "sync", "vega", "--dry-run", "--plain", status=4)
    assert plan_of(ended) == "Files: 1 new (4 B), 1 changed (16 B), 1 with other metadata"
    for machine in (atlas, vega):
        assert traces(machine) == before[machine.name]


def test_json_prints_one_event_per_line_and_the_exit_code_last(atlas: LabMachine, vega: LabMachine) -> None:
    """U3, design §7: every line parses and has type and schema; the last is run-finished with the exit code."""
    change(atlas, "for json")
    ended = command(atlas, "sync", "vega", "--json", "--yes")
    assert all({"type", "schema", "time"} <= event.keys() and event["schema"] == 1 for event in ended.events)
    assert ended.events[-1]["type"] == "run-finished"
    assert ended.events[-1]["exit_code"] == 0
    assert ended.events[-1]["outcome"] == "done"
    kinds = {event["type"] for event in ended.events}
    assert {"run-started", "step-started", "step-finished", "plan-line", "job-finished", "log-line"} <= kinds
    steps = [event["step"] for event in ended.events if event["type"] == "step-finished"]
    assert steps == [
        *("connect", "deploy", "lock", "check", "snapshot", "capture", "diff", "review"),
        *("apply", "verify", "post-snapshot", "record"),
    ]


def test_json_ends_with_the_exit_code_of_a_failure_too(atlas: LabMachine) -> None:
    """U3: a run that cannot connect ends with 12, in the last line as in the status."""
    ended = command(atlas, "sync", "nowhere.invalid", "--json", "--yes", status=12)
    assert ended.events[-1]["type"] == "run-finished"
    assert ended.events[-1]["exit_code"] == 12
    assert ended.events[-1]["hint"]


def test_without_a_yes_and_without_anybody_to_ask_the_run_stops(atlas: LabMachine, vega: LabMachine) -> None:
    """Promise 2, exit 14: no terminal and no --yes; nothing changed, nothing of the run is left."""
    change(atlas, "nobody said yes")
    before = labels(vega)
    ended = command(atlas, "sync", "vega", status=14)
    assert "--yes" in ended.out
    assert "\x1b" not in ended.out + ended.err
    assert vega.read("/home/sam/changing/file") != b"nobody said yes\n"
    assert labels(vega) == before
    sync(atlas, vega)


@pytest.mark.parametrize("setting", ["TERM=dumb", "NO_COLOR=1", "TERM=unknown-terminal"])
def test_output_that_is_no_terminal_gets_plain_lines(atlas: LabMachine, vega: LabMachine, setting: str) -> None:
    """U3, row 39: without a terminal no control sequence is printed, whatever TERM says."""
    done = atlas.run(["env", setting, "pc-switcher", "sync", "vega", "--yes", "--dry-run"], check=False)
    assert done.returncode in {0, 4}, done
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"capture done" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("sync",), 2, "HOST"),
        (("sync", "vega", "--no-such-option"), 2, "--no-such-option"),
        (("sync", "vega", "--plain", "--json"), 2, "--plain"),
        (("sync", "vega", "--only", "filez"), 2, "files"),
        (("sync", "vega", "--skip", "files", "--skip", "settings"), 2, "no job is selected"),
        (("sync", "vega", "--allow", "everything"), 2, "first-sync"),
        (("syncc", "vega"), 2, "sync"),
        (("show", "999"), 1, "999"),
        (("sync", "nowhere.invalid", "--plain", "--yes"), 12, "nowhere.invalid"),
        (("sync", "--", "-oProxyCommand=touch /tmp/owned"), 2, ""),
    ],
)
def test_every_refusal_has_its_exit_code_and_its_reason(
    atlas: LabMachine, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """Design §7: exit codes 1, 2 and 12; a reason for a person; never a traceback."""
    ended = command(atlas, *arguments, status=code)
    assert said in ended.out + ended.err
    assert "Traceback" not in ended.out + ended.err
    assert atlas.run(["test", "-e", "/tmp/owned"], check=False).returncode == 1


def test_wrong_settings_stop_the_run_with_file_and_line(atlas: LabMachine, vega: LabMachine) -> None:
    """C2, exit 10: nothing runs."""
    path = "/home/sam/.config/pc-switcher/config.toml"
    atlas.write(path, b"[jobs.files]\nmax_deletion = 3\n")
    try:
        ended = sync(atlas, vega, status=10)
    finally:
        shell(atlas, f"rm -rf {shlex.quote(path)}")
    assert "line 2" in ended.err
    assert "max_deletions" in ended.err


def test_unusually_many_deletions_need_their_own_word(atlas: LabMachine, vega: LabMachine) -> None:
    """F6: above the threshold --yes is not enough: 14 names the option, which then is; below it nothing is asked."""
    shell(atlas, "mkdir -p ~/many; cd ~/many; seq 1 400 | xargs touch", sudo=False)
    sync(atlas, vega)
    shell(atlas, "cd ~/many; seq 1 40 | xargs rm", sudo=False)
    sync(atlas, vega)
    shell(atlas, "cd ~/many; rm -f *", sudo=False)
    ended = sync(atlas, vega, status=None)
    assert ended.status == 14, ended
    assert "--allow mass-deletion" in ended.out
    assert len(shell(vega, "ls ~/many", sudo=False).split()) == 360
    assert "360 removed" in plan_of(sync(atlas, vega, "--allow", "mass-deletion"))
    assert shell(vega, "ls ~/many", sudo=False) == ""


def test_what_cannot_be_applied_is_named_and_the_rest_is_done(atlas: LabMachine, vega: LabMachine) -> None:
    """J7, exit 3: one item fails, the others are made; the next run tries it again."""
    shell(atlas, "mkdir -p ~/part/stuck; echo one >~/part/fine; echo two >~/part/stuck/file", sudo=False)
    sync(atlas, vega)
    shell(vega, "mount -t tmpfs none /home/sam/part/stuck")
    try:
        shell(atlas, "echo more >~/part/fine; echo more >~/part/stuck/file", sudo=False)
        ended = sync(atlas, vega, status=None)
        assert ended.status in {3, 13}, ended
    finally:
        shell(vega, "umount /home/sam/part/stuck")
    assert "/home/sam/part/stuck" in ended.out
    sync(atlas, vega)
    assert_equal(atlas, "/home/sam/part", vega, "/home/sam/part")


def pretend_version(machine: LabMachine, version: str) -> str:
    """Make the deployed program there tell that it is another version, of other content; gives back the true one."""
    script = f"""
        old=$(basename "$(readlink -f /usr/local/bin/pc-switcher | xargs dirname)")
        mv {LIBRARY}/$old {LIBRARY}/$1
        sed -Ei "s/$old/$1/; s/[0-9a-f]{{64}}/$(printf %064d 0)/" {LIBRARY}/$1/installed.json
        ln -sfn "$(readlink /usr/local/bin/pc-switcher | sed "s|/$old/|/$1/|")" /usr/local/bin/pc-switcher
        echo "$old"
        cat {LIBRARY}/$1/installed.json"""
    true, told = shell(machine, script, version).splitlines()[:2]
    assert json.loads(told)["version"] == version
    return true
