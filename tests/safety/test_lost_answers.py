"""What was made although nobody learned of it is found, and used or removed: never made twice, never left."""

from __future__ import annotations

import pytest

from tests.safety.conftest import unchanged
from tests.sweep.world import World, wait_until
from tests.waiting import HANG_SECONDS
from tools.workspace import kill

pytestmark = pytest.mark.e2e


def kill_during(world: World, action: str, command: str = "up", skip: int = 0) -> None:
    """Kill engine, program and plug-in while a call is under way; the cloud carries it out all the same."""
    control = world.served.control

    def done() -> int:
        return sum(call.action == action for call in control.journal())

    awaited = done() + skip + 1
    control.fault(action, "slow", seconds=0.5, skip=skip)
    process = world.stack.start(command)
    assert wait_until(lambda: not control.faults(), HANG_SECONDS)
    kill(process)
    assert wait_until(lambda: done() == awaited, HANG_SECONDS)
    refused = world.stack.up()
    assert "pulumi cancel" in refused.text, "the failure itself names its remedy"
    world.stack.pulumi("cancel", "--yes", check=True)


#: The first RunInstances only asks for stock.
LAUNCH = {"action": "RunInstances", "skip": 1}


def test_an_image_that_was_made_is_used(before) -> None:
    world = before("park")
    kill_during(world, "CreateImage")
    [made] = world.normal_images()
    parked = world.stack.up()
    assert parked.ok, parked.text
    assert f"An image of this machine exists already ({made.name}, {made.id})" in parked.text
    assert [image.id for image in world.served.control.images()] == [made.id]
    assert world.machines() == []


@pytest.mark.whole
def test_an_image_that_is_still_being_made_is_waited_for_and_the_older_one_goes_only_then(before) -> None:
    world = before("second-park")
    control = world.served.control
    [older] = world.normal_images()
    control.set_speed(1)  # an image takes ten minutes now, so this one is made only when the test says so
    kill_during(world, "CreateImage")
    assert [image.state for image in control.images() if image.id != older.id] == ["CREATING"]

    def looks() -> int:
        return sum(call.action == "DescribeImages" for call in control.journal())

    before_it = looks()
    update = world.stack.start("up")
    assert wait_until(lambda: looks() > before_it + 2, HANG_SECONDS), "the update waits for the image"
    assert older.id in {image.id for image in control.images()}
    control.set_speed("max")
    text, _ = update.communicate(timeout=HANG_SECONDS)
    assert update.returncode == 0, text
    [newer] = control.images()
    assert newer.id != older.id
    assert (newer.state, world.machines()) == ("NORMAL", [])


def test_a_machine_that_was_launched_is_adopted(before) -> None:
    world = before("up")
    kill_during(world, **LAUNCH)
    [machine] = world.machines()
    adopted = world.stack.up()
    assert adopted.ok, adopted.text
    assert [each.instance_id for each in world.machines()] == [machine.instance_id]
    assert world.outputs()["machineId"] == machine.instance_id
    assert unchanged(world.stack)


@pytest.mark.whole
def test_a_machine_that_was_launched_is_parked_when_that_is_wanted_now(before) -> None:
    world = before("restore")
    kill_during(world, **LAUNCH)
    [machine] = world.machines()
    parked = world.stack.up("parked")
    assert parked.ok, parked.text
    [image] = world.served.control.images()
    assert image.instance_id == machine.instance_id
    assert world.machines() == []
    assert unchanged(world.stack)


@pytest.mark.whole
def test_a_machine_that_no_state_holds_is_not_forgotten_by_a_destroy(before) -> None:
    world = before("up")
    kill_during(world, **LAUNCH)
    [machine] = world.machines()
    refused = world.stack.destroy()
    assert not refused.ok
    assert f"{machine.instance_id} was not terminated" in refused.text
    assert world.machines()
    world.stack.set({"chatglm:discard": "true"})
    destroyed = world.stack.destroy()
    assert destroyed.ok, destroyed.text
    assert world.served.control.meter().items == []
    assert list(world.server.cloud.db.vpcs) == []


def test_the_note_of_an_operation_that_was_cut_off_can_be_cleared(before) -> None:
    world = before("park")
    kill_during(world, "CreateImage")
    assert "pending operations" in world.stack.up().text
    cleared = world.stack.pulumi("refresh", "--clear-pending-creates", "--yes")
    assert cleared.ok, cleared.text
    again = world.stack.up()
    assert again.ok, again.text
    assert "pending operations" not in again.text
