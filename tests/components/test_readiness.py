"""Waiting for a machine that may be reclaimed meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from components.readiness import NotReadyError, watchful_sleep
from tencent.errors import CloudError
from tests.components.situations import MACHINE


class Cloud:
    """Answers looks at a machine in turn."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def instance(self, _: str) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_it_sleeps_as_long_as_it_is_told_and_looks_now_and_then() -> None:
    cloud, slept = Cloud(MACHINE, MACHINE), list[float]()
    sleep = watchful_sleep(cloud, "ins-1", 30, slept.append)  # type: ignore[arg-type]
    for seconds in (5.0, 45.0, 10.0):
        sleep(seconds)
    assert sum(slept) == 60
    assert cloud.answers == [], "once every thirty seconds"


@pytest.mark.parametrize("gone", [None, replace(MACHINE, state="TERMINATING")])
def test_a_machine_that_is_gone_ends_the_waiting_in_the_midst_of_a_long_sleep(gone: Any) -> None:
    slept = list[float]()
    sleep = watchful_sleep(Cloud(MACHINE, gone), "ins-1", 30, slept.append)  # type: ignore[arg-type]
    with pytest.raises(NotReadyError, match="ins-1 was reclaimed or terminated before it was ready"):
        sleep(600)
    assert sum(slept) == 60


def test_a_look_that_fails_says_nothing() -> None:
    cloud = Cloud(CloudError("DescribeInstances", "InternalError", "x"), MACHINE)
    watchful_sleep(cloud, "ins-1", 30, lambda _: None)(60)  # type: ignore[arg-type]
    assert cloud.answers == []
