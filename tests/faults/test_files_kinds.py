"""Names, links, attributes, kinds of files and odd paths: each travels exactly, or is named."""

from __future__ import annotations

import json
import os
import unicodedata

import pytest

from pclab.driving import assert_equal, command, manifest, python, shell, sync
from pclab.home_awkward import NAMES, access_control_list, capability
from pclab.machine import LabMachine

pytestmark = [pytest.mark.usefixtures("synced", "quiet_after"), pytest.mark.timeout(120)]

IMMUTABLE, APPEND_ONLY, NO_COPY_ON_WRITE = 0x10, 0x20, 0x00800000  # FS_IOC_GETFLAGS, linux/fs.h
LOGS = "/home/sam/.local/state/pc-switcher/logs"


def assert_nothing_left(source: LabMachine, target: LabMachine) -> None:
    """A second plan is empty."""
    assert "is as" in command(source, "sync", target.host, "--dry-run", "--plain").out


def assert_safe(text: str) -> None:
    """Nothing in a text can move the cursor, end a line early or turn the direction of reading."""
    bad = {character for line in text.splitlines() for character in line if unicodedata.category(character)[0] == "C"}
    assert not bad, bad


def texts(value: object) -> list[str]:
    """All texts inside a JSON value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for inner in value.values() for text in texts(inner)]
    return [text for inner in value for text in texts(inner)] if isinstance(value, list) else []


def test_names_of_any_bytes_travel_exactly_and_are_escaped_where_people_read(
    atlas: LabMachine, vega: LabMachine
) -> None:
    """F1, F2; faults row 12: files, directories and symlinks of hostile names; plan and log show them safely."""
    program = """
import os, sys
for name in map(os.fsencode, sys.argv[1:]):
    os.makedirs(b"/home/sam/names/folders/" + name)
    os.makedirs(b"/home/sam/names/files", exist_ok=True)
    open(b"/home/sam/names/files/" + name, "wb").write(name)
    os.symlink(name, b"/home/sam/names/folders/" + name + b"/" + name)
"""
    python(atlas, program, *NAMES)
    sync(atlas, vega)
    assert_equal(atlas, "/home/sam/names", vega, "/home/sam/names")
    there = {path for path in manifest(vega, "/home/sam/names") if path.startswith("files/")}
    assert there == {f"files/{os.fsdecode(name)}" for name in NAMES}
    assert_nothing_left(atlas, vega)

    # The plan lists the first 20 removals: those that no terminal should be given as they are.
    unsafe = [name for name in NAMES if not os.fsdecode(name).isprintable()]
    assert len(unsafe) < 20
    atlas.sudo(["rm", "--", *(b"/home/sam/names/files/" + name for name in unsafe)])
    ended = sync(atlas, vega)
    assert_equal(atlas, "/home/sam/names", vega, "/home/sam/names")
    assert_safe(ended.out)
    newest = shell(atlas, f"cat {LOGS}/$(ls -t {LOGS} | head -1)")
    logged = "\n".join(text for line in newest.splitlines() for text in texts(json.loads(line)))
    assert_safe(logged)
    for name in (r"new\nline", r"tab\there", r"\x1b[31mred", r"invalid \xff\xfe utf-8", r"\xe2\x80\xaegpj.exe"):
        assert name in ended.out, ended
        assert name in logged


def test_names_of_one_file_stay_names_of_one_file(atlas: LabMachine, vega: LabMachine) -> None:
    """F1, F2; faults row 15: within and across directories and across the border of what travels; joined and parted."""
    shell(
        atlas,
        """
        mkdir -p ~/links/one ~/links/two ~/links/stays; cd ~/links
        echo stays/ >.pcswitcherignore
        echo group >one/a; ln one/a one/b; ln one/a two/c
        echo border >one/border; ln one/border stays/border
        echo same >one/apart; cp -p one/apart two/apart; ln -s a one/link; ln -P one/link two/link""",
        sudo=False,
    )
    sync(atlas, vega)
    excluded = ("stays",)
    assert_equal(atlas, "/home/sam/links", vega, "/home/sam/links", excluded)
    assert vega.run(["test", "-e", "/home/sam/links/stays"], check=False).returncode == 1

    # Vega has a name of its own across the border: it must keep what it was.
    shell(vega, "cd ~/links; mkdir stays; ln one/border stays/of-vega", sudo=False)
    shell(
        atlas,
        """
        cd ~/links
        echo changed >>one/border; echo more >>two/c
        rm one/b; cp -p one/a one/b; ln -f one/apart two/apart; ln one/a two/new
        rm two/link; cp -P one/link two/link""",
        sudo=False,
    )
    sync(atlas, vega)
    assert_equal(atlas, "/home/sam/links", vega, "/home/sam/links", excluded)
    assert vega.read("/home/sam/links/stays/of-vega") == b"border\n"
    assert vega.read("/home/sam/links/one/border") == b"border\nchanged\n"
    assert_nothing_left(atlas, vega)


def test_attributes_of_every_kind_travel_and_follow(atlas: LabMachine, vega: LabMachine) -> None:
    """F1; faults row 16: ACL, default ACL, capabilities, user, trusted, security; setuid: set, changed, removed."""
    program = """
import os, sys
acl, default, capability, turn = *map(bytes.fromhex, sys.argv[1:4]), sys.argv[4].encode()
place = "/home/sam/attributes/"
os.makedirs(place + "folder", exist_ok=True)
for name in ("acl", "capable", "user", "trusted", "security", "setuid", "none"):
    if not os.path.exists(place + name):
        open(place + name, "wb").write(b"never changes")
os.setxattr(place + "acl", "system.posix_acl_access", acl)
os.setxattr(place + "folder", "system.posix_acl_default", default)
os.makedirs(place + "folder/inherits-" + sys.argv[4])
os.setxattr(place + "capable", "security.capability", capability)
os.setxattr(place + "user", "user.comment", b"bytes \\0\\xff\\n" + turn)
os.setxattr(place + "trusted", "trusted.lab", turn)
os.setxattr(place + "security", "security.lab", turn)
os.chown(place + "setuid", 1001, 1002)
os.chmod(place + "setuid", 0o4755 if turn == b"first" else 0o2751)
"""
    program_none = """
import os
place = "/home/sam/attributes/"
os.removexattr(place + "acl", "system.posix_acl_access")
os.removexattr(place + "folder", "system.posix_acl_default")
os.removexattr(place + "capable", "security.capability")
os.removexattr(place + "user", "user.comment")
os.removexattr(place + "trusted", "trusted.lab")
"""
    rounds = (
        (program, access_control_list(1001), access_control_list(1001, default=True), capability(10), "first"),
        (program, access_control_list(54321), access_control_list(0, default=True), capability(13, 21), "second"),
    )
    for script, acl, default, capable, turn in rounds:
        python(atlas, script, acl.hex(), default.hex(), capable.hex(), turn)
        sync(atlas, vega)
        report = assert_equal(atlas, "/home/sam/attributes", vega, "/home/sam/attributes")
        assert report.compared["capability"] > 0
    there = manifest(vega, "/home/sam/attributes")
    held = {name for item in there.values() for name in item.attributes}
    assert {"system.posix_acl_access", "system.posix_acl_default", "security.capability"} <= held
    assert {"user.comment", "trusted.lab", "security.lab"} <= held
    assert there["setuid"].mode == 0o2751
    python(atlas, program_none)
    sync(atlas, vega)
    assert_equal(atlas, "/home/sam/attributes", vega, "/home/sam/attributes")
    assert_nothing_left(atlas, vega)


def test_immutable_append_only_and_nocow_travel_and_do_not_stand_in_the_way(
    atlas: LabMachine, vega: LabMachine
) -> None:
    """F1; faults row 16: chattr +i, +a, +C: equal; changed and deleted under the flag, the flag put back."""
    shell(
        atlas,
        """
        mkdir -p /home/sam/flags/folder /home/sam/flags/gone /home/sam/flags/nocow; cd /home/sam/flags
        for name in immutable metadata append freed folder/inside gone/inside goes; do echo one >$name; done
        chattr +C nocow; head -c 200000 /dev/urandom >nocow/image
        chattr +i immutable metadata freed goes gone/inside folder gone; chattr +a append""",
    )
    sync(atlas, vega)
    assert_equal(atlas, "/home/sam/flags", vega, "/home/sam/flags")
    there = manifest(vega, "/home/sam/flags")
    assert there["immutable"].flags & there["folder"].flags & IMMUTABLE
    assert there["append"].flags & APPEND_ONLY
    assert there["nocow"].flags & there["nocow/image"].flags & NO_COPY_ON_WRITE

    shell(
        atlas,
        """
        cd /home/sam/flags
        chattr -i immutable metadata freed goes gone gone/inside folder
        echo two >>immutable; chmod 640 metadata; echo two >folder/inside; echo new >folder/new
        rm -r goes gone; echo two >>append; dd if=/dev/urandom of=nocow/image bs=1000 count=3 conv=notrunc status=none
        chattr +i immutable metadata folder""",
    )
    sync(atlas, vega)
    assert_equal(atlas, "/home/sam/flags", vega, "/home/sam/flags")
    there = manifest(vega, "/home/sam/flags")
    assert there["immutable"].flags & there["metadata"].flags & there["folder"].flags & IMMUTABLE
    assert there["append"].flags & APPEND_ONLY
    assert not there["freed"].flags & IMMUTABLE
    assert not {"goes", "gone", "gone/inside"} & there.keys()
    assert_nothing_left(atlas, vega)
