"""What is billed, held against the local cloud's own meter."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from components.stock import launch_request
from operate.cost import HOURS_A_MONTH, Bill, read_bill
from operate.stacks import Stack
from tencent.facts import TAG_OWNER, TAG_STACK

from .conftest import Chatglm, LocalCloud, make_stack

IMAGE = "img-m07ny34j"
OWN = "organization/chatglm/test"
LOST = "organization/chatglm/forgotten"


@pytest.fixture
def bare(cloud: LocalCloud) -> Stack:
    return make_stack(environment=cloud.environment, outputs={"zone": "ap-guangzhou-3"})


def launch(cloud: LocalCloud, stack: Stack, tag: str = OWN) -> str:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": TAG_STACK, "Value": tag}]}]
    request = launch_request(stack.settings, "ap-guangzhou-3", IMAGE)
    answer = cloud.api.call("cvm", "RunInstances", **request, TagSpecification=tags)
    cloud.control.advance(60)
    return str(answer["InstanceIdSet"][0])


def capture(cloud: LocalCloud, machine: str, tag: str = OWN) -> str:
    tags = [{"ResourceType": "image", "Tags": [{"Key": TAG_STACK, "Value": tag}]}]
    name = f"chatglm-test-1-{machine}"
    answer = cloud.api.call("cvm", "CreateImage", ImageName=name, InstanceId=machine, TagSpecification=tags)
    cloud.control.advance(3600)
    return str(answer["ImageId"])


def read(stack: Stack, cloud: LocalCloud) -> Bill:
    return read_bill(stack, cloud.api, lambda: {"test"})


def test_a_running_machine_costs_what_the_meter_says(bare: Stack, cloud: LocalCloud) -> None:
    launch(cloud, bare)
    bill = read(bare, cloud)
    assert float(bill.now.hourly) == pytest.approx(cloud.control.meter().hourly_cny)
    assert {item.kind for item in bill.items} == {"machine", "disk"}
    assert bill.running == bill.now


def test_a_parked_stack_costs_its_image_alone(bare: Stack, cloud: LocalCloud) -> None:
    machine = launch(cloud, bare)
    capture(cloud, machine)
    cloud.api.terminate(machine)
    cloud.control.advance(60)
    bill = read(bare, cloud)
    (item,) = bill.items
    assert (item.kind, item.at_most, item.leftover) == ("snapshot", True, False)
    # Tencent tells the disk's size, not what is stored: the true price lies below.
    assert cloud.control.meter().hourly_cny <= float(bill.now.hourly)
    assert bill.now.monthly.quantize(Decimal("0.01")) == Decimal("9.75")  # 75 GB at 0.13
    assert bill.saving_monthly == bill.running.monthly - bill.parked.monthly
    assert "60 GB billed, which is 7.80 CNY a month" in " ".join(bill.notes)


def test_the_saving_is_known_before_the_first_launch(bare: Stack, cloud: LocalCloud) -> None:
    bill = read(bare, cloud)
    assert bill.items == ()
    assert bill.running.hourly == Decimal("1.736") + Decimal("0.1875")
    assert bill.saving_monthly == bill.running.hourly * HOURS_A_MONTH - Decimal("9.75")


def test_a_colleagues_machine_of_the_same_name_is_told_and_not_counted(bare: Stack, cloud: LocalCloud) -> None:
    machine = launch(cloud, bare)
    resource = f"qcs::cvm:ap-guangzhou:uin/:instance/{machine}"
    tag = {"TagKey": TAG_OWNER, "TagValue": "abcdefghjkmn"}
    cloud.api.call("tag", "ModifyResourceTags", Resource=resource, ReplaceTags=[tag])
    colleague = read(replace(bare, outputs={**bare.outputs, "identity": "nmkjhgfedcba"}), cloud)
    assert [item for item in colleague.items if item.id == machine] == []
    assert any("not counted" in note and machine in note for note in colleague.notes)
    own = read(replace(bare, outputs={**bare.outputs, "identity": "abcdefghjkmn"}), cloud)
    assert machine in [item.id for item in own.items]


def test_what_no_stack_owns_any_more_is_a_leftover(bare: Stack, cloud: LocalCloud) -> None:
    gone = launch(cloud, bare, tag=LOST)
    image = capture(cloud, gone, tag=LOST)
    cloud.api.call("cvm", "DeleteImages", ImageIds=[image])  # leaves its snapshot behind, as the plug-in would
    cloud.api.call(
        "cbs",
        "CreateDisks",
        Placement={"Zone": "ap-guangzhou-3"},
        DiskChargeType="POSTPAID_BY_HOUR",
        DiskType="CLOUD_PREMIUM",
        DiskSize=50,
    )
    cloud.control.advance(60)
    bill = read(bare, cloud)
    assert sorted(item.kind for item in bill.items if item.leftover) == ["disk", "disk", "machine", "snapshot"]
    assert bill.parked.hourly == Decimal("9.75") / HOURS_A_MONTH  # not of this stack


def test_another_stacks_things_are_not_counted(bare: Stack, cloud: LocalCloud) -> None:
    launch(cloud, bare, tag="organization/chatglm/other")
    assert read_bill(bare, cloud.api, lambda: {"test", "other"}).items == ()


def test_a_price_that_cannot_be_looked_up_is_unknown_with_the_reason(bare: Stack, cloud: LocalCloud) -> None:
    launch(cloud, bare)
    cloud.control.fault("InquiryPriceCreateDisks", "error", code="FailedOperation.InquiryPriceFailed", times=-1)
    bill = read(bare, cloud)
    (disk,) = [item for item in bill.items if item.kind == "disk"]
    assert (disk.hourly, disk.reason) == (None, "the price could not be computed")
    assert bill.saving_monthly is None
    assert bill.now.unknown


def test_the_command_says_it_for_people_and_for_scripts(
    chatglm: Chatglm, bare: Stack, cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("operate.stacks.list_stacks", lambda _: {"test"})
    machine = launch(cloud, bare)
    told = json.loads(chatglm(bare, "cost", "--json").stdout)
    assert told["items"][0]["id"] == machine
    assert told["now"]["hourlyCny"] == pytest.approx(cloud.control.meter().hourly_cny)
    assert "Parking saves at least" in chatglm(bare, "cost").output


def test_prices_list_whole_cards_with_enough_memory_cheapest_first(
    chatglm: Chatglm, bare: Stack, cloud: LocalCloud
) -> None:
    cloud.control.set_stock("ap-guangzhou-3", "GN7.2XLARGE32", "SOLD_OUT")
    found = json.loads(chatglm(bare, "prices", "--json").stdout)["choices"]
    assert (found[0]["zone"], found[0]["instanceType"]) == ("ap-guangzhou-4", "GN7.2XLARGE32")
    prices = [one["hourlyCny"] for one in found]
    assert prices == sorted(prices)
    assert all(one["gpuMemoryGb"] >= 16 and one["inStock"] for one in found)
    assert "GN7.2XLARGE40" not in {one["instanceType"] for one in found}  # half a card
    assert "sold out" in chatglm(bare, "prices", "--all").output
