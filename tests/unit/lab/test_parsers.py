"""What the lab reads from the box: mount table, loop devices, process states, apt's sources."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from pclab.cgroup import find_cgroup2
from pclab.disk import file_name
from pclab.golden import cache_key, debian_mirror, package_names
from pclab.names import LabNames, Pc, Suite
from pclab.namespace import mounts_to_drop
from pclab.pc import Specification, is_init
from pclab.supervisor import nspawn_command

HYBRID = """\
24 23 0:21 / /sys/fs/cgroup rw shared:4 - tmpfs tmpfs rw,mode=755
30 24 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
31 24 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
"""
UNIFIED = "24 23 0:21 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"


def test_the_unified_hierarchy_is_found_where_it_is_mounted() -> None:
    assert find_cgroup2(HYBRID) == Path("/sys/fs/cgroup/unified")
    assert find_cgroup2(UNIFIED) == Path("/sys/fs/cgroup")
    assert find_cgroup2(HYBRID.replace("cgroup2", "cgroup")) is None


def test_a_loop_device_is_known_by_the_name_its_file_had_when_it_was_made() -> None:
    """Design facts, pitfall 2: an old device of a deleted image keeps living."""
    information = struct.pack("=5Q4I64s", 1, 2, 3, 4, 5, 6, 7, 8, 9, b"/run/x/a.img").ljust(232, b"\xff")
    assert file_name(information) == "/run/x/a.img"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("Name:\tsystemd\nNSpid:\t812\t1\n", True),
        ("Name:\tbash\nNSpid:\t815\t4\n", False),
        ("Name:\tcontainer\nNSpid:\t900\t40\t1\n", False),
        ("Name:\tinit\nNSpid:\t1\n", False),
        ("", False),
    ],
)
def test_only_the_first_process_of_the_pc_itself_is_its_init(status: str, *, expected: bool) -> None:
    assert is_init(status) is expected


def test_the_mirror_is_the_one_the_box_uses() -> None:
    deb822 = "Types: deb\n# URIs: http://no/debian\nURIs: http://mirror.example/debian\nSuites: trixie\n"
    one_line = "# deb http://no/debian x main\ndeb [signed-by=/k.gpg] http://old.example/debian/ trixie main\n"
    assert debian_mirror(["Types: deb\nURIs: http://other.example/apt\n", deb822]) == "http://mirror.example/debian"
    assert debian_mirror([one_line]) == "http://old.example/debian/"
    assert debian_mirror(["URIs: http://mirror.example/debian-security\n"]) is None


def test_another_recipe_has_another_name() -> None:
    def key(suite: Suite = Suite.TRIXIE, packages: tuple[str, ...] = ("a", "b"), script: bytes = b"x") -> str:
        return cache_key(suite, packages, script, "x86_64")

    assert key() == key()
    others = {key(Suite.BOOKWORM), key(packages=("a",)), key(packages=("ab",)), key(script=b"y")}
    assert len(others | {key()}) == 5
    assert key().startswith("trixie-")


def test_package_lists_have_comments_and_no_order() -> None:
    assert package_names("# head\nb  # why\n\na\nb\n") == ("a", "b")


def test_a_specification_is_read_back_as_it_was_written() -> None:
    made = Specification(Suite.BOOKWORM, 5 << 30, "bookworm-1")
    assert Specification.from_json(made.to_json()) == made


def test_a_pc_holds_no_mount_of_any_lab_but_its_own_network() -> None:
    """A held pool or namespace would outlive its lab."""
    names = LabNames("main")
    table = "\n".join(
        f"1 2 0:1 / {point} rw - btrfs /dev/loop0 rw"
        for point in (
            *("/", "/run", "/run/pc-switcher-lab/main/pool", "/run/pc-switcher-lab/other/pool"),
            *("/run/netns", "/run/netns/pcl-main-atlas", "/run/netns/pcl-main-sw", "/run/netns/foreign"),
        )
    )
    assert mounts_to_drop(table, names, Pc.ATLAS) == [
        "/run/pc-switcher-lab/other/pool",
        "/run/pc-switcher-lab/main/pool",
        "/run/netns/pcl-main-sw",
    ]


def test_a_pc_cannot_set_the_clock_of_the_box() -> None:
    command = nspawn_command(LabNames("main"), Pc.VEGA, "/dev/loop7")
    assert "--drop-capability=CAP_SYS_TIME" in command
    assert "--network-namespace-path=/run/netns/pcl-main-vega" in command
    assert "--bind=/dev/loop7" in command
