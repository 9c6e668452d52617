"""The cloud's clock: speed, moving it, and what it shows after a restart."""

from __future__ import annotations

import math
from typing import Any

import pytest

from localcloud import clock as clock_module
from localcloud.clock import MAX_SPEED, Clock, ClockPosition, china_time, iso_time, parse_speed, speed_text
from tests.waiting import HANG_SECONDS


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """The computer's own time, for a test to set."""
    now = {"time": 1000.0}
    monkeypatch.setattr(clock_module.time, "time", lambda: now["time"])
    return now


def test_it_runs_at_its_speed(real: dict[str, float]) -> None:
    clock = Clock(speed=60)
    real["time"] += 10
    assert clock.now() == 1600


def test_a_change_of_speed_holds_from_now_on(real: dict[str, float]) -> None:
    clock = Clock(speed=60)
    real["time"] += 10
    clock.set_speed(1)
    real["time"] += 10
    assert clock.now() == 1610


def test_at_the_highest_speed_time_runs_as_in_reality_and_waits_take_none(real: dict[str, float]) -> None:
    clock = Clock(speed=MAX_SPEED)
    real["time"] += 10
    assert clock.now() == 1010
    assert clock.real_seconds(600) == 0


def test_waits_are_divided_by_the_speed(real: dict[str, float]) -> None:
    assert Clock(speed=60).real_seconds(600) == 10


def test_it_can_be_moved_forward_but_never_back(real: dict[str, float]) -> None:
    clock = Clock()
    clock.advance(500)
    assert clock.now() == 1500
    with pytest.raises(ValueError, match="from 0 up"):
        clock.advance(-1)
    real["time"] -= 300
    assert clock.now() == 1500


def test_it_goes_on_while_the_cloud_is_down(real: dict[str, float]) -> None:
    position = Clock(speed=2).position
    real["time"] += 100
    assert Clock(position).now() == 1200
    assert Clock(ClockPosition("clock", 5000, 1100, "1")).now() == 5000


SPEEDS = [("max", math.inf), ("MAX", math.inf), ("60", 60.0), ("0.5", 0.5), ("1e-09", 1e-9)]


@pytest.mark.parametrize(("text", "speed"), SPEEDS)
def test_speeds_are_numbers_or_max(text: str, speed: float) -> None:
    assert parse_speed(text) == speed
    assert parse_speed(speed_text(speed)) == speed


@pytest.mark.parametrize("text", ["0", "-1", "fast", "nan", "inf"])
def test_other_speeds_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"speed|float"):
        parse_speed(text)


def test_times_are_written_as_each_service_writes_them() -> None:
    assert iso_time(0) == "1970-01-01T00:00:00Z"
    assert china_time(0) == "1970-01-01 08:00:00"


def test_transitions_happen_by_themselves_at_the_clouds_speed(cloud: Any) -> None:
    """30 cloud seconds at 600 times the real speed: done in a twentieth of a second, without anyone calling."""
    from threading import Event

    launched = Event()
    before = cloud.server.cloud.power_on
    cloud.server.cloud.power_on = lambda instance: (before(instance), launched.set())
    try:
        cloud.control.set_speed(600)
        cloud.launch()
        assert launched.wait(HANG_SECONDS)
    finally:
        del cloud.server.cloud.power_on


def test_at_the_highest_speed_a_launch_and_an_image_are_done_at_once(cloud: Any) -> None:
    cloud.control.set_speed("max")
    instance_id = cloud.launch()
    cloud.settle()
    assert cloud.state(instance_id) == "RUNNING"
    image_id = cloud.call("cvm", "CreateImage", InstanceId=instance_id, ImageName="i", ForcePoweroff="true")["ImageId"]
    cloud.settle()
    assert cloud.image_state(image_id) == "NORMAL"
    assert cloud.state(instance_id) == "RUNNING"
