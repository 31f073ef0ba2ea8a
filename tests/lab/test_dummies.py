"""The dummies between two real PCs, as anybody may run them (J4 to J8)."""

from __future__ import annotations

import json
import time

import pytest

from pclab.driving import Ended, assert_quiet, command, shell
from pclab.machine import LabMachine

pytestmark = [pytest.mark.usefixtures("synced", "quiet_after"), pytest.mark.timeout(240)]

SETTINGS = "/home/sam/.config/pc-switcher/config.toml"
ALLOWED = ("--allow", "first-sync")
"""The PCs were synced before, but not by these jobs."""
NOTES = "/root/.local/state/pc-switcher/dummies"


def configure(atlas: LabMachine, job: str, *lines: str, grace: int = 30) -> None:
    """Write the settings of one dummy (lines may begin a table of another), and the grace of a run."""
    text = "\n".join(("[run]", f"grace = {grace}", f"[jobs.{job}]", *lines, ""))
    atlas.run(["mkdir", "-p", "/home/sam/.config/pc-switcher"])
    atlas.write(SETTINGS, text.encode())


def run_dummy(atlas: LabMachine, job: str, *options: str, status: int = 0) -> Ended:
    """Sync with one dummy alone, told as JSON lines."""
    return command(atlas, "sync", "vega", "--json", "--yes", *ALLOWED, "--only", job, *options, status=status)


def said(ended: Ended, job: str) -> list[tuple[object, object]]:
    """Machine and level of every line that a job logged."""
    lines = [event for event in ended.events if event["type"] == "log-line" and event.get("job") == job]
    return [(line["machine"], line["level"]) for line in lines]


def outcomes(ended: Ended) -> dict[object, object]:
    """How each job of a run went."""
    return {event["job"]: event["outcome"] for event in ended.events if event["type"] == "job-finished"}


def sleepers(machine: LabMachine, seconds: str) -> str:
    """The `sleep` programs of so many seconds that run there."""
    return shell(machine, f"pgrep -xaf 'sleep {seconds}' || true")


def test_success_is_run_again_and_again_and_heard_from_both(atlas: LabMachine, vega: LabMachine) -> None:
    """J4, J8: INFO, WARNING, ERROR of both PCs and honest progress reach the events; done, with 0."""
    configure(atlas, "dummy_success", "source_seconds = 1.5", "target_seconds = 1.5")
    for _ in range(2):
        ended = run_dummy(atlas, "dummy_success")
        spoken = said(ended, "dummy_success")
        for machine in ("atlas", "vega"):
            levels = [level for who, level in spoken if who == machine]
            assert [levels.count(level) for level in ("INFO", "WARNING", "ERROR")] == [1, 1, 1], spoken
        progress = [event for event in ended.events if event["type"] == "progress"]
        assert {event["machine"] for event in progress} == {"atlas", "vega"}
        assert outcomes(ended) == {"dummy_success": "done"}


def test_a_note_is_carried_once_and_a_conflict_is_one(atlas: LabMachine, vega: LabMachine) -> None:
    """Design §4 on real PCs: captured from snapshots, applied, then nothing to do; what vega wrote is its own."""
    configure(atlas, "dummy_success", "source_seconds = 0", "target_seconds = 0", "repeat = false")
    shell(atlas, f"mkdir -p {NOTES}; echo of atlas >{NOTES}/dummy_success")
    run_dummy(atlas, "dummy_success")
    assert vega.sudo(["cat", f"{NOTES}/dummy_success"]).stdout == b"of atlas\n"
    assert "nothing to do" in run_dummy(atlas, "dummy_success").out
    shell(vega, f"echo of vega >{NOTES}/dummy_success")
    run_dummy(atlas, "dummy_success", status=14)
    run_dummy(atlas, "dummy_success", "--conflicts", "target")
    assert vega.sudo(["cat", f"{NOTES}/dummy_success"]).stdout == b"of vega\n"
    run_dummy(atlas, "dummy_success", status=14)  # it was left to vega once, not for good
    run_dummy(atlas, "dummy_success", "--conflicts", "source")
    assert vega.sudo(["cat", f"{NOTES}/dummy_success"]).stdout == b"of atlas\n"


def test_critical_stops_the_run_and_everything_it_started(atlas: LabMachine, vega: LabMachine) -> None:
    """J5, J6, J8: like a person's Ctrl-C, long before its time is over; no program of it is left on either PC."""
    configure(atlas, "dummy_critical", "source_seconds = 0.5", "target_seconds = 777", "critical_after = 1")
    began = time.monotonic()
    ended = command(atlas, "sync", "vega", "--json", "--yes", *ALLOWED, "--only", "dummy_critical", status=None)
    assert ended.status not in {0, 3, 4}, ended
    assert time.monotonic() - began < 60
    assert ("vega", "CRITICAL") in said(ended, "dummy_critical")
    assert not sleepers(vega, "777")


def test_failing_is_told_with_its_cause_and_the_run_fails(atlas: LabMachine, vega: LabMachine) -> None:
    """J5, J7, J8: CRITICAL with the cause though the job said nothing; failed, and nothing of it is left."""
    configure(atlas, "dummy_failing", "source_seconds = 777", "fail_after = 1")
    ended = command(atlas, "sync", "vega", "--json", "--yes", *ALLOWED, "--only", "dummy_failing", status=1)
    critical = [event for event in ended.events if event["type"] == "log-line" and event["level"] == "CRITICAL"]
    assert any("fails on purpose" in json.dumps(event) for event in critical), ended
    assert outcomes(ended) == {"dummy_failing": "failed"}
    assert not sleepers(atlas, "777")


def test_a_critical_job_stops_one_that_has_nothing_to_do_with_it(atlas: LabMachine, vega: LabMachine) -> None:
    """J5: all of the run stops; the other one, with 777 s before it, too."""
    configure(
        atlas,
        "dummy_critical",
        "source_seconds = 0.5",
        "target_seconds = 777",
        "critical_after = 1",
        "[jobs.dummy_success]",
        "source_seconds = 777",
    )
    began = time.monotonic()
    command(atlas, "sync", "vega", "--json", "--yes", *ALLOWED, *_only("dummy_critical", "dummy_success"), status=1)
    assert time.monotonic() - began < 60
    assert not sleepers(atlas, "777")
    assert not sleepers(vega, "777")


def test_a_failing_job_lets_an_independent_one_finish(atlas: LabMachine, vega: LabMachine) -> None:
    """J5, J7, J9: at the same time; one is done, one failed, and the run does not count as done."""
    configure(
        atlas,
        "dummy_failing",
        "fail_after = 0.5",
        "[jobs.dummy_success]",
        "source_seconds = 3",
        "target_seconds = 0.5",
    )
    ended = command(
        atlas, "sync", "vega", "--json", "--yes", *ALLOWED, *_only("dummy_failing", "dummy_success"), status=None
    )
    assert ended.status not in {0, 4}
    assert outcomes(ended) == {"dummy_failing": "failed", "dummy_success": "done"}


def _only(*jobs: str) -> list[str]:
    return [word for job in jobs for word in ("--only", job)]


@pytest.mark.parametrize("where", ["source", "target"])
def test_a_stubborn_job_is_killed_after_its_grace_on_both_pcs(atlas: LabMachine, vega: LabMachine, where: str) -> None:
    """J6: told to stop, it goes on; after the grace it is killed with what it started, on either PC."""
    other = "target" if where == "source" else "source"
    configure(atlas, "dummy_success", f"{where}_seconds = 888", f"{other}_seconds = 0", "stubborn = true", grace=2)
    machine = atlas if where == "source" else vega
    process = atlas.popen(["pc-switcher", "sync", "vega", "--plain", "--yes", *ALLOWED, "--only", "dummy_success"])
    deadline = time.monotonic() + 60
    while not sleepers(machine, "888"):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    shell(
        atlas,
        "pkill -INT -xf '.*python.*pc-switcher sync vega --plain --yes --allow first-sync --only dummy_success'",
        sudo=False,
    )
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert not sleepers(machine, "888")
    assert_quiet(atlas, vega)
