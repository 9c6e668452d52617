"""A sample of the matrix of two states; `make test-ownership` runs all of it."""

from __future__ import annotations

import pytest

from tests.ownership.case import run_case
from tests.ownership.matrix import EXPECTED, Act, Case, Relation, Stage
from tests.sweep.sweep import Recording

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

#: The scenarios in which work was lost before: a fresh state, a stale copy, a rename, and the way back of a lost one.
SAMPLE = (
    Case(Relation.FRESH, Stage.PARKED, Act.UP),
    Case(Relation.STALE, Stage.RUNNING, Act.PARK),
    Case(Relation.RENAMED, Stage.PARKED, Act.UP),
    Case(Relation.LOST, Stage.RUNNING, Act.UP),
)


@pytest.mark.parametrize("case", SAMPLE, ids=str)
def test_another_state_does_to_the_first_what_the_matrix_says(case: Case, recording: Recording) -> None:
    verdict = run_case(case, recording.snapshots)
    assert not verdict.broken, f"{verdict.broken}\n{verdict.said}"


def test_the_matrix_has_a_row_for_every_relation_stage_and_command() -> None:
    assert set(EXPECTED) == {Case(relation, stage, act) for relation in Relation for stage in Stage for act in Act}
    assert len(EXPECTED) == 63
