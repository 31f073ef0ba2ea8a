"""Which of three real PCs holds the newer work (requirement K3)."""

from __future__ import annotations

import json
import time

import pytest

from pclab import product
from pclab.driving import assert_equal, assert_quiet, command, first_sync, shell, sync
from pclab.machine import LabMachine

pytestmark = [
    pytest.mark.usefixtures("three", "quiet_after"),
    pytest.mark.timeout(300),
    pytest.mark.lab_only,
]

LEFT_OUT = ["/.local/state/pc-switcher", "/.ssh"]
"""What stays on its machine in sam's home."""


@pytest.fixture(scope="module")
def three(installed: None, atlas: LabMachine, vega: LabMachine, lyra: LabMachine) -> None:
    """Three PCs that have been synced in a ring: atlas → vega → lyra → atlas."""
    product.carry_tools(lyra)
    atlas.write("/home/sam/of atlas", b"1")
    first_sync(atlas, vega)
    vega.write("/home/sam/of vega", b"2")
    first_sync(vega, lyra)
    lyra.write("/home/sam/of lyra", b"3")
    first_sync(lyra, atlas, "--conflicts", "source")


def gates(ended_out: str) -> set[str]:
    """The options that a refused run names."""
    return {word for word in ("first-sync", "stale-source", "diverged-target") if f"--allow {word}" in ended_out}


def settle(source: LabMachine, target: LabMachine) -> None:
    """Make the target as the source, whatever it was."""
    sync(source, target, "--conflicts", "source", "--allow", "diverged-target", "--allow", "stale-source")


def test_a_ring_of_syncs_loses_nothing_and_needs_no_word(atlas: LabMachine, vega: LabMachine, lyra: LabMachine) -> None:
    """K3, faults row 30: atlas has vega's work through lyra, so it may go on to vega without a gate."""
    sync(atlas, vega, "--conflicts", "source")
    for machine in (atlas, vega, lyra):
        texts = [machine.read(f"/home/sam/of {name}") for name in ("atlas", "vega", "lyra")]
        assert texts == [b"1", b"2", b"3"]
    assert_equal(atlas, "/home/sam", vega, "/home/sam", LEFT_OUT)


def test_a_source_that_is_not_the_newest_is_refused(atlas: LabMachine, vega: LabMachine, lyra: LabMachine) -> None:
    """K3: vega's work went on to lyra; --yes alone does not let atlas overwrite it; its own option does."""
    sync(atlas, vega, "--conflicts", "source")
    vega.write("/home/sam/newest", b"work")
    sync(vega, lyra, "--conflicts", "source")
    ended = sync(atlas, vega, "--conflicts", "source", status=14)
    assert gates(ended.out) == {"stale-source"}
    assert "the work of vega went on to lyra in run" in ended.out
    assert "on lyra: pc-switcher sync atlas" in ended.out
    assert vega.read("/home/sam/newest") == b"work"
    sync(lyra, atlas, "--conflicts", "source")
    assert atlas.read("/home/sam/newest") == b"work"
    sync(atlas, vega, "--conflicts", "source")
    assert vega.read("/home/sam/newest") == b"work"


def test_a_target_with_work_from_elsewhere_is_refused(atlas: LabMachine, vega: LabMachine, lyra: LabMachine) -> None:
    """K3: lyra brought something to vega that atlas does not have."""
    sync(atlas, vega, "--conflicts", "source")
    sync(vega, lyra, "--conflicts", "source")
    lyra.write("/home/sam/brought by lyra", b"x")
    sync(lyra, vega, "--conflicts", "source")
    ended = sync(atlas, vega, "--conflicts", "source", status=14)
    assert gates(ended.out) == {"diverged-target"}
    assert "vega was synced from lyra in run" in ended.out
    assert vega.read("/home/sam/brought by lyra") == b"x"
    sync(atlas, vega, "--conflicts", "source", "--allow", "diverged-target")
    assert sync(atlas, vega).status == 0


def test_what_a_run_left_half_way_is_named_by_the_next(atlas: LabMachine, vega: LabMachine, lyra: LabMachine) -> None:
    """K3, promise 6: another PC is refused, the same one finishes it with a warning and no gate."""
    for target in (lyra, vega):
        settle(atlas, target)
    shell(atlas, "head -c 40000000 /dev/urandom >~sam/zz-big; chown sam: ~sam/zz-big")
    vega.limit_bandwidth(10)
    process = atlas.popen(["pc-switcher", "sync", "vega", "--plain", "--yes", "--conflicts", "source"])
    try:
        deadline = time.monotonic() + 90
        while not vega.processes(r"rsync .*--server"):
            assert process.poll() is None, "it ended before it wrote"
            assert time.monotonic() < deadline, "no rsync on vega"
            time.sleep(0.1)
        (ours,) = atlas.processes(r"^\S*python3? \S*pc-switcher sync ")
        atlas.run(["kill", "-KILL", str(ours.pid)])
    finally:
        vega.limit_bandwidth(10_000)
        out, _ = process.communicate(timeout=60)
    assert process.returncode != 0, out
    assert_quiet(atlas, vega, within=60)
    lyra.write("/home/sam/typed on lyra", b"x")  # a run with nothing to do needs no word
    ended = sync(lyra, vega, "--conflicts", "source", status=14)
    assert gates(ended.out) == {"diverged-target"}
    assert "vega was left half-way by run" in ended.out
    assert "from atlas" in ended.out
    assert vega.run(["test", "-e", "/home/sam/typed on lyra"], check=False).returncode == 1
    stale = sync(vega, lyra, "--conflicts", "source", status=14)
    assert gates(stale.out) == {"stale-source"}
    finished = sync(atlas, vega, "--conflicts", "source")
    assert "this run finishes what it left" in finished.out
    assert_equal(atlas, "/home/sam", vega, "/home/sam", LEFT_OUT)
    runs = [json.loads(line) for line in command(vega, "history", "--json").out.splitlines()]
    assert (runs[-1]["outcome"], runs[-1]["changed"]) == ("done", True)


def test_a_pc_installed_anew_is_a_first_sync_without_the_old_base(atlas: LabMachine, vega: LabMachine) -> None:
    """Faults row 27: same name, another machine id: said so, and nothing is removed by what the old base knew."""
    atlas.write("/home/sam/long known", b"x")
    settle(atlas, vega)
    atlas.run(["rm", "/home/sam/long known"])
    shell(
        vega,
        "rm -rf /var/lib/pc-switcher; tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id; "
        "for each in /.snapshots/pc-switcher/*/*; do btrfs -q subvolume delete $each; done",
    )
    vega.write("/home/sam/of the new vega", b"y")
    ended = sync(atlas, vega, status=14)
    assert gates(ended.out) == {"first-sync"}
    assert "vega was installed anew since run" in ended.out
    assert "everything in scope that only vega has will be removed" in ended.out
    assert vega.read("/home/sam/of the new vega") == b"y"
    first_sync(atlas, vega)
    sync(atlas, vega)
