"""A living machine is changed where that is safe; what waits is said, and outputs tell what is true now."""

from __future__ import annotations

from typing import Any

import pytest

from tests.safety.conftest import unchanged
from tests.sweep.world import World

pytestmark = pytest.mark.e2e


def running(world: World) -> Any:
    world.stack.set({"chatglm:state": "running"})
    [machine] = world.machines()
    return machine


def secret_output(world: World, name: str) -> str:
    return world.stack.pulumi("stack", "output", name, "--show-secrets", check=True).text.strip()


def test_tags_bandwidth_and_name_change_in_place(before) -> None:
    world = before("park")
    machine = running(world)
    password = secret_output(world, "demoPassword")
    world.stack.set({"chatglm:tags.team": "ml", "chatglm:bandwidthMbps": "50"})
    world.stack.pulumi("stack", "rename", "renamed", check=True)
    world.stack.environment["PULUMI_STACK"] = "renamed"
    previewed = world.stack.preview()
    assert previewed.ok, previewed.text
    changed = world.stack.up()
    assert changed.ok, changed.text
    [now] = world.machines()
    assert (now.instance_id, now.bandwidth_out, now.name) == (machine.instance_id, 50, "chatglm-renamed")
    assert now.tags["team"] == "ml"
    assert now.tags["chatglm-stack"] == "organization/chatglm/renamed"
    assert secret_output(world, "demoPassword") == password, "the demo knows no other one"
    assert unchanged(world.stack)
    assert not any(call.action in ("ResetInstance", "StopInstances") for call in world.served.control.journal())


@pytest.mark.whole
def test_another_password_waits_for_the_next_launch_and_the_outputs_stay_true(before) -> None:
    world = before("park")
    machine = running(world)
    password = secret_output(world, "demoPassword")
    world.stack.pulumi("config", "set", "--secret", "chatglm:adminPassword", stdin="Another-Pass-2022x", check=True)
    told = world.stack.preview("--expect-no-changes")
    assert told.ok, told.text
    assert "chatglm:adminPassword changed: the machine keeps what it was launched with." in told.text
    assert world.stack.up().ok
    assert secret_output(world, "demoPassword") == password
    assert world.machines()[0].password == machine.password == secret_output(world, "adminPassword")
    assert world.stack.up("parked").ok
    assert world.stack.up("running").ok
    assert world.machines()[0].password == "Another-Pass-2022x"
    assert secret_output(world, "demoPassword") != password
    assert "adminPassword changed" not in world.stack.preview().text


@pytest.mark.whole
def test_settings_that_the_machine_is_not_told_are_said_and_its_outputs_stay(before) -> None:
    world = before("park")
    running(world)
    world.stack.set({"chatglm:demoPort": "7999", "chatglm:driverVersion": "538.15"})
    told = world.stack.preview()
    said = "chatglm:demoPort, chatglm:driverVersion changed, but chatglm:waitReady is false: the machine is not told"
    assert said in told.text
    assert world.stack.up().ok
    assert world.outputs()["demoUrl"].endswith(":7860")
    assert said in world.stack.preview().text, "until it is told"


@pytest.mark.whole
def test_the_word_for_the_own_address_is_sent_anew_by_each_up(before) -> None:
    world = before("park")
    running(world)
    world.stack.set({"chatglm:operatorCidrs[0]": "MY_PUBLIC_IP"})
    world.served.control.set_address("203.0.113.7")
    assert world.stack.up().ok
    world.served.control.set_address("198.51.100.9")
    told = world.stack.preview()
    assert told.ok, told.text
    assert "MY_PUBLIC_IP is sent anew by each pulumi up" in told.text
    sent = world.stack.up()
    assert sent.ok, sent.text
    [group] = world.server.cloud.db.security_groups
    assert {rule["CidrBlock"] for rule in ingress_of(world, group.group_id)} == {"198.51.100.9"}
    idle = world.stack.preview("--expect-no-changes")
    assert idle.ok, idle.text
    assert "by hand" not in idle.text


def ingress_of(world: World, group: str) -> list[dict[str, Any]]:
    answer = world.served.call("vpc", "DescribeSecurityGroupPolicies", SecurityGroupId=group)
    rules: list[dict[str, Any]] = answer["SecurityGroupPolicySet"]["Ingress"]
    return rules
