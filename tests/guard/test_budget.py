"""A budget on the local cloud's clock: what the cloud bills is counted, a spent one parks, and brings nothing back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rehearsal.engine import ROOT
from tests.sweep.transitions import Wanted, orphans, shortfall
from tests.sweep.world import World, open_world

pytestmark = pytest.mark.e2e

HOUR = 3600.0
USED = "5"


def look(world: World) -> dict[str, Any]:
    """One look of the guard by the cloud's clock, of a machine that was used a moment ago."""
    now = str(world.served.control.now())
    run = subprocess.run(
        [sys.executable, "-m", "tests.guard.driver", world.stack.stack, now, USED, str(world.folder / "clock.json")],
        cwd=world.stack.project,
        env={**world.stack.environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return found


def test_a_day_of_six_hours_is_what_its_budget_pays_for(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        control = world.served.control
        # Noon in China, so that no midnight comes between.
        control.advance(-(control.now() - 4 * HOUR) % (24 * HOUR))
        world.stack.set({"chatglm:budgetPerDay": "12", "chatglm:restoreAfterReclaim": "true"})
        assert world.stack.up("running").ok
        hourly = float(control.meter().hourly_cny)
        assert look(world)["act"] == "stay"

        control.advance(5 * HOUR)
        assert look(world)["act"] == "stay"
        control.advance(2 * HOUR)
        outcome = look(world)
        assert (outcome["act"], outcome["reason"]["id"]) == ("park", "budget-day")
        assert outcome["reason"]["parts"]["spent"] == pytest.approx(7 * hourly, rel=0.02)
        assert not shortfall(world, Wanted.PARKED)
        assert not orphans(world, Wanted.PARKED)

        # Somebody brings it back all the same: the budget is spent until China's midnight.
        assert world.stack.up("running").ok
        control.reclaim(world.machines()[0].instance_id, 0)
        control.advance(60)
        assert look(world)["reason"]["id"] == "budget-day-keeps-parked"
        control.advance(12 * HOUR)
        assert look(world)["act"] == "restore"
