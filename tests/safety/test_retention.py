"""How many images are kept, in which order they go, and what happens when there is room for none."""

from __future__ import annotations

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
