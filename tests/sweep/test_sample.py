"""A sample of the sweep; `make test-sweep` runs all of it."""

from __future__ import annotations

import pytest

from tests.sweep.faults import KINDS
from tests.sweep.sweep import Recording, figures, sweep

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
CASES = 20


def test_no_single_fault_loses_work_strands_the_stack_or_leaves_something_to_pay(
    recording: Recording, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = recording.sample(CASES)
    assert {case.kind for case in sample} == {kind.name for kind in KINDS}
    outcomes = sweep(recording, sample, tell=lambda _: None)
    with capsys.disabled():
        print("", *figures(outcomes), sep="\n")  # noqa: T201
    bad = [f"{each.case}: {each.invariant_broken} {each.not_recovered} {each.orphans}" for each in outcomes]
    assert len(outcomes) == CASES
    assert all(each.good for each in outcomes), "\n".join(
        text for text, each in zip(bad, outcomes, strict=True) if not each.good
    )
