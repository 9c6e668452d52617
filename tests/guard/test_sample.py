"""A sample of the guard's cases; `make test-guard` runs all of them."""

from __future__ import annotations

import pytest

from tests.guard import outside
from tests.guard.outside import KILLED, PARK, PERSON, RESTORE, SOLD_OUT, TWO_GUARDS, Case, cases_of

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

#: A park that is killed while the image is made, company of either kind, and a zone without stock.
SAMPLE = (
    Case(PARK, KILLED, "cvm", "CreateImage", 0),
    Case(PARK, PERSON),
    Case(RESTORE, TWO_GUARDS),
    Case(RESTORE, SOLD_OUT),
)


@pytest.mark.parametrize("case", SAMPLE, ids=str)
def test_the_guard_outside_loses_nothing_leaves_nothing_and_goes_on(case: Case) -> None:
    verdict = outside.run(case)
    assert not verdict.broken, f"{verdict.broken}\n{verdict.said}"


def test_every_call_is_killed_denied_and_cut_off() -> None:
    found = cases_of(PARK, [("cvm", "CreateImage"), ("cvm", "DescribeImages"), ("cvm", "DescribeImages")])
    assert len(found) == 3 * 3 + 3
    assert {case.nth for case in found if case.action == "DescribeImages"} == {0, 1}
