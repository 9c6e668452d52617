"""A sample of the scenarios, of a few minutes; all of them are played by `make test-windows`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.windows.scenarios import all_scenarios

#: One of each kind that needs no installed disk to begin with.
SAMPLE = (
    "small files come when nothing is wanted",
    "CUDA is blocked",
    "the first Python mirror gives a page",
    "WinRM refuses while a network is Public",
    "second stage: cut",
    "killed at program 12",
)
_BY_NAME = {scenario.name: scenario for scenario in all_scenarios()}


def test_each_scenario_has_a_name_of_its_own_and_there_are_at_least_sixty() -> None:
    assert len(_BY_NAME) == len(all_scenarios()) >= 60


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLE)
def test_a_scenario_ends_well(name: str, tmp_path: Path) -> None:
    assert _BY_NAME[name].run(tmp_path, None) == ""
