"""What an agent tells of its machine when it greets."""

from __future__ import annotations

import os
import platform
import pwd
from pathlib import Path

from pcswitcher import __version__
from pcswitcher.machine.api import MachineFacts


def read_facts() -> MachineFacts:
    """Read this machine's facts. What is not there is empty; nothing is guessed."""
    login = _login_account()
    release = _os_release()
    return MachineFacts(
        hostname=platform.node(),
        machine_id=_line("/etc/machine-id"),
        boot_id=_line("/proc/sys/kernel/random/boot_id"),
        architecture=platform.machine(),
        kernel=platform.release(),
        distribution=f"{release.get('ID', '')} {release.get('VERSION_ID', '')}".strip(),
        python=platform.python_version(),
        version=__version__,
        uid=os.geteuid(),
        login_user=login.pw_name,
        login_home=login.pw_dir,
    )


def _line(path: str) -> str:
    try:
        return Path(path).read_text("ascii", "replace").strip()
    except OSError:
        return ""


def _os_release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def _login_account() -> pwd.struct_passwd:
    """The account that used sudo, as sudo(8) tells in SUDO_UID; else the one we run as."""
    number = os.environ.get("SUDO_UID", "")
    try:
        return pwd.getpwuid(int(number) if number.isdecimal() else os.getuid())
    except KeyError:
        return pwd.getpwuid(0)
