"""Names of a lab: T1, T2."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pclab.errors import WrongUsageError
from pclab.names import LabNames, Pc, parse_size

RUN_IDS = st.from_regex(r"[a-z][a-z0-9]{0,11}", fullmatch=True)


def everything_named(names: LabNames) -> set[str]:
    per_pc = [
        str(value)
        for pc in Pc
        for value in (names.netns(pc), names.image(pc), names.baseline(pc), names.root(pc), names.console(pc))
    ]
    paths = (names.run_directory, names.pool_image, names.pool, names.keys, names.lock, names.session_lock)
    return {names.switch, names.cgroup, *map(str, paths), *per_pc}


@given(RUN_IDS, RUN_IDS)
def test_two_labs_share_no_name(one: str, other: str) -> None:
    """Two labs side by side."""
    if one != other:
        assert everything_named(LabNames(one)).isdisjoint(everything_named(LabNames(other)))


@pytest.mark.parametrize("run_id", ["", "Main", "a-b", "a/b", "..", "1a", "a" * 13, "main\n", "ä"])
def test_a_run_id_that_could_leave_its_folder_is_refused(run_id: str) -> None:
    with pytest.raises(WrongUsageError):
        LabNames(run_id)


def test_the_environment_chooses_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PC_SWITCHER_LAB_ID", "second")
    assert LabNames.from_environment() == LabNames("second")
    monkeypatch.setenv("PC_SWITCHER_LAB_ID", "")
    assert LabNames.from_environment() == LabNames("main")


def test_every_pc_has_its_own_address() -> None:
    assert len({pc.address for pc in Pc}) == len(Pc)


@pytest.mark.parametrize(("text", "size"), [("1G", 1 << 30), ("1500M", 1500 << 20), ("16G", 16 << 30)])
def test_sizes_are_read_in_binary_units(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "16", "1023M", "0G", "-1G", "1.5G", "16g", "16GB", " 16G"])
def test_a_wrong_or_tiny_size_is_refused(text: str) -> None:
    with pytest.raises(WrongUsageError):
        parse_size(text)
