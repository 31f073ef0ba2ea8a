"""The file engine from capture to verify on two real trees."""

from __future__ import annotations

import os

from pcswitcher.files.change import Action


def test_smoke(pair):
    s, t = pair.source, pair.target
    (s / "sam").mkdir()
    (s / "sam" / "a").write_bytes(b"hello")
    (s / "sam" / "b\n").write_bytes(b"x" * 100000)
    os.link(s / "sam" / "a", s / "sam" / "a2")
    os.symlink("nowhere", s / "sam" / "link")
    os.mkfifo(s / "sam" / "fifo")
    os.setxattr(s / "sam" / "a", "user.x", b"1")
    (t / "old").mkdir()
    (t / "old" / "f").write_bytes(b"1")
    outcome = pair.sync()
    print(outcome)
    assert outcome.report.failed == ()
    assert outcome.differences == ()
    assert outcome.again.empty
    assert outcome.delta.count(Action.DELETE) == 2
