"""Changed outside Pulumi: the next preview says what it found and what it will do, and nothing hangs."""

from __future__ import annotations

import pytest

from tests.safety.conftest import unchanged

pytestmark = pytest.mark.e2e


def groups(world) -> list[str]:
    return [group.group_id for group in world.server.cloud.db.security_groups]


def test_a_port_opened_by_hand_is_named_and_closed_by_a_refresh(before, owner) -> None:
    world = before("park")
    account, [group] = owner(world), groups(world)
    opened = {"Protocol": "TCP", "Port": "22", "CidrBlock": "0.0.0.0/0", "Action": "ACCEPT"}
    account.call(
        "vpc",
        "CreateSecurityGroupPolicies",
        SecurityGroupId=group,
        SecurityGroupPolicySet={"Ingress": [opened]},
    )
    world.stack.set({"chatglm:state": "running"})
    told = world.stack.preview()
    assert f"Opened by hand in the security group {group}: ACCEPT TCP 22 from 0.0.0.0/0" in told.text
    assert "pulumi up --refresh" in told.text
    closed = world.stack.up(None, "--refresh")
    assert closed.ok, closed.text
    assert {rule.port for rule in account.ingress(group)} == {"3389", "5986", "7860"}
    after = world.stack.preview("--expect-no-changes")
    assert after.ok, after.text
    assert "by hand" not in after.text


@pytest.mark.whole
def test_a_rule_removed_by_hand_is_named(before, owner) -> None:
    world = before("park")
    account, [group] = owner(world), groups(world)
    account.call(
        "vpc",
        "DeleteSecurityGroupPolicies",
        SecurityGroupId=group,
        SecurityGroupPolicySet={"Ingress": [{"PolicyIndex": 0}]},
    )
    told = world.stack.preview()
    assert f"Removed by hand from the security group {group}: ACCEPT TCP 3389 from 127.0.0.1/32" in told.text


@pytest.mark.whole
def test_changed_settings_are_not_taken_for_somebodys_hand(before) -> None:
    world = before("park")
    world.stack.set({"chatglm:state": "running", "chatglm:operatorCidrs[0]": "203.0.113.7/32"})
    told = world.stack.preview()
    assert told.ok
    assert "by hand" not in told.text


@pytest.mark.whole
def test_an_image_deleted_while_its_machine_runs_is_forgotten_and_the_next_park_makes_another(before, owner) -> None:
    world = before("second-park")
    account, [image] = owner(world), world.normal_images()
    account.call("cvm", "DeleteImages", ImageIds=[image.id], DeleteBindedSnap=True)
    told = world.stack.preview()
    assert f"The image {image.id} (capture 1) was deleted outside Pulumi; it is forgotten." in told.text
    parked = world.stack.up()
    assert parked.ok, parked.text
    assert len(world.normal_images()) == 1
    assert unchanged(world.stack)


def test_a_machine_terminated_in_the_console_comes_back_from_its_last_image(before, owner) -> None:
    world = before("second-park")
    machine = world.machines()[0].instance_id
    owner(world).terminate(machine)
    world.stack.set({"chatglm:state": "running"})
    told = world.stack.preview()
    assert f"{machine} is gone (reclaimed or terminated); its last image is" in told.text
    assert "Restore: a new GN7.2XLARGE32" in told.text
    assert world.stack.up().ok
    assert unchanged(world.stack)


@pytest.mark.whole
def test_a_disk_grown_by_hand_is_told_before_its_image_cannot_be_restored(before, owner) -> None:
    world = before("up")
    world.stack.set({"chatglm:chargeType": "hourly"})  # the disks of spot machines cannot grow
    assert world.stack.up().ok
    account, machine = owner(world), world.machines()[0].instance_id
    account.call("cvm", "ResizeInstanceDisks", InstanceId=machine, SystemDisk={"DiskSize": 100}, ForceStop=True)
    told = world.stack.preview()
    assert f"The disk of {machine} has 100 GB, chatglm:systemDiskGb says 75" in told.text
    assert world.stack.up("parked").ok
    refused = world.stack.up("running")
    assert "Set it to 100 or more" in refused.text
    world.stack.set({"chatglm:systemDiskGb": "100"})
    restored = world.stack.up()
    assert restored.ok, restored.text


@pytest.mark.whole
def test_a_renamed_image_is_known_by_its_tags(before, owner) -> None:
    world = before("restore")
    account, [image] = owner(world), world.normal_images()
    account.call("cvm", "ModifyImageAttribute", ImageId=image.id, ImageName="my-favourite")
    told = world.stack.preview()
    assert f"The image {image.id} (capture 1) was renamed to 'my-favourite'; it is known by its tags" in told.text
    restored = world.stack.up()
    assert restored.ok, restored.text
    assert [machine.image_id for machine in world.machines()] == [image.id]


@pytest.mark.whole
def test_a_machine_shut_down_inside_windows_goes_on_costing_and_it_is_said(before, owner) -> None:
    world = before("second-park")
    account, machine = owner(world), world.machines()[0].instance_id
    account.call("cvm", "StopInstances", InstanceIds=[machine])
    world.stack.set({"chatglm:state": "running"})
    told = world.stack.preview()
    assert f"{machine} is shut down, which costs as much as running" in told.text
    parked = world.stack.up("parked")
    assert parked.ok, parked.text
    assert len(world.normal_images()) == 1
