"""A sample of the sweep; `make test-sweep` runs all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sweep.sweep import figures, record, sweep

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
CASES = 64


def test_no_single_fault_loses_work_strands_the_stack_or_leaves_something_to_pay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = record(tmp_path)
    outcomes = sweep(recording, recording.sample(CASES), tell=lambda _: None)
    with capsys.disabled():
        print("", *figures(outcomes), sep="\n")  # noqa: T201
    bad = [f"{each.case}: {each.invariant_broken} {each.not_recovered} {each.orphans}" for each in outcomes]
    assert len(outcomes) == CASES
    assert all(each.good for each in outcomes), "\n".join(
        text for text, each in zip(bad, outcomes, strict=True) if not each.good
    )
