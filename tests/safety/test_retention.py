"""How many images are kept, in which order they go, and what happens when there is room for none."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.e2e


def generations(world) -> list[str]:
    return sorted(image.tags["chatglm-generation"] for image in world.normal_images())


def test_keep_images_keeps_the_last_ones_with_their_snapshots(before) -> None:
    world = before("second-park")
    world.stack.set({"chatglm:keepImages": "2"})
    assert world.stack.up().ok
    assert generations(world) == ["1", "2"]
    for state in ("running", "parked"):
        done = world.stack.up(state)
        assert done.ok, done.text
    assert generations(world) == ["2", "3"]
    kept = {snapshot for image in world.normal_images() for snapshot in image.snapshot_ids}
    assert {snapshot.id for snapshot in world.served.control.snapshots()} == kept


@pytest.mark.whole
def test_a_lower_number_takes_the_older_ones_away_at_the_next_update(before) -> None:
    world = before("second-park")
    world.stack.set({"chatglm:keepImages": "2"})
    assert world.stack.up().ok
    world.stack.set({"chatglm:keepImages": "1"})
    told = world.stack.preview()
    assert "is deleted with its snapshots" in told.text
    assert world.stack.up().ok
    assert generations(world) == ["2"]


def test_a_restored_machine_is_never_left_without_the_image_that_it_came_from(before) -> None:
    world = before("second-park")
    world.served.control.fault("CreateImage", "late_failure")
    failed = world.stack.up()
    assert not failed.ok
    assert generations(world) == ["1"], "the older image stays until a newer one is NORMAL"
    assert len(world.machines()) == 1
    assert world.stack.up().ok
    assert len(world.served.control.images()) == 1, "the failed one is gone too"


@pytest.mark.whole
def test_the_image_that_a_destroy_kept_goes_with_the_next_park(before) -> None:
    world = before("up-after-destroy")
    [kept] = world.normal_images()
    assert world.stack.up().ok
    parked = world.stack.up("parked")
    assert parked.ok, parked.text
    assert kept.id not in {image.id for image in world.served.control.images()}
    assert len(world.normal_images()) == 1


def test_a_full_quota_names_the_images_oldest_first_and_the_machine_stays(before) -> None:
    world = before("second-park")
    [older] = world.normal_images()
    world.served.control.set_quota("image", 1)
    refused = world.stack.up()
    assert not refused.ok
    assert "The region holds 1 custom images, and the account may have 1" in refused.text
    assert f"Oldest first: {older.name} ({older.id}, of " in refused.text
    assert len(world.machines()) == 1
    world.served.control.set_quota("image", 2)
    assert world.stack.up().ok
    assert len(world.normal_images()) == 1


@pytest.mark.parametrize(
    "code", ["AuthFailure.UnauthorizedOperation", pytest.param("InvalidImageId.InShared", marks=pytest.mark.whole)]
)
def test_an_older_image_that_cannot_be_deleted_is_a_leftover_and_the_machine_ends(before, code: str) -> None:
    world = before("second-park")
    [older] = world.normal_images()
    world.served.control.fault("DeleteImages", "error", code=code, times=-1)
    parked = world.stack.up()
    assert parked.ok, parked.text
    assert "Traceback" not in parked.text
    assert f"The older image {older.name} ({older.id}) is left over and costs money." in parked.text
    assert world.machines() == []
    world.served.control.clear_faults()
    assert world.stack.up().ok
    assert older.id not in {image.id for image in world.served.control.images()}


@pytest.mark.whole
def test_a_snapshot_look_up_that_is_denied_stands_in_no_ones_way(before) -> None:
    world = before("second-park")
    world.served.control.fault(
        "DescribeSnapshots", "error", code="AuthFailure.UnauthorizedOperation", service="cbs", times=-1
    )
    parked = world.stack.up()
    assert parked.ok, parked.text
    assert world.machines() == []


@pytest.mark.whole
def test_a_pinned_image_is_never_deleted_and_said_each_time(before) -> None:
    world = before("restore")
    [pinned] = world.normal_images()
    world.stack.set({"chatglm:restoreImageId": pinned.id})
    for state in ("running", "parked", "running"):
        done = world.stack.up(state)
        assert done.ok, done.text
        assert f"restore to {pinned.id}" in done.text
        assert pinned.id in {image.id for image in world.normal_images()}
    assert "the newest is" in done.text


@pytest.mark.whole
def test_keeping_no_image_after_a_destroy_that_kept_one_names_the_commands_that_delete_it(before) -> None:
    world = before("up-after-destroy")
    [kept] = world.normal_images()
    world.stack.set({"chatglm:keepImage": "false", "chatglm:state": "parked"})
    told = world.stack.destroy()
    assert f"({kept.id}) would stay and go on costing money. To delete it with its snapshots:" in told.text
    assert world.stack.up().ok
    assert world.machines() == [], "it is taken over, and nothing launched"
    destroyed = world.stack.destroy()
    assert destroyed.ok, destroyed.text
    assert world.served.control.meter().items == []


def test_a_refused_destroy_has_dropped_nothing_from_the_state(before) -> None:
    world = before("second-park")
    world.stack.set({"chatglm:state": "running"})
    held = resources(world)
    assert "was not terminated" in world.stack.destroy().text
    assert resources(world) == held


def resources(world) -> set[str]:
    exported = json.loads(world.stack.pulumi("stack", "export", check=True).text)
    return {each["urn"] for each in exported["deployment"]["resources"]}
