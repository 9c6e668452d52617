"""A machine that is off, or hangs, is told at once: nobody waits three hours for what cannot come."""

from __future__ import annotations

import pytest

from tests.safety.conftest import unchanged
from tests.sweep.world import wait_until
from tests.waiting import HANG_SECONDS

pytestmark = pytest.mark.e2e

TEN_HOURS = 36_000


def change(world, table: str, name: str, **changes) -> None:
    with world.server.cloud.lock, world.server.cloud.db.transaction():
        getattr(world.server.cloud.db, table).change(name, **changes)


def test_a_machine_that_was_shut_down_is_said_and_started(before, owner) -> None:
    world = before("park")
    machine = world.machines()[0].instance_id
    world.stack.set({"chatglm:state": "running"})
    owner(world).call("cvm", "StopInstances", InstanceIds=[machine])
    told = world.stack.preview()
    assert f"{machine} is shut down, which costs as much as running: it is started by this update." in told.text
    assert world.machines()[0].state == "STOPPED", "a preview starts nothing"
    started = world.stack.up()
    assert started.ok, started.text
    assert [(each.instance_id, each.state) for each in world.machines()] == [(machine, "RUNNING")]
    assert unchanged(world.stack)


@pytest.mark.whole
def test_a_machine_that_cannot_be_started_is_refused_with_the_reason(before, owner) -> None:
    world = before("park")
    machine = world.machines()[0].instance_id
    world.stack.set({"chatglm:state": "running"})
    owner(world).call("cvm", "StopInstances", InstanceIds=[machine])
    world.served.control.fault("StartInstances", "error", code="ResourcesSoldOut.SpecifiedInstanceType", times=-1)
    refused = world.stack.up()
    assert not refused.ok
    assert f"{machine} is shut down and could not be started. The GPU type has no stock" in refused.text
    parked = world.stack.up("parked")
    assert parked.ok, parked.text
    assert (len(world.normal_images()), world.machines()) == (1, [])


@pytest.mark.whole
def test_a_machine_that_is_stopping_is_waited_for_before_it_is_captured(before) -> None:
    world = before("park")
    machine = world.machines()[0].instance_id
    change(world, "instances", machine, state="STOPPING")
    process = world.stack.start("up")

    def calls(action: str) -> int:
        return sum(call.action == action for call in world.served.control.journal())

    made = calls("CreateImage")
    assert wait_until(lambda: calls("DescribeImageQuota") > 0, HANG_SECONDS), "the update is about to capture it"
    change(world, "instances", machine, state="STOPPED")
    text, _ = process.communicate(timeout=HANG_SECONDS)
    assert process.returncode == 0, text
    assert f"{machine} is STOPPING" in text
    assert calls("CreateImage") == made + 1, "it was asked for once, when it could be had"
    assert world.machines() == []


def test_an_image_that_has_been_made_for_ten_hours_is_named_as_stuck(before) -> None:
    world = before("second-park")
    [image] = world.served.control.images()
    change(world, "images", image.id, state="CREATING", created=world.server.cloud.clock.now() - TEN_HOURS)
    world.stack.set({"chatglm:state": "running"})
    told = world.stack.preview()
    assert f"({image.id}) has been CREATING for 10 h, which no image takes: it is stuck" in told.text
    assert "Delete it in the console" in told.text
    parked = world.stack.up("parked")
    assert parked.ok, parked.text
    assert [each.instance_id for each in world.machines()] == []


@pytest.mark.whole
def test_a_machine_that_has_been_launched_for_ten_hours_is_named_as_stuck(before) -> None:
    world = before("park")
    machine = world.machines()[0].instance_id
    change(world, "instances", machine, state="PENDING", created=world.server.cloud.clock.now() - TEN_HOURS)
    world.stack.set({"chatglm:state": "running"})
    told = world.stack.preview()
    assert f"{machine} has been PENDING for 10 h, which no launch takes: it is stuck" in told.text
