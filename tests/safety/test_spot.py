"""Spot machines: no stock where it was wanted, and reclaim at the worst moment."""

from __future__ import annotations

import pytest

from tests.safety.conftest import unchanged
from tests.sweep.world import wait_until
from tests.waiting import HANG_SECONDS

pytestmark = pytest.mark.e2e
SOLD_OUT = "ResourcesSoldOut.SpecifiedInstanceType"


def zones_of_subnets(world) -> list[str]:
    return sorted(subnet.zone for subnet in world.server.cloud.db.subnets)


def test_a_zone_that_refuses_though_it_lists_stock_gives_way_in_the_same_update(before) -> None:
    world = before("up")
    world.served.control.fault("RunInstances", "error", code=SOLD_OUT)
    launched = world.stack.up()
    assert launched.ok, launched.text
    assert "GN7.2XLARGE32 in ap-guangzhou-3: The GPU type has no stock there now" in launched.text
    assert [machine.zone for machine in world.machines()] == ["ap-guangzhou-4"]
    assert zones_of_subnets(world) == ["ap-guangzhou-4"]


def test_a_restore_moves_subnet_and_machine_together_to_where_there_is_stock(before) -> None:
    world = before("restore")
    world.served.control.set_stock("ap-guangzhou-3", "GN7.2XLARGE32", "SOLD_OUT")
    restored = world.stack.up()
    assert restored.ok, restored.text
    assert [machine.zone for machine in world.machines()] == ["ap-guangzhou-4"]
    assert zones_of_subnets(world) == ["ap-guangzhou-4"], "the old zone's subnet went once the new one stood"
    assert unchanged(world.stack)


@pytest.mark.whole
def test_when_every_zone_refuses_nothing_is_made_and_what_is_in_stock_is_named(before) -> None:
    world = before("up")
    world.served.control.fault("RunInstances", "error", code=SOLD_OUT, times=-1)
    refused = world.stack.up()
    assert not refused.ok
    for said in ("No zone can launch the machine", "In stock now: GN7.5XLARGE80 in ap-guangzhou-3 at", "CNY/h"):
        assert said in refused.text, refused.text
    assert "GN7.2XLARGE32 in ap-guangzhou-3 at" not in refused.text, "what just refused is not offered again"
    assert list(world.server.cloud.db.vpcs) == []


@pytest.mark.whole
def test_stock_is_told_for_the_type_that_is_wanted(before) -> None:
    world = before("up")
    world.stack.set({"chatglm:instanceType": "GN7.5XLARGE80"})
    world.served.control.set_stock("ap-guangzhou-3", "GN7.5XLARGE80", "SOLD_OUT")
    assert world.stack.up().ok
    assert [(m.zone, m.instance_type) for m in world.machines()] == [("ap-guangzhou-4", "GN7.5XLARGE80")]


def test_a_stock_that_goes_between_the_question_and_the_launch_fails_the_update_and_the_next_one_moves_on(
    before,
) -> None:
    world = before("up")
    world.served.control.fault("RunInstances", "error", code=SOLD_OUT, skip=1)
    assert not world.stack.up().ok
    assert world.machines() == []
    world.served.control.set_stock("ap-guangzhou-3", "GN7.2XLARGE32", "SOLD_OUT")
    assert world.stack.up().ok
    assert [machine.zone for machine in world.machines()] == ["ap-guangzhou-4"]


@pytest.mark.whole
def test_reclaimed_while_it_is_set_up_ends_the_waiting(before) -> None:
    world = before("up")
    world.stack.set({"chatglm:waitReady": "true"})
    update = world.stack.start_up()
    # The plug-in's last look at the new machine; from then on the update only waits for it.
    looked = lambda: any(c.action == "DescribeInstancesAttributes" for c in world.served.control.journal())  # noqa: E731
    assert wait_until(looked, HANG_SECONDS)
    world.served.control.reclaim(world.machines()[0].instance_id, notice_seconds=0)
    text, _ = update.communicate(timeout=HANG_SECONDS)
    assert update.returncode != 0
    assert "was reclaimed or terminated before it was ready" in text
    world.stack.set({"chatglm:waitReady": "false"})
    again = world.stack.up()
    assert again.ok, again.text
    assert len(world.machines()) == 1


def test_reclaimed_while_it_is_captured_keeps_the_older_image_and_drops_the_broken_one(before) -> None:
    world = before("second-park")
    control = world.served.control
    [older] = world.normal_images()
    control.set_speed(60)  # an image takes ten seconds now
    update = world.stack.start_up()
    assert wait_until(lambda: any(image.state == "CREATING" for image in control.images()), HANG_SECONDS)
    control.reclaim(world.machines()[0].instance_id, notice_seconds=0)
    control.set_speed("max")
    text, _ = update.communicate(timeout=HANG_SECONDS)
    assert update.returncode != 0, text
    again = world.stack.up()
    assert again.ok, again.text
    assert "there is nothing to capture" in again.text
    assert [image.id for image in control.images()] == [older.id]
    assert unchanged(world.stack)


@pytest.mark.whole
def test_reclaimed_while_it_is_terminated_is_found_gone(before) -> None:
    world = before("park")
    control = world.served.control
    machine = world.machines()[0].instance_id
    control.fault("TerminateInstances", "slow", seconds=1)
    update = world.stack.start_up()
    assert wait_until(lambda: not control.faults(), HANG_SECONDS)
    control.reclaim(machine, notice_seconds=0)
    text, _ = update.communicate(timeout=HANG_SECONDS)
    assert update.returncode == 0, text
    assert world.machines() == []
    assert len(world.normal_images()) == 1
