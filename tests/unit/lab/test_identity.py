"""What makes a PC this PC: T1, T5, T6."""

from __future__ import annotations

from pathlib import Path

import pytest

from pclab.connection import lab_route, real_route
from pclab.faults import loss_rules
from pclab.identity import Identity, KeyPair, files
from pclab.keys import known_hosts
from pclab.names import LabNames, Pc
from pclab.ssh import config_text


def identity(pc: Pc) -> Identity:
    return Identity(
        run_id="main",
        pc=pc,
        file_system=f"uuid-of-{pc}",
        host_key=KeyPair(f"private host {pc}", f"ssh-ed25519 {pc}host root@{pc}"),
        user_key=KeyPair(f"private sam {pc}", f"ssh-ed25519 {pc}sam sam@{pc}"),
        known_hosts=known_hosts((other, f"ssh-ed25519 {other}host root@{other}") for other in Pc),
        authorized_keys=("ssh-ed25519 driver", *(f"ssh-ed25519 {other}sam" for other in Pc)),
    )


def test_private_keys_are_readable_by_their_owner_alone() -> None:
    for file in files(identity(Pc.ATLAS)):
        if "private" in file.content or file.path.endswith("authorized_keys"):
            assert file.mode == 0o600
    owned_by_sam = {file.path for file in files(identity(Pc.ATLAS)) if file.owner}
    assert owned_by_sam == {file.path for file in files(identity(Pc.ATLAS)) if file.path.startswith("home/sam/")}


def test_pcs_share_no_key_and_no_file_system() -> None:
    atlas = {file.path: file.content for file in files(identity(Pc.ATLAS))}
    vega = {file.path: file.content for file in files(identity(Pc.VEGA))}
    shared = {path for path in atlas if atlas[path] == vega[path]}
    assert shared == {
        *("etc/hosts", "etc/pc-switcher-lab", "etc/ssh/ssh_known_hosts", "home/sam/.ssh/authorized_keys"),
    }


def test_every_pc_knows_every_other_by_name_and_address() -> None:
    lines = known_hosts((pc, f"ssh-ed25519 {pc}key comment here") for pc in Pc).splitlines()
    assert lines[1] == "vega,10.77.0.12 ssh-ed25519 vegakey"
    assert len(lines) == len(Pc)


def test_fstab_names_the_file_system_and_each_subvolume() -> None:
    (fstab,) = (file.content for file in files(identity(Pc.LYRA)) if file.path == "etc/fstab")
    fields = [line.split("\t") for line in fstab.splitlines()]
    assert {(where, options.split(",")[0]) for _, where, _, options, *_ in fields} == {
        *(("/", "subvol=@"), ("/home", "subvol=@home"), ("/.snapshots", "subvol=@snapshots")),
    }
    assert {device for device, *_ in fields} == {"UUID=uuid-of-lyra"}


def test_host_keys_are_checked_strictly_and_nobodys_settings_take_part() -> None:
    """T5."""
    text = config_text(Path("/k/driver"), Path("/r/known_hosts"))
    assert "    StrictHostKeyChecking yes\n" in text
    assert "    IdentitiesOnly yes\n" in text
    assert "-F" in lab_route(LabNames("main"), Pc.ATLAS).command()


def test_no_part_of_the_lab_switches_host_key_checking_off() -> None:
    """T5."""
    sources = Path(__file__).parents[3] / "lab" / "src"
    texts = [path.read_text() for path in sources.rglob("*.*") if path.suffix in {".py", ".sh", ".txt"}]
    assert texts
    assert not any("StrictHostKeyChecking no" in text or "StrictHostKeyChecking=no" in text for text in texts)


def test_a_real_machine_is_reached_with_the_users_own_ssh_settings() -> None:
    """T3."""
    command = real_route("desk", "me").command("-T")
    assert command[0] == "ssh"
    assert command[-5:] == ["-l", "me", "-T", "desk", "--"]
    assert not any("HostKey" in word or word == "-F" for word in command)


@pytest.mark.parametrize(
    ("percent", "rule"), [(1, "numgen random mod 100 < 1 drop"), (99, "numgen random mod 100 < 99 drop"), (100, "drop")]
)
def test_loss_hits_both_directions_of_one_cable(percent: int, rule: str) -> None:
    rules = loss_rules(Pc.VEGA, percent)
    assert rules.count(f'iifname "p-vega" {rule}\n') == 3
    assert rules.count(f'oifname "p-vega" {rule}\n') == 3
    assert "atlas" not in rules
    assert "drop" not in loss_rules(Pc.VEGA, 0)
