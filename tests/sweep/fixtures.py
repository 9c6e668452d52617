"""The recorded life as a fixture: lived once in a run, for sweep, matrix and broken worlds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sweep.sweep import Recording, recorded


@pytest.fixture(scope="session")
def recording(once_in_a_run: Callable[[str, Callable[[Path], Recording]], Recording]) -> Recording:
    """The world before each transition; it is only copied from."""
    return once_in_a_run("recorded-life", recorded)
