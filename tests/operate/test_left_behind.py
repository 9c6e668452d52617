"""What a removed stack left, and what lies in another region: still found, never taken for nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components.stock import launch_request
from operate.cost import read_bill
from operate.doctor.examination import examine
from operate.errors import ExitCode, OperateError
from operate.findings import Verdict
from operate.stacks import Stack, demand_place, read_plain, stack_file
from tencent.facts import TAG_STACK

from .conftest import Chatglm, LocalCloud, make_stack

IMAGE = "img-m07ny34j"


@pytest.fixture
def removed(cloud: LocalCloud) -> Stack:
    """After `pulumi stack rm --force`: the backend knows nothing, and the configuration is gone with it."""
    return Stack("test", "organization/chatglm/test", environment=cloud.environment, exists=False)


def launch(cloud: LocalCloud, region: str = "ap-guangzhou", zone: str = "ap-guangzhou-3") -> str:
    request = launch_request(make_stack().settings, zone, IMAGE)
    tags = [{"ResourceType": "instance", "Tags": [{"Key": TAG_STACK, "Value": "organization/chatglm/test"}]}]
    answer = cloud.api.in_region(region).call("cvm", "RunInstances", **request, TagSpecification=tags)
    cloud.control.advance(60)
    return str(answer["InstanceIdSet"][0])


def test_cost_still_counts_the_machine_of_a_removed_stack(removed: Stack, cloud: LocalCloud, chatglm: Chatglm) -> None:
    machine = launch(cloud)
    answer = chatglm(removed, "cost", "--json")
    bill: dict[str, Any] = json.loads(answer.stdout)
    assert (answer.exit_code, bill["exists"]) == (0, False)
    assert machine in [one["id"] for one in bill["items"]]
    assert bill["now"]["hourlyCny"] == pytest.approx(cloud.control.meter().hourly_cny)
    assert "take it over" in chatglm(removed, "cost").output


def test_status_shows_it_and_fails(removed: Stack, cloud: LocalCloud, chatglm: Chatglm) -> None:
    machine = launch(cloud)
    answer = chatglm(removed, "status", "--json")
    told = json.loads(answer.stdout)
    assert (told["phase"], told["machine"]["id"], answer.exit_code) == ("left behind", machine, ExitCode.FAILED)
    assert "goes on costing money" in chatglm(removed, "status").output


def test_doctor_names_it(removed: Stack, cloud: LocalCloud, chatglm: Chatglm) -> None:
    machine = launch(cloud)
    answer = chatglm(removed, "doctor")
    assert answer.exit_code == ExitCode.FAILED
    assert f"Machine {machine}, running" in answer.output
    assert "Traceback" not in answer.output


@pytest.mark.parametrize("command", ["cost", "status"])
def test_a_name_that_nothing_carries_is_a_slip_of_the_pen(removed: Stack, chatglm: Chatglm, command: str) -> None:
    answer = chatglm(removed, command)
    assert answer.exit_code == ExitCode.BAD_INPUT
    assert "nothing in the cloud carries its name" in answer.stderr


def test_a_machine_in_another_region_is_named_by_cost_and_doctor(cloud: LocalCloud) -> None:
    machine = launch(cloud, "ap-shanghai", "ap-shanghai-2")
    here = make_stack(environment=cloud.environment, outputs={"zone": "ap-guangzhou-3"})
    bill = read_bill(here, cloud.api)
    (item,) = [one for one in bill.items if one.id == machine]
    assert (item.text, item.leftover) == ("in ap-shanghai, running", True)
    assert machine in " ".join(bill.now.unknown)  # never a sum that looks whole
    (found,) = [one for one in examine(here, cloud.api) if one.check == "left behind"]
    assert (found.verdict, "ap-shanghai" in found.text) == (Verdict.WARNING, True)


def test_a_region_that_does_not_answer_is_said(cloud: LocalCloud) -> None:
    launch(cloud)
    stack = make_stack(environment=cloud.environment, outputs={"zone": "ap-guangzhou-3"})
    cloud.control.fault("DescribeImages", "error", code="UnsupportedRegion", times=-1)
    bill = read_bill(stack, stack.cloud(patience_seconds=0.1))
    cloud.control.clear_faults()
    assert any("did not answer" in note and "ap-shanghai" in note for note in bill.notes)


def test_what_a_file_still_says_is_read_without_its_secrets(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: chatglm\nstackConfigDir: own\n", encoding="utf-8")
    (tmp_path / "own").mkdir()
    file = stack_file(tmp_path, "dev")
    assert file == tmp_path / "own" / "Pulumi.dev.yaml"
    file.write_text(
        "config:\n  tencentcloud:region: ap-beijing\n  chatglm:adminPassword:\n    secure: v1:x\n"
        "  chatglm:zones: [a]\n",
        encoding="utf-8",
    )
    assert read_plain(file) == {"tencentcloud:region": "ap-beijing", "chatglm:zones": '["a"]'}
    assert read_plain(tmp_path / "none.yaml") == {}


def test_a_stacks_file_in_its_earlier_place_is_told_with_the_command_that_moves_it(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: chatglm\nstackConfigDir: stacks\n", encoding="utf-8")
    earlier = tmp_path / "Pulumi.mine.yaml"
    earlier.write_text("config: {}\n", encoding="utf-8")
    demand_place(tmp_path, "mine")  # an example
    earlier.write_text("encryptionsalt: v1:x\n", encoding="utf-8")
    with pytest.raises(OperateError, match=r"Pulumi\.mine\.yaml lies where") as caught:
        demand_place(tmp_path, "mine")
    assert caught.value.hint == "mkdir -p stacks && mv Pulumi.mine.yaml stacks/"
    (tmp_path / "stacks").mkdir()
    earlier.rename(tmp_path / "stacks" / earlier.name)
    demand_place(tmp_path, "mine")
