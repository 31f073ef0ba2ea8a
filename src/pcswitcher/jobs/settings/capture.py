"""Reading the settings file of a home, on the machine that has it; no symlink is followed."""

from __future__ import annotations

import os
import stat

from pcswitcher.files.descent import Descent
from pcswitcher.jobs.api import Context, PcSwitcherError, escape, exposed
from pcswitcher.jobs.settings.state import ABSENT, FOLDER, LARGEST, NAME, Kind, SettingsFile


@exposed
def read_settings_file(context: Context, home: bytes) -> SettingsFile:
    """What stands at the place of the settings file below ``home``, a directory or its snapshot.

    What cannot be read is said to be so; it never counts as absent.
    """
    try:
        with Descent(home) as descent:
            try:
                return read_in(descent.open(FOLDER))
            except FileNotFoundError:
                return ABSENT
            except OSError as error:
                if _is_linked(descent):
                    return SettingsFile(kind=Kind.ELSEWHERE)
                return _unreadable(f"its directory cannot be opened: {error.strerror}")
    except PcSwitcherError as error:
        return _unreadable(error.message)


def read_in(directory: int) -> SettingsFile:
    """The settings file in an open directory. Raises OSError only where the directory itself fails."""
    try:
        status = os.stat(NAME, dir_fd=directory, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            return SettingsFile(kind=Kind.LINK, content=escape(os.readlink(NAME, dir_fd=directory)))
        # It may have become something else since: no link is followed, and no pipe is waited for.
        descriptor = os.open(NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    except FileNotFoundError:
        return ABSENT
    except OSError as error:
        return _unreadable(f"it cannot be opened: {error.strerror}")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return _unreadable("it is no file")
    with open(descriptor, "rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        return _unreadable(f"it is larger than {LARGEST // 1024} KiB")
    try:
        return SettingsFile(kind=Kind.TEXT, content=data.decode("utf-8"))
    except UnicodeDecodeError:
        return _unreadable("it is no UTF-8 text")


def _is_linked(descent: Descent) -> bool:
    """Whether one of the directories down to the settings file is a symlink."""
    above, name = os.path.split(FOLDER)
    for parent, child in ((b"", above), (above, name)):
        try:
            status = os.stat(child, dir_fd=descent.open(parent), follow_symlinks=False)
        except OSError:
            return False
        if stat.S_ISLNK(status.st_mode):
            return True
    return False


def _unreadable(reason: str) -> SettingsFile:
    return SettingsFile(kind=Kind.UNREADABLE, content=f"{os.uname().nodename}: {reason}")
