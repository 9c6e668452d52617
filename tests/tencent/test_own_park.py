"""A park of the machine's own, as others wait for it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tencent.facts import Image, Instance
from tencent.own_park import ENDING_SECONDS, PATIENCE_SECONDS, await_own_park, own_park
from tencent.power import PowerError

NOW = datetime(2026, 1, 2, tzinfo=UTC)
MACHINE = Instance("ins-1", "RUNNING", "ap-guangzhou-3", "img-1", "l", NOW)
MAKING = Image("img-2", "n", "CREATING", NOW, 75, "ins-1", 2, parked="t 2026-01-02T00:00:00Z idle minutes=30")
DONE = replace(MAKING, state="NORMAL")


@dataclass
class Cloud:
    """Machine and images as each look finds them; the last stays."""

    looks: list[tuple[Instance | None, tuple[Image, ...]]]
    seconds: float = 0.0
    said: list[str] = field(default_factory=list)

    def instance(self, _: str) -> Instance | None:
        return self.looks[0][0]

    def custom_images(self) -> tuple[Image, ...]:
        return self.looks[0][1]

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        if len(self.looks) > 1:
            self.looks.pop(0)

    def wait(self) -> float:
        told: Any = self
        await_own_park(told, "ins-1", self.said.append, 2.0, clock=lambda: self.seconds, sleep=self.sleep)
        return self.seconds


@pytest.mark.parametrize("images", [(), (DONE,), (replace(MAKING, parked=""),), (replace(MAKING, machine_id="ins-9"),)])
def test_nothing_is_waited_for_where_no_park_is_under_way(images: tuple[Image, ...]) -> None:
    cloud = Cloud([(MACHINE, images)])
    assert (cloud.wait(), cloud.said) == (0.0, [])


def test_it_ends_when_the_machine_has_ended() -> None:
    cloud = Cloud([(MACHINE, (MAKING,)), (MACHINE, (DONE,)), (replace(MACHINE, state="TERMINATING"), (DONE,))])
    assert cloud.wait() == 4.0
    assert cloud.said == ["ins-1 is parking itself; waiting until that is over."]


def test_a_machine_that_lives_on_has_given_its_park_up() -> None:
    assert ENDING_SECONDS < Cloud([(MACHINE, (MAKING,)), (MACHINE, (DONE,))]).wait() <= ENDING_SECONDS + 6
    assert Cloud([(MACHINE, (MAKING,)), (MACHINE, ())]).wait() == 2.0, "its image was deleted"


def test_one_that_comes_to_no_end_is_told() -> None:
    cloud = Cloud([(MACHINE, (MAKING,))])
    with pytest.raises(PowerError, match=r"has been parking itself for over 75 minutes.*delete it there"):
        cloud.wait()
    assert cloud.seconds > PATIENCE_SECONDS


def test_only_living_machines_park_themselves() -> None:
    assert own_park([MACHINE], [MAKING]) == (MACHINE, MAKING)
    assert own_park([replace(MACHINE, state="TERMINATING")], [MAKING]) is None
    assert own_park([MACHINE], [DONE]) is None
