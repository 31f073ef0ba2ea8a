"""rsync: how it is called, what it prints, how it ends. Works with 3.2.3 and newer. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

import attrs

from pcswitcher.machine.ssh import RemoteShell
from pcswitcher.model.errors import ApplyError, ConnectionLostError
from pcswitcher.model.text import printable

ATTRIBUTES = (
    "--links",
    "--perms",
    "--times",
    "--group",
    "--owner",
    "--devices",
    "--specials",
    "--acls",
    "--xattrs",
    "--hard-links",
    "--sparse",
    "--numeric-ids",
)
BEHAVIOUR = (
    "--dirs",  # a listed directory is itself, not what is below it
    "--relative",
    "--no-implied-dirs",  # directories that are not listed are not ours to describe
    "--from0",
    "--ignore-times",  # we know that the content differs
    "--modify-window=-1",  # nanoseconds count (measured: without it they do not)
    "-s",  # secluded arguments: paths never meet the remote shell (the long name is younger than 3.2.3)
    # The best algorithm both sides have, at its fastest. Measured with zstd over ssh: half the bytes of source
    # trees in the same time, and a sparse 4 GiB image, whose holes rsync sends as zeros, in 3 s instead of 37 s.
    "--compress",
    "--compress-level=1",
    "--timeout=60",
    "--no-human-readable",  # else numbers are grouped, commas even under LC_ALL=C
    "--info=progress2,name1,flist2",
    "--outbuf=L",
)
_FRAME = re.compile(r"\s*([\d.,'\s]*\d)\s+(\d+)%\s+([\d.,]+)([kMGT]?)B/s\s+[\d:?]+(?:\s+\(xfr#(\d+), .*\))?\s*")
# What is printed before anything travels: rsync looks at each listed path first. See rsync's flist.c.
_LISTED = re.compile(r"\s*(\d+) files\.\.\.\s*")
_LIST_END = re.compile(r"\s*\d+ files? ?to consider\s*")
_LIST_BEGIN = "building file list"
_UNITS = {"": 1, "k": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4}
_FULL = ("No space left on device", "Disk quota exceeded")

PARTIAL = 23
_MEANINGS = {
    1: "it was called wrongly",
    2: "both sides speak different protocols",
    3: "a file or directory to read from or write to is missing",
    4: "one side cannot do what was asked (ACLs or attributes missing in its build)",
    5: "the connection could not be started",
    6: "its daemon refused",
    10: "the connection broke",
    11: "reading or writing a file failed",
    12: "the data stream broke",
    13: "it could not report errors",
    14: "two of its processes lost each other",
    20: "it was told to stop",
    21: "waiting for its process failed",
    22: "it ran out of memory",
    23: "some files were not transferred",
    24: "files vanished from a read-only snapshot",
    25: "too many deletions",
    30: "nothing came over the link for 60 seconds",
    35: "the connection could not be made in time",
    255: "ssh ended",
}
_LINK_LOST = frozenset({5, 10, 12, 30, 35, 255})


@attrs.frozen
class Frame:
    """One progress report of rsync: bytes of the files done so far, bytes per second."""

    done: int
    rate: float


def parse_frame(text: str) -> Frame | None:
    """Read a line of ``--info=progress2``; None when it is something else (a name, a message)."""
    match = _FRAME.fullmatch(text)
    if match is None:
        return None
    done = int(re.sub(r"\D", "", match[1]))
    try:
        rate = float(match[3].replace(",", ".")) * _UNITS[match[4]]
    except ValueError:
        rate = 0.0
    return Frame(done, rate)


class OutputParser:
    """Takes rsync's output in pieces and tells what it says; frames end with CR, names and messages with LF."""

    def __init__(
        self, frame: Callable[[Frame], None], name: Callable[[str], None], listed: Callable[[int], None]
    ) -> None:
        """``listed`` is told how many paths rsync has looked at, before anything travels."""
        self._frame = frame
        self._name = name
        self._listed = listed
        self._listing = True
        self._rest = b""
        self.complaints: list[str] = []
        self._errors = b""

    def feed(self, stream: int, data: bytes) -> None:
        """Take output of stream 1 (stdout) or 2 (stderr)."""
        if stream == 2:
            *lines, self._errors = (self._errors + data).split(b"\n")
            self.complaints.extend(_text(line) for line in lines if line.strip())
            del self.complaints[:-200]
            return
        *lines, self._rest = re.split(rb"[\r\n]", self._rest + data)
        for line in lines:
            text = _text(line)
            if not text.strip() or (self._listing and self._is_of_list(text)):
                continue
            self._listing = False  # a file may be called like a line about the list
            frame = parse_frame(text)
            if frame is not None:
                self._frame(frame)
            else:
                self._name(text)

    def _is_of_list(self, text: str) -> bool:
        """Whether a line is about rsync's own list of paths, which it makes first; tells how long that is."""
        if found := _LISTED.fullmatch(text):
            self._listed(int(found[1]))
        return bool(found or text.startswith(_LIST_BEGIN) or _LIST_END.fullmatch(text))


def arguments(
    source: bytes, listing: bytes, destination: bytes, basis: bytes, shell: RemoteShell | None
) -> list[str | bytes]:
    """Rsync's command line.

    ``source``: the directory to read; ``listing``: the file with NUL-separated paths below it;
    ``destination``: the directory written to on the target; ``basis``: the live tree there, whose files
    spare sending what they already hold (--copy-dest). ``shell`` None: both are on this machine.
    """
    words: list[str | bytes] = ["rsync", *ATTRIBUTES, *BEHAVIOUR, b"--files-from=" + listing, b"--copy-dest=" + basis]
    where = destination + b"/"
    if shell is not None:
        words += ["--rsh=" + " ".join(shell.command), f"--rsync-path={shell.rsync_path}"]
        where = shell.host.encode() + b":" + where
    return [*words, "--", source + b"/", where]


def check_end(status: int, complaints: list[str], source: str, target: str) -> tuple[str, ...]:
    """Judge how rsync ended. Gives its complaints when some files are missing but the rest is there.

    Raises ConnectionLostError when the link went away, ApplyError for everything else that is not success.
    """
    full = next((line for line in complaints if any(words in line for words in _FULL)), None)
    if full is not None:
        raise ApplyError(
            f"{target}: the disk is full: {full}",
            f"free space on {target} and sync again; what was on its way there is removed",
        )
    if status == 0:
        return ()
    last = complaints[-1] if complaints else "it printed no reason"
    if status == PARTIAL:
        return tuple(complaints[-50:])
    meaning = _MEANINGS.get(status, "it was ended by a signal" if status > 128 else "the reason is unknown")
    if status in _LINK_LOST:
        raise ConnectionLostError(
            f"the transfer from {source} to {target} was cut: {meaning} (rsync status {status}): {last}",
            f"check the network between {source} and {target}, then sync again",
        )
    raise ApplyError(f"rsync from {source} to {target} failed: {meaning} (status {status}): {last}")


def _text(line: bytes) -> str:
    return printable(line.decode("utf-8", "backslashreplace"))
