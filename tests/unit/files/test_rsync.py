"""What rsync prints and how it ends, understood."""

from __future__ import annotations

import pytest

from pcswitcher.files.rsync import Frame, OutputParser, check_end, parse_frame
from pcswitcher.model.errors import ApplyError, ConnectionLostError


@pytest.mark.parametrize("number", ["29958458", "29,958,458", "29.958.458", "29'958'458"])
def test_a_frame_is_read_whatever_groups_its_digits(number):
    """The 7-bytes bug: 29,958,458 must not be read as 458."""
    line = f"     {number}  42%   12.50MB/s    0:00:01 (xfr#5, to-chk=10/20)"
    assert parse_frame(line) == Frame(29958458, 12_500_000.0)


def test_a_file_name_is_no_frame():
    assert parse_frame("sam/100% done") is None


def test_output_cut_anywhere_gives_the_same_frames_and_names():
    data = b"a/b\n      5 100%    1.00kB/s    0:00:00 \r      9 100%    1.00kB/s    0:00:00 (xfr#1, to-chk=0/2)\n"
    for cut in range(len(data)):
        frames: list[int] = []
        names: list[str] = []
        parser = OutputParser(lambda told, seen=frames: seen.append(told.done), names.append, pytest.fail)
        parser.feed(1, data[:cut])
        parser.feed(1, data[cut:])
        assert (frames, names) == ([5, 9], ["a/b"])


def test_what_rsync_says_of_its_list_is_counted_and_is_no_name():
    """U1. A file may be called like that, too; it comes later."""
    names: list[str] = []
    counts: list[int] = []
    parser = OutputParser(pytest.fail, names.append, counts.append)
    parser.feed(1, b"building file list ... \n 0 files...\r 100 files...\r 187 files to consider\na\n 7 files...\n")
    assert counts == [0, 100]
    assert names == ["a", " 7 files..."]


def test_rsync_without_a_word_about_its_list_is_understood():
    names: list[str] = []
    OutputParser(pytest.fail, names.append, pytest.fail).feed(1, b"a\nbuilding file list\n 100 files...\n")
    assert names == ["a", "building file list", " 100 files..."]


@pytest.mark.parametrize(
    ("status", "complaints", "error"),
    [
        (24, [], ApplyError),
        (12, [], ConnectionLostError),
        (255, [], ConnectionLostError),
        (23, ["rsync: mkstemp failed: No space left on device (28)"], ApplyError),
        (77, [], ApplyError),
    ],
)
def test_every_unsuccessful_end_has_its_error(status, complaints, error):
    """Faults rows 1 and 7: exit 24 is impossible from a snapshot, and so an error."""
    with pytest.raises(error):
        check_end(status, complaints, "atlas", "vega")


def test_a_partial_transfer_gives_its_complaints():
    assert check_end(23, ["one file"], "atlas", "vega") == ("one file",)
