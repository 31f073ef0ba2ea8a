"""What is worth a person's attention."""

from __future__ import annotations

import pytest

from pcswitcher.faces.health import Room, link_is_bad, room
from pcswitcher.model.events import FreeSpace, LinkHealth
from pcswitcher.model.settings import DiskSettings, Threshold


@pytest.mark.parametrize(
    ("free", "judged"),
    [(25, Room.ENOUGH), (24, Room.LITTLE), (15, Room.LITTLE), (14, Room.TOO_LITTLE), (0, Room.TOO_LITTLE)],
)
def test_room_is_judged_by_the_persons_thresholds(free: int, judged: Room) -> None:
    """S8: by default less than 25 % is a warning, less than 15 % stops."""
    space = FreeSpace(machine="vega", path="/home", free=free, total=100)
    assert room(space, DiskSettings()) is judged
    tight = DiskSettings(warn=Threshold.parse("2%"), stop=Threshold.parse("1%"), preflight=Threshold.parse("3%"))
    assert room(space, tight) is (Room.ENOUGH if free else Room.TOO_LITTLE)


@pytest.mark.parametrize(
    ("round_trip", "silent", "bad"), [(0.01, 0, False), (0.99, 9.9, False), (1.0, 0, True), (0.01, 10, True)]
)
def test_a_slow_and_a_silent_link_are_bad(round_trip: float, silent: float, bad: bool) -> None:
    """U1."""
    assert link_is_bad(LinkHealth(machine="vega", round_trip=round_trip, silent=silent)) is bad
