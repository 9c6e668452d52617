from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.windows.world import engine
from tests.windows.trial import Trial

MakeTrial = Callable[..., Trial]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without PowerShell these are skipped, saying so; where it is there, and in CI, they run."""
    if engine.find_pwsh() is None:
        for item in items:
            if Path(item.path).parent == Path(__file__).parent:
                item.add_marker(pytest.mark.skip(reason=engine.describe()))


@pytest.fixture
def make_trial(tmp_path: Path) -> Iterator[MakeTrial]:
    """Makes machines (see `trial.Trial`) that end with the test."""
    made: list[Trial] = []

    def make(name: str = "disk", **inputs: Any) -> Trial:
        made.append(Trial(tmp_path / name, **inputs))
        return made[-1]

    yield make
    for trial in made:
        trial.close()


@pytest.fixture
def trial(make_trial: MakeTrial) -> Trial:
    """A machine that nobody has powered on yet."""
    return make_trial()
