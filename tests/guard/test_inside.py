"""A sample of the cases of the machine's own guard; `make test-guard` runs all of them."""

from __future__ import annotations

import pytest

from tests.guard import inside
from tests.guard.inside import (
    CUT_AFTER,
    CUT_OFF,
    DENIED,
    EXPIRED,
    FAILS,
    KILLED_AFTER,
    KILLED_BEFORE,
    RESTARTED,
    SERVED,
    Case,
)

SAMPLE = (
    Case(KILLED_AFTER, "CreateImage", 1),
    Case(KILLED_BEFORE, "TerminateInstances", 0),
    Case(CUT_AFTER, "TerminateInstances", 0),
    Case(CUT_OFF, "DescribeImages", 2),
    Case(DENIED, "TerminateInstances", 0),
    Case(EXPIRED, "CreateImage", 1),
    Case(RESTARTED, "DescribeImages", 2),
    Case(SERVED, "TerminateInstances", 0),
    Case(FAILS, "CreateImage", 1),
)


@pytest.mark.parametrize("case", SAMPLE, ids=str)
def test_the_machines_guard_loses_nothing_leaves_nothing_and_goes_on(case: Case) -> None:
    verdict = inside.run(case)
    assert not verdict.broken, f"{verdict.broken}\n{verdict.said}"


def test_the_sample_is_of_the_calls_that_a_park_makes() -> None:
    every = inside.cases()
    assert set(SAMPLE) <= set(every)
    assert {case.kind for case in SAMPLE} <= {case.kind for case in every}
