"""What is mutated: statements that can go, conditions that can be turned; and the notes that tell which are passed."""

from __future__ import annotations

import pytest

from components.bootstrap.render import scripts
from tests.windows.mutants import TRACED, Spot, instrument, spots
from tests.windows.scenarios import all_scenarios

SCRIPT = "$a = 1\nif ($a -eq 1) {\n    Write-Host 'one'\n}\nfunction Go { $b = 2 }\n"


@pytest.fixture(scope="module")
def found() -> list[Spot]:
    return spots({"one.ps1": SCRIPT})


def test_statements_go_and_conditions_are_turned(found: list[Spot]) -> None:
    made = {spot.name: spot.mutate(SCRIPT) for spot in found}
    assert "\nif ($a -eq 1)" in made["one.ps1:1:0:statement"]
    assert "$a = 1" not in made["one.ps1:1:0:statement"]
    [turned] = [text for name, text in made.items() if name.endswith("condition")]
    assert "if (-not ($a -eq 1))" in turned
    assert any("Write-Host" not in text for text in made.values())
    assert any("$b = 2" not in text for text in made.values())


def test_a_note_stands_before_each_statement(found: list[Spot]) -> None:
    noted = instrument({"one.ps1": SCRIPT}, found)["one.ps1"]
    assert noted.count("[World.Trace]::Hit(") == sum(spot.kind == "statement" for spot in found)
    assert "[World.Trace]::Hit('one.ps1:3'); Write-Host 'one'" in noted


def test_there_is_more_to_mutate_than_the_sample_takes_and_noted_scripts_still_parse() -> None:
    rendered = scripts()
    places = spots(rendered)
    assert len(places) > 400
    again = spots(instrument(rendered, places))
    assert sum(spot.kind == "condition" for spot in again) == sum(spot.kind == "condition" for spot in places)


def test_the_scenarios_that_are_traced_are_there() -> None:
    assert set(TRACED) <= {scenario.name for scenario in all_scenarios()}
