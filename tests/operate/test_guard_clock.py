"""The guard's clocks: a jump is seen between two looks, of one run or of two, and a restart of the computer is none."""

from __future__ import annotations

from pathlib import Path

from operate.guard_clock import Clocks


class Two:
    """A wall clock and one that cannot jump."""

    def __init__(self, state: Path) -> None:
        self.wall, self.steady, self._state = 1_000_000.0, 50.0, state

    def look(self) -> float:
        """By how much the wall clock moved, as another run of the guard sees it."""
        return Clocks(self._state, lambda: self.wall, lambda: self.steady).look()[1]

    def pass_(self, wall: float, steady: float) -> None:
        self.wall, self.steady = self.wall + wall, self.steady + steady


def test_a_jump_is_seen_once(tmp_path: Path) -> None:
    two = Two(tmp_path / "clock.json")
    assert two.look() == 0
    two.pass_(60, 60)
    assert two.look() == 0
    two.pass_(3660, 60)
    assert two.look() == 3600
    two.pass_(-3540, 60)
    assert two.look() == -3600
    two.pass_(60, 60)
    assert two.look() == 0


def test_a_start_of_the_computer_is_no_jump(tmp_path: Path) -> None:
    two = Two(tmp_path / "clock.json")
    two.look()
    two.wall, two.steady = two.wall + 900, 3.0
    assert two.look() == 0


def test_a_damaged_record_and_a_home_that_cannot_be_written_are_no_jump(tmp_path: Path) -> None:
    (tmp_path / "clock.json").write_text('{"wall": "x", "steady": []}')
    assert Two(tmp_path / "clock.json").look() == 0
    (tmp_path / "file").write_text("")
    assert Two(tmp_path / "file" / "clock.json").look() == 0
