"""Reading the names, on the machine that has them."""

from __future__ import annotations

import os
import stat

from pc_switcher_hosts.state import LARGEST, Hosts, read_block
from pcswitcher.jobs.api import Context, FormatError, escape, exposed


@exposed
def read_hosts(context: Context, path: bytes, block: str) -> Hosts:
    """The names in the block of the hosts file at ``path``; a file that is not there has none.

    Raises FormatError when it cannot be read: that is never the same as no names.
    """
    try:
        return read_block(read_text(path), block)
    except FormatError as error:
        machine = os.uname().nodename
        raise FormatError(
            f"{machine}: {escape(path)}: {error.message}", f"correct it on {machine}: sudoedit /etc/hosts"
        ) from error


def read_text(path: bytes) -> str:
    """The text of the file at ``path``; empty when there is none. Raises FormatError."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise FormatError("it is no regular file")
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise FormatError(f"it cannot be read: {error.strerror}") from error
    if len(data) > LARGEST:
        raise FormatError("it is too large")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError("it is no UTF-8 text") from error
