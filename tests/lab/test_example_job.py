"""A job of a third party between two PCs: what is installed on one goes with the program to the other (J1, D2, D3)."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from pclab.driving import Ended, command, shell
from pclab.machine import LabMachine

pytestmark = [pytest.mark.usefixtures("installed", "quiet_after"), pytest.mark.timeout(240)]

EXAMPLE = Path(__file__).parents[2] / "examples" / "pc-switcher-hosts"
BLOCK = "# begin shared\n192.0.2.10 nas\n# end shared\n"


@pytest.fixture(scope="module", autouse=True)
def hosts_job(installed: None, atlas: LabMachine, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The example's package, installed for atlas' own Python beside the one-file program, and nowhere else."""
    place = tmp_path_factory.mktemp("example")
    shutil.copytree(EXAMPLE, place / "source")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-deps", "--no-index"]
    command_line = [*pip, "--no-build-isolation", "--target", str(place / "packages"), str(place / "source")]
    subprocess.run(command_line, check=True, capture_output=True, timeout=120)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name in sorted(os.listdir(place / "packages")):
            tar.add(place / "packages" / name, name, filter=_of_root)
    where = '$(python3 -c \'import sysconfig; print(sysconfig.get_path("purelib", "posix_local"))\')'
    atlas.write("/tmp/packages.tar", archive.getvalue())
    shell(atlas, f"mkdir -p {where}; tar -xf /tmp/packages.tar -C {where} --no-same-owner; rm /tmp/packages.tar")


def _of_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    return member


def sync_hosts(source: LabMachine, target: LabMachine, *options: str, status: int = 0) -> Ended:
    """Sync with the third party's job alone."""
    return command(source, "sync", target.host, "--plain", "--yes", "--only", "hosts", *options, status=status)


def edit(machine: LabMachine, program: str) -> None:
    """Edit the hosts file there with sed."""
    shell(machine, f"sed -i '{program}' /etc/hosts")


def hosts_of(machine: LabMachine) -> str:
    """The hosts file there."""
    return machine.run(["cat", "/etc/hosts"]).stdout.decode()


def test_it_is_seen_where_it_was_installed_and_nowhere_else(atlas: LabMachine, vega: LabMachine) -> None:
    """J1: its settings stand with ours; vega, which has neither the job nor us, is not asked."""
    assert "[jobs.hosts]" in command(atlas, "config", "show").out
    assert shell(vega, "find / -xdev -name '*pc_switcher_hosts*' 2>/dev/null") == ""


def test_it_works_on_a_pc_that_never_saw_it(atlas: LabMachine, vega: LabMachine) -> None:
    """D2: carried with the program, no internet; what stands outside the block stays vega's own."""
    before = hosts_of(vega)
    shell(atlas, "printf '%s' \"$1\" >>/etc/hosts", BLOCK)
    sync_hosts(atlas, vega, "--allow", "first-sync")
    assert hosts_of(vega) == before + BLOCK
    assert "nothing to do" in sync_hosts(atlas, vega).out


def test_the_program_with_it_is_the_same_program_at_the_next_sync(atlas: LabMachine, vega: LabMachine) -> None:
    """D1: it is not sent again and again."""
    assert "is on vega already" in sync_hosts(atlas, vega).out


def test_what_the_other_pc_changed_is_a_conflict(atlas: LabMachine, vega: LabMachine) -> None:
    """Promise 7, for a job of anybody: exit 14, nothing changed; then each answer does what it says."""
    edit(vega, "s/192.0.2.10 nas/192.0.2.99 nas/")
    sync_hosts(atlas, vega, status=14)
    assert "192.0.2.99 nas" in hosts_of(vega)
    sync_hosts(atlas, vega, "--conflicts", "target")
    assert "192.0.2.99 nas" in hosts_of(vega)
    sync_hosts(atlas, vega, "--conflicts", "source")
    assert "192.0.2.10 nas" in hosts_of(vega)


def test_the_other_pc_syncs_back_with_the_job_it_was_given(atlas: LabMachine, vega: LabMachine) -> None:
    """D3: vega has the whole program, the job in it; atlas' own installation of the job does not get in its way."""
    edit(vega, "s/192.0.2.10 nas/192.0.2.20 nas/")
    sync_hosts(vega, atlas)
    assert "192.0.2.20 nas" in hosts_of(atlas)
    assert "nothing to do" in sync_hosts(atlas, vega).out


def test_a_damaged_block_is_found_by_its_check_before_anything(atlas: LabMachine, vega: LabMachine) -> None:
    """J3, promise 8: both PCs are named, with what mends it; it is no empty block."""
    for machine in (atlas, vega):
        edit(machine, "/# end shared/d")
    ended = sync_hosts(atlas, vega, status=13)
    said = ended.out + ended.err
    assert "atlas: /etc/hosts" in said
    assert "vega: /etc/hosts" in said
    assert "sudoedit /etc/hosts" in said
