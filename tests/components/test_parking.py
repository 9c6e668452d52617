"""What a park does past Pulumi: once the captures stand, and only to what no resource of the state stands for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import pulumi
import pytest

from components.lifecycle import Action, Plan
from components.parking import finish_parking
from components.prior import Prior
from tests.components.test_guards import MACHINE, OLD


@dataclass
class Deeds:
    """Stands in the guards' place."""

    done: list[str] = field(default_factory=list)

    def end_machine(self, instance_id: str) -> None:
        self.done.append(f"end {instance_id}")

    def retire_superseded(self) -> None:
        self.done.append("retire")


def park(plan: Plan, prior: Prior) -> list[str]:
    deeds = Deeds()

    async def finish() -> None:
        await finish_parking(plan, prior, (), deeds).future()  # type: ignore[arg-type]

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(finish())
    finally:
        loop.close()
    return deeds.done


@pytest.mark.parametrize(
    ("about", "plan", "prior", "done"),
    [
        ("the state holds it: its hook ends it", Plan(Action.PARK, "z", leaving=MACHINE, retired=(OLD,)),
         Prior("ins-1", held=frozenset({"ins-1"})), []),
        ("launched by an update that was cut off", Plan(Action.PARK, "z", leaving=MACHINE), Prior(), ["end ins-1"]),
        ("only its outputs name it", Plan(Action.PARK, "z", leaving=MACHINE), Prior("ins-1"), ["end ins-1"]),
        ("parked already, older images left", Plan(Action.STAY_PARKED, "z", retired=(OLD,)), Prior(), ["retire"]),
        ("parked already", Plan(Action.STAY_PARKED, "z"), Prior(), []),
        ("running", Plan(Action.KEEP, "z", retired=(OLD,)), Prior(), []),
        ("restored, and a machine had made an image of itself",
         Plan(Action.RESTORE, "z", retired=(replace(OLD, parked="t"),)), Prior(), ["retire"]),
    ],
)  # fmt: skip
def test_what_is_done(about: str, plan: Plan, prior: Prior, done: list[str]) -> None:
    assert park(plan, prior) == done, about


def test_a_preview_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    assert park(Plan(Action.PARK, "z", leaving=MACHINE), Prior()) == []
