"""Runs as root on a real machine: `swap` puts the baseline snapshots in place, `clean` removes what they replaced.

Between the two the machine must be rebooted. Refuses a machine without the lab's marker.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator

PLACES = {"@": "/", "@home": "/home", "@snapshots": "/.snapshots"}
REPLACED = ".replaced-by-tests"


def run(*argv: str) -> str:
    """Run a program; its standard output."""
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE).stdout.decode("utf-8", "surrogateescape")


def subvolumes_below(top: str, path: str) -> "list[str]":
    """Paths of the subvolumes below one, deepest first, as seen from the mounted top level."""
    prefix = os.path.relpath(path, top) + "/"
    listed = [line.split(" path ", 1)[1] for line in run("btrfs", "subvolume", "list", top).splitlines()]
    below = [os.path.join(top, name) for name in listed if name.startswith(prefix)]
    return sorted(below, key=lambda name: name.count("/"), reverse=True)


def delete(top: str, path: str) -> None:
    """Delete a subvolume with all that are below it."""
    for name in [*subvolumes_below(top, path), path]:
        run("btrfs", "subvolume", "delete", name)


@contextlib.contextmanager
def top_level() -> "Generator[str, None, None]":
    """The top level of the root file system, mounted for the time of a with block."""
    device = run("findmnt", "-n", "-v", "-o", "SOURCE", "/").strip()
    folder = tempfile.mkdtemp(prefix="pc-switcher-top-", dir="/run")
    run("mount", "-o", "subvolid=5", device, folder)
    try:
        yield folder
    finally:
        run("umount", folder)
        os.rmdir(folder)


def swap(top: str) -> None:
    """Put writable copies of the baseline in the place of `@` and `@home`."""
    for name in ("@", "@home"):
        baseline = os.path.join(top, "@snapshots", "baseline", name)
        if not os.path.isdir(baseline):
            sys.exit("no " + baseline)
        if os.path.exists(os.path.join(top, name + REPLACED)):
            sys.exit(name + REPLACED + " is there already: reboot, then run `clean`")
    for name in ("@", "@home"):
        os.rename(os.path.join(top, name), os.path.join(top, name + REPLACED))
        run(
            "btrfs", "subvolume", "snapshot", os.path.join(top, "@snapshots", "baseline", name), os.path.join(top, name)
        )


def clean(top: str) -> None:
    """Delete what the swap replaced, and every snapshot but the baseline."""
    for name in ("@", "@home"):
        replaced = os.path.join(top, name + REPLACED)
        if os.path.exists(replaced):
            delete(top, replaced)
    snapshots = os.path.join(top, "@snapshots")
    for path in subvolumes_below(top, snapshots):
        if not path.startswith(os.path.join(snapshots, "baseline", "")):
            run("btrfs", "subvolume", "delete", path)
    for entry in os.listdir(snapshots):
        if entry != "baseline":
            run("rm", "-rf", "--one-file-system", "--", os.path.join(snapshots, entry))


if not (os.path.exists("/etc/pc-switcher-lab") and os.path.getsize("/etc/pc-switcher-lab")):
    sys.exit("this machine has no /etc/pc-switcher-lab: refused")
with top_level() as mounted:
    {"swap": swap, "clean": clean}[sys.argv[1]](mounted)
