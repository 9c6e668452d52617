"""What counts as a mutant of a module, and that each one is a program that can be read."""

from __future__ import annotations

import ast
import json

import pytest

from rehearsal.engine import ROOT
from tests.mutants.__main__ import SURVIVORS, draw
from tests.mutants.operators import DELETE, Mutant, mutants_of
from tests.mutants.trial import MODULES

SOURCE = '''from __future__ import annotations
from dataclasses import dataclass

LIMIT = 60.0

@dataclass(frozen=True)
class Door:
    """A door; `open` < 1 is no place to change."""

    width: int | None = None

    def fits(self, other: int) -> bool:
        self.asked = other
        print("asked")
        return other < 3 and not self.asked
'''


def changed(operator: str) -> list[str]:
    before = SOURCE.splitlines()
    found = []
    for mutant in mutants_of("door.py", SOURCE):
        if mutant.operator == operator:
            after = mutant.apply(SOURCE).splitlines()
            found += [new.strip() for old, new in zip(before, after, strict=True) if old != new]
    return found


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("ReplaceComparisonOperator_Lt_LtE", ["return other <= 3 and not self.asked"]),
        ("ReplaceAndWithOr", ["return other < 3 or not self.asked"]),
        ("NumberReplacer", ["LIMIT = 61.0", "LIMIT = 59.0", "return other < 4 and not self.asked"]),
        (DELETE, ["pass", "pass"]),
        ("ReplaceTrueWithFalse", []),
    ],
)
def test_a_mutant_is_one_small_change_of_what_runs(operator: str, expected: list[str]) -> None:
    assert set(expected) <= set(changed(operator))
    assert bool(expected) == bool(changed(operator))


def test_a_place_that_is_gone_is_told() -> None:
    with pytest.raises(AssertionError, match="no place any more"):
        Mutant("door.py", DELETE, 99, 1).apply(SOURCE)


def test_a_mutant_is_told_without_its_place_which_moves() -> None:
    told = {mutant.told(SOURCE) for mutant in mutants_of("door.py", SOURCE)}
    assert "door.py: return other < 3 and not self.asked -> return other <= 3 and not self.asked" in told
    assert told == {mutant.told(f"# a line\n{SOURCE}") for mutant in mutants_of("door.py", f"# a line\n{SOURCE}")}
    call = "def say():\n    tell(\n        1,\n    )\n"
    assert "door.py: tell( 1, ) -> pass" in {mutant.told(call) for mutant in mutants_of("door.py", call)}


def test_a_survivor_with_a_reason_is_one_that_there_can_still_be() -> None:
    for told, reason in json.loads(SURVIVORS.read_text(encoding="utf-8")).items():
        file, _, change = told.partition(": ")
        source = " ".join(line.strip() for line in (ROOT / file).read_text(encoding="utf-8").splitlines())
        assert change.rpartition(" -> ")[0] in source, told
        assert len(reason) > 20


@pytest.mark.slow
def test_the_sample_is_always_the_same_and_every_mutant_can_be_read() -> None:
    sample = draw()
    assert sample == draw()
    assert {next(module for module in MODULES if one.file.startswith(module)) for one in sample} == set(MODULES)
    for one in sample:
        ast.parse(one.apply((ROOT / one.file).read_text(encoding="utf-8")))


def test_every_module_and_its_tests_are_there() -> None:
    for module, tests in MODULES.items():
        assert all((ROOT / name).exists() for name in (module, *tests.split()))
