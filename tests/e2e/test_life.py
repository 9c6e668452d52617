"""The stack's whole life, as a person lives it, with the real engine."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.e2e


def assert_no_changes(stack) -> None:
    """A preview finds nothing to do."""
    preview = stack.preview("--expect-no-changes")
    assert preview.ok, preview.text


def test_the_whole_life(cloud, stack) -> None:
    fresh = stack.up("running")
    assert fresh.ok, fresh.text
    first = stack.outputs()["machineId"]
    assert cloud.billed() == ["disk", "instance"]
    assert_no_changes(stack)

    parked = stack.up("parked")
    assert parked.ok, parked.text
    assert f"{first} is switched off and captured" in parked.text
    assert cloud.billed() == ["snapshot"], "a parked stack costs its image and nothing else"
    assert_no_changes(stack)

    restored = stack.up("running")
    assert restored.ok, restored.text
    second = stack.outputs()["machineId"]
    assert second != first
    [image] = cloud.control.images()
    assert [(i.id, i.image_id) for i in cloud.control.instances()] == [(second, image.id)]
    assert_no_changes(stack)

    again = stack.up("parked")
    assert again.ok, again.text
    [newer] = cloud.control.images()
    assert newer.id != image.id, "the older image went with the second park"
    assert [s.id for s in cloud.control.snapshots()] == newer.snapshot_ids
    assert cloud.billed() == ["snapshot"]

    destroyed = stack.destroy()
    assert destroyed.ok, destroyed.text
    assert [i.id for i in cloud.control.images()] == [newer.id], "keepImage holds the image"

    back = stack.up("running")
    assert back.ok, back.text
    assert f"from the image {newer.name}" in back.text

    refused = stack.destroy()
    assert not refused.ok
    assert "its work would be lost" in refused.text
    assert len(cloud.control.instances()) == 1

    stack.set({"chatglm:discard": "true", "chatglm:keepImage": "false"})
    gone = stack.destroy()
    assert gone.ok, gone.text
    assert (cloud.control.instances(), cloud.control.images(), cloud.control.snapshots()) == ([], [], [])
    assert cloud.control.meter().hourly_cny == 0


def test_a_refused_capture_leaves_the_machine_and_the_next_up_parks(cloud, stack) -> None:
    assert stack.up("running").ok
    machine = stack.outputs()["machineId"]
    cloud.control.fault("CreateImage", "error", code="InvalidInstance.NotSupported")
    failed = stack.up("parked")
    assert not failed.ok
    assert "InvalidInstance.NotSupported" in failed.text
    assert [i.id for i in cloud.control.instances()] == [machine]
    parked = stack.up()
    assert parked.ok, parked.text
    assert cloud.billed() == ["snapshot"]


def test_who_goes_on_working_after_a_failed_park_does_not_get_the_older_image_back(cloud, stack) -> None:
    assert stack.up("running").ok
    cloud.control.fault("TerminateInstances", "error", code="UnsupportedOperation.InstancesProtected", times=-1)
    failed = stack.up("parked")
    assert not failed.ok
    [stale] = cloud.control.images()
    cloud.control.clear_faults()
    assert stack.up("running").ok
    parked = stack.up("parked")
    assert parked.ok, parked.text
    [image] = cloud.control.images()
    assert image.id != stale.id
    assert cloud.billed() == ["snapshot"]


@pytest.mark.whole
def test_reclaimed_while_running_comes_back_from_the_last_image(cloud, stack) -> None:
    assert stack.up("running").ok
    assert stack.up("parked").ok
    assert stack.up("running").ok
    machine = stack.outputs()["machineId"]
    cloud.control.reclaim(machine, notice_seconds=0)
    preview = stack.preview()
    assert f"{machine} is gone (reclaimed or terminated); its last image is" in preview.text
    back = stack.up()
    assert back.ok, back.text
    assert stack.outputs()["machineId"] != machine
    assert_no_changes(stack)


@pytest.mark.whole
def test_reclaimed_then_asked_to_park_keeps_the_last_image_and_says_so(cloud, stack) -> None:
    assert stack.up("running").ok
    assert stack.up("parked").ok
    assert stack.up("running").ok
    cloud.control.reclaim(stack.outputs()["machineId"], notice_seconds=0)
    parked = stack.up("parked")
    assert parked.ok, parked.text
    assert "there is nothing to capture" in parked.text
    assert cloud.billed() == ["snapshot"]
    assert_no_changes(stack)


@pytest.mark.whole
def test_reclaimed_then_destroyed(cloud, stack) -> None:
    assert stack.up("running").ok
    cloud.control.reclaim(stack.outputs()["machineId"], notice_seconds=0)
    destroyed = stack.destroy()
    assert destroyed.ok, destroyed.text
    assert cloud.control.meter().hourly_cny == 0


@pytest.mark.whole
def test_an_image_deleted_by_hand_is_told_at_once_with_what_to_do(cloud, stack) -> None:
    assert stack.up("running").ok
    assert stack.up("parked").ok
    [image] = cloud.control.images()
    cloud.api.call("cvm", "DeleteImages", ImageIds=[image.id])
    refused = stack.up("running")
    assert not refused.ok
    assert "deleted outside Pulumi" in refused.text
    assert "chatglm:restoreImageId" in refused.text
    assert cloud.control.instances() == []
    stack.set({"chatglm:discard": "true"})
    assert stack.up().ok
