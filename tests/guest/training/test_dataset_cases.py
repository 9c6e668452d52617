"""The check's answer to each of the files that people bring."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.dataset_cases import BAR, CASES, Case


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_answer_is_right(case: Case, tmp_path: Path) -> None:
    assert case.fault(tmp_path) == ""


def test_there_are_enough_cases_each_with_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= BAR
