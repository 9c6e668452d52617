"""Asking zone after zone for stock before anything is declared."""

from __future__ import annotations

from typing import Any

import pytest

from components.lifecycle import Action
from components.prior import Prior
from components.stock import plan_with_stock
from tencent.errors import CloudError
from tests.components.situations import MACHINE, OTHER_ZONE, REGION, RUNNING, ZONE, facts, settings

SOLD_OUT = "ResourcesSoldOut.SpecifiedInstanceType"


class Seller:
    """Refuses the launch in some zones, and remembers what it was asked."""

    def __init__(self, **refusals: str) -> None:
        self.refusals = {zone.replace("_", "-"): code for zone, code in refusals.items()}
        self.asked: list[dict[str, Any]] = []

    def dry_run(self, request: dict[str, Any]) -> None:
        self.asked.append(request)
        code = self.refusals.get(request["Placement"]["Zone"])
        if code:
            raise CloudError("RunInstances", code, "no")

    @property
    def zones(self) -> list[str]:
        return [request["Placement"]["Zone"] for request in self.asked]


def planned(seller: Any, wanted=RUNNING, prior=None, found=None):
    return plan_with_stock(wanted, prior or Prior(), found or facts(), REGION, seller)


def test_the_first_zone_that_takes_the_launch_is_asked_once() -> None:
    seller = Seller()
    assert planned(seller).zone == ZONE
    assert seller.zones == [ZONE]


def test_the_question_is_the_launch_itself() -> None:
    seller = Seller()
    planned(seller, settings(spotMaxPrice="3.5"))
    [asked] = seller.asked
    assert asked["ImageId"] == "img-public"
    assert asked["SystemDisk"] == {"DiskType": "CLOUD_SSD", "DiskSize": 75}
    assert asked["InstanceMarketOptions"]["SpotOptions"] == {"MaxPrice": "3.5", "SpotInstanceType": "one-time"}


@pytest.mark.parametrize("code", [SOLD_OUT, "LimitExceeded.UserSpotQuota", "ResourceInsufficient.CloudDiskSoldOut"])
def test_a_zone_without_stock_or_quota_gives_way_and_is_named(code: str) -> None:
    plan = planned(Seller(ap_guangzhou_3=code))
    assert (plan.zone, plan.machine and plan.machine.zone, plan.refusal) == (OTHER_ZONE, OTHER_ZONE, "")
    assert any(f"in {ZONE}" in note and code in note for note in plan.notes)


def test_no_zone_left_is_a_refusal_and_the_asking_ends() -> None:
    seller = Seller(ap_guangzhou_3=SOLD_OUT, ap_guangzhou_4=SOLD_OUT)
    assert "No zone can launch the machine" in planned(seller).refusal
    assert seller.zones == [ZONE, OTHER_ZONE]


@pytest.mark.parametrize("code", ["InvalidAccount.InsufficientBalance", "InternalError", "ClientNetworkError"])
def test_what_another_zone_could_not_help_is_left_to_the_launch(code: str) -> None:
    seller = Seller(ap_guangzhou_3=code)
    plan = planned(seller)
    assert (plan.zone, plan.refusal, seller.zones) == (ZONE, "", [ZONE])


def test_a_living_machine_a_parked_stack_and_a_preview_ask_nothing() -> None:
    seller = Seller()
    assert planned(seller, found=facts(instances=(MACHINE,))).action is Action.KEEP
    assert planned(seller, settings(state="parked"), found=facts(instances=(MACHINE,))).action is Action.PARK
    assert planned(None).action is Action.LAUNCH
    assert seller.asked == []


def test_a_role_that_does_not_exist_is_said_before_anything_is_made_and_no_other_zone_is_asked() -> None:
    seller = Seller(ap_guangzhou_3="AuthFailure.CamRoleNameAuthenticateFailed")
    plan = planned(seller, settings(camRole="chatglm-machine"))
    assert seller.asked[0]["CamRoleName"] == "chatglm-machine"
    assert seller.zones == [ZONE]
    assert plan.refusal.startswith(
        "chatglm:camRole is chatglm-machine. There is no CAM role of this name for machines;"
    )
    assert "chatglm policy --machine" in plan.refusal
