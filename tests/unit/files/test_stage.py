"""The stage: made, removed, and never seen in the times of the tree it stands in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pcswitcher.files.stage import prepare_stage, remove_stage

pytestmark = pytest.mark.root


class NeverCancelled:
    """As much of a Context as a stage needs."""

    def check_cancelled(self) -> None:
        """Go on."""


@pytest.mark.usefixtures("root")
def test_a_stage_that_a_broken_run_left_is_removed_without_a_trace_in_the_tree(tmp_path: Path) -> None:
    """Faults row 3: the next run clears up, and the tree's own time stays what the plan was made from."""
    context = NeverCancelled()
    left = prepare_stage(context, os.fsencode(tmp_path), "0001")  # type: ignore[arg-type] # the part it uses
    (tmp_path / os.fsdecode(left) / "half").mkdir()
    os.utime(tmp_path, ns=(1_000_000_007, 1_000_000_009))
    made = prepare_stage(context, os.fsencode(tmp_path), "0002")  # type: ignore[arg-type] # the part it uses
    assert os.listdir(os.fsencode(tmp_path)) == [made]
    assert tmp_path.stat().st_mtime_ns == 1_000_000_009
    remove_stage(context, os.fsencode(tmp_path), made)  # type: ignore[arg-type] # the part it uses
    assert os.listdir(tmp_path) == []
    assert tmp_path.stat().st_mtime_ns == 1_000_000_009
