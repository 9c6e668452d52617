"""All scenarios by name. Each ends with a machine on which nothing is wrong, or with a failure that says what to do."""

from __future__ import annotations

from tests.windows import (
    calls,
    changed_settings,
    conditions,
    installers,
    later_life,
    lives,
    power_cuts,
    servers,
    way_in,
)
from tests.windows.scenario import Scenario

_ROOMS = (
    lives, changed_settings, way_in, calls, conditions, installers, servers, later_life, power_cuts,
)  # fmt: skip


def all_scenarios() -> list[Scenario]:
    """Every scenario, in the order in which they are worth playing."""
    return [Scenario(name, play) for room in _ROOMS for name, play in room.scenarios()]
