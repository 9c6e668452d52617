"""Whose it is, where a name does not tell: copied tags, names that begin alike, marks that are denied or late, races.

The pairs of states at each stage of a life are the matrix: tests/ownership.
"""

from __future__ import annotations

import shutil
import threading
from typing import Any

import pytest
from tenacity import Retrying, stop_after_delay, wait_fixed

from tests.safety.conftest import unchanged
from tests.stacks import open_stack
from tests.sweep.world import World
from tests.waiting import HANG_SECONDS
from tools.workspace import Result, Workspace

pytestmark = pytest.mark.e2e
DENIED = "AuthFailure.UnauthorizedOperation"
OWNER = "chatglm-owner"


def second_state(world: World, name: str = "other", **settings: str) -> Workspace:
    """Another state of the same stack name on the same account."""
    given = {"chatglm:waitReady": "false", **settings}
    return open_stack(world.folder / name, world.folder / "cloud", world.server.port, given)


def copy_state(world: World, name: str = "copy") -> Workspace:
    shutil.copytree(world.folder / "stack", world.folder / name, symlinks=True)
    return second_state(world, name)


def copy_of_machine(world: World) -> str:
    """What "buy more of the same" does in the console: another machine with the same tags."""
    [machine] = world.machines()
    with world.server.cloud.lock, world.server.cloud.db.transaction():
        twin = type(machine)(**{**vars(machine), "instance_id": "ins-twintwin", "public_ip": "127.0.1.99"})
        world.server.cloud.db.instances.put(twin)
    return twin.instance_id


def owners(world: World) -> set[str]:
    things = [*world.machines(), *world.served.control.images()]
    return {thing.tags.get(OWNER, "") for thing in things}


def forget_marks(world: World, owner: Any) -> None:
    """Bring machines and images back to what versions without identities left."""
    account = owner(world)
    for kind, things in (("instance", world.machines()), ("image", world.served.control.images())):
        for thing in things:
            account.call(
                "tag",
                "ModifyResourceTags",
                Resource=f"qcs::cvm:ap-guangzhou:uin/:{kind}/{getattr(thing, 'instance_id', None) or thing.id}"
                if kind == "instance"
                else f"qcs::cvm:ap-guangzhou:uin/:image/{thing.id}",
                DeleteTags=[{"TagKey": OWNER}, {"TagKey": "chatglm-edition"}],
            )


def test_a_machine_that_only_has_the_tags_is_neither_captured_nor_ended_nor_in_the_way(before) -> None:
    world = before("second-park")
    twin = copy_of_machine(world)
    [older] = world.normal_images()
    told = world.stack.preview()
    assert f"{twin} in ap-guangzhou-3 carries this state's tags, but this state never launched it" in told.text
    parked = world.stack.up()
    assert parked.ok, parked.text
    assert [machine.instance_id for machine in world.machines()] == [twin]
    [image] = world.normal_images()
    assert image.instance_id not in (twin, older.instance_id)
    assert unchanged(world.stack)
    assert world.stack.up().ok, "an idle update leaves it alone as well"
    assert [image.id for image in world.normal_images()] == [image.id]


@pytest.mark.whole
def test_images_whose_names_only_begin_alike_are_nobodys_here(before, owner) -> None:
    world = before("second-park")
    account, [machine] = owner(world), world.machines()
    spare = account.call("cvm", "RunInstances", **launch_request(world))["InstanceIdSet"][0]
    advance(world, 60)
    names = (f"chatglm-rehearsal-2-1-{spare}", "chatglm-rehearsal-before-finetune", f"chatglm-rehearsal-7-{spare}")
    for name in names:
        account.call("cvm", "CreateImage", InstanceId=spare, ImageName=name)
        advance(world, 3600)
    assert world.stack.up().ok
    kept = {image.name for image in world.served.control.images()}
    assert set(names) <= kept
    assert len(kept) == len(names) + 1
    assert all(other.instance_id != machine.instance_id for other in world.machines())
    destroyed = world.stack.destroy()
    assert destroyed.ok, destroyed.text
    assert set(names) <= {image.name for image in world.served.control.images()}


def advance(world: World, seconds: float) -> None:
    """Move the clock, and wait until what falls due has happened: on a busy computer a disk may still be copied."""
    world.served.control.advance(seconds)
    for attempt in Retrying(wait=wait_fixed(0.05), stop=stop_after_delay(120)):
        with attempt:
            assert all(image.state == "NORMAL" for image in world.served.control.images())
            assert all(machine.state == "RUNNING" for machine in world.machines())


def launch_request(world: World) -> dict[str, Any]:
    [machine] = world.machines()
    return {
        "Placement": {"Zone": machine.zone},
        "InstanceType": machine.instance_type,
        "InstanceChargeType": "SPOTPAID",
        "ImageId": machine.image_id if machine.image_id.startswith("img-m07") else "img-m07ny34j",
        "SystemDisk": {"DiskType": "CLOUD_SSD", "DiskSize": 75},
        "LoginSettings": {"Password": "Somebody-Else-22"},
    }


def test_a_stack_of_a_version_without_identities_is_taken_over_once_and_it_is_said(before, owner) -> None:
    world = before("second-park")
    world.stack.set({"chatglm:state": "running"})
    forget_marks(world, owner)
    forget_identity(world)
    taken = world.stack.up()
    assert taken.ok, taken.text
    assert "was made by an earlier version, without an owner's mark: it is taken over, once." in taken.text
    assert owners(world) == {world.outputs()["identity"]}
    again = world.stack.up()
    assert "taken over" not in again.text
    assert unchanged(world.stack)
    parked = world.stack.up("parked")
    assert parked.ok, parked.text
    assert len(world.normal_images()) == 1


def forget_identity(world: World) -> None:
    """Take the identity out of the state, as states of earlier versions have none."""
    import json

    exported = json.loads(world.stack.pulumi("stack", "export", check=True).text)
    kept = []
    for resource in exported["deployment"]["resources"]:
        if resource["type"] == "pulumi:index:Stash":
            continue
        if resource["type"] == "pulumi:pulumi:Stack":
            for name in ("identity", "edition"):
                resource["outputs"].pop(name, None)
        resource["dependencies"] = [urn for urn in resource.get("dependencies") or [] if "::identity" not in urn]
        for urns in (resource.get("propertyDependencies") or {}).values():
            if urns:
                urns[:] = [urn for urn in urns if "::identity" not in urn]
        kept.append(resource)
    exported["deployment"]["resources"] = kept
    world.stack.pulumi("stack", "import", stdin=json.dumps(exported), check=True)


@pytest.mark.whole
def test_an_image_that_a_version_without_identities_kept_is_restored_by_the_next_up(before, owner) -> None:
    world = before("up-after-destroy")
    forget_marks(world, owner)
    restored = world.stack.up()
    assert restored.ok, restored.text
    assert "Restore: a new" in restored.text
    assert owners(world) == {world.outputs()["identity"]}


@pytest.mark.whole
def test_a_machine_of_a_version_without_identities_that_no_state_knows_needs_a_word(before, owner) -> None:
    world = before("park")
    forget_marks(world, owner)
    [machine] = world.machines()
    other = second_state(world)
    told = other.preview()
    assert f"pulumi config set chatglm:adopt {machine.instance_id}" in told.text
    other.set({"chatglm:adopt": machine.instance_id})
    taken = other.up()
    assert taken.ok, taken.text
    assert [each.instance_id for each in world.machines()] == [machine.instance_id]
    assert other.outputs()["machineId"] == machine.instance_id


def test_an_older_copy_becomes_the_later_one_by_a_word(before) -> None:
    world = before("park")
    copy = copy_state(world)
    assert world.stack.up().ok
    refused = copy.up("parked")
    assert not refused.ok
    assert "This state is an older copy" in refused.text
    copy.set({"chatglm:adopt": copy.outputs()["identity"]})
    taken = copy.up()
    assert taken.ok, taken.text
    assert "This state is an older copy" in world.stack.up().text
    idle = copy.up()
    assert "chatglm:adopt" in idle.text
    assert "was obeyed. Remove it: pulumi config rm chatglm:adopt" in idle.text


@pytest.mark.whole
def test_an_older_copy_may_look(before) -> None:
    world = before("park")
    copy = copy_state(world)
    assert world.stack.up().ok
    looked = copy.preview()
    assert looked.ok, looked.text
    assert "This state is an older copy" in looked.text


@pytest.mark.whole
def test_a_state_that_was_moved_to_another_backend_goes_on_with_everything(before) -> None:
    world = before("restore")
    exported = world.stack.pulumi("stack", "export", "--show-secrets", check=True).text
    moved = second_state(world, "moved")
    moved.pulumi("stack", "import", stdin=exported, check=True)
    restored = moved.up("running")
    assert restored.ok, restored.text
    assert "Restore: a new" in restored.text
    assert moved.outputs()["identity"] in owners(world)
    assert "This state is an older copy" in world.stack.up().text


@pytest.mark.whole
def test_an_identity_survives_a_first_update_that_failed(before) -> None:
    world = before("up")
    world.served.control.fault("RunInstances", "error", code="ResourcesSoldOut.SpecifiedInstanceType", skip=1)
    assert not world.stack.up().ok
    launched = world.stack.up()
    assert launched.ok, launched.text
    assert owners(world) == {world.outputs()["identity"]}
    assert world.outputs()["edition"].startswith("2-"), "the second edition of one identity"


@pytest.mark.whole
def test_a_search_by_tag_that_lags_does_not_launch_a_second_machine(before) -> None:
    world = before("up")
    world.served.control.fault("DescribeInstances", "error", code="InternalError", skip=3, times=-1)
    failed = world.stack.start("up", {"TENCENTCLOUD_READ_RETRY_TIMEOUT": "0", "TENCENTCLOUD_WRITE_RETRY_TIMEOUT": "0"})
    failed.communicate(timeout=HANG_SECONDS)
    world.served.control.clear_faults()
    [machine] = world.machines()
    tags = dict(machine.tags)
    with world.server.cloud.lock, world.server.cloud.db.transaction():
        world.server.cloud.db.instances.change(machine.instance_id, tags={})
    adopted = world.stack.up()
    assert adopted.ok, adopted.text
    assert [each.instance_id for each in world.machines()] == [machine.instance_id]
    assert tags[OWNER] in owners(world)


@pytest.mark.whole
def test_a_park_goes_through_where_tags_are_denied_meanwhile(before) -> None:
    world = before("second-park")
    world.served.control.fault("ModifyResourceTags", "error", code=DENIED, times=-1)
    for _ in range(2):
        parked = world.stack.up()
        if parked.ok:
            break
    assert parked.ok, parked.text
    assert world.machines() == []
    assert len(world.normal_images()) == 1
    assert "Traceback" not in parked.text


@pytest.mark.whole
def test_where_tags_are_denied_from_the_start_nothing_is_made_and_the_permission_is_named(before) -> None:
    world = before("up")
    world.served.control.fault("CreateVpc", "error", code=DENIED, times=-1)
    refused = world.stack.up()
    assert not refused.ok
    assert DENIED in refused.text
    assert (world.machines(), list(world.server.cloud.db.vpcs)) == ([], [])


@pytest.mark.parametrize("action", ["CreateSubnet", "CreateSecurityGroup", "RunInstances"])
@pytest.mark.whole
def test_a_first_launch_that_is_denied_midway_names_the_permission_and_the_next_up_goes_on(before, action: str) -> None:
    world = before("up")
    world.served.control.fault(action, "error", code=DENIED, times=-1)
    refused = world.stack.up()
    assert not refused.ok
    assert DENIED in refused.text
    assert "Traceback" not in refused.text
    assert world.machines() == []
    assert world.served.control.meter().items == []
    world.served.control.clear_faults()
    launched = world.stack.up()
    assert launched.ok, launched.text
    db = world.server.cloud.db
    assert (len(world.machines()), len(list(db.vpcs)), len(list(db.subnets))) == (1, 1, 1)
    assert owners(world) == {world.outputs()["identity"]}
    assert unchanged(world.stack)


@pytest.mark.whole
def test_a_first_park_whose_image_is_denied_leaves_the_machine_and_names_the_permission(before) -> None:
    world = before("park")
    world.served.control.fault("CreateImage", "error", code=DENIED, times=-1)
    [machine] = world.machines()
    refused = world.stack.up()
    assert not refused.ok
    assert DENIED in refused.text
    assert "Traceback" not in refused.text
    assert [one.instance_id for one in world.machines()] == [machine.instance_id]
    world.served.control.clear_faults()
    assert world.stack.up().ok
    assert (world.machines(), len(world.normal_images())) == ([], 1)


def race(*stacks: Workspace) -> list[Result]:
    results: list[Result] = []
    threads = [threading.Thread(target=lambda one=one: results.append(one.up())) for one in stacks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_two_copies_that_park_at_once_lose_nothing_and_one_is_told(before) -> None:
    world = before("second-park")
    copy = copy_state(world)
    [machine] = world.machines()
    results = race(world.stack, copy)
    assert any(result.ok for result in results), "\n".join(result.text for result in results)
    assert any(image.instance_id == machine.instance_id for image in world.normal_images())
    said = "".join([*(result.text for result in results), world.stack.up().text, copy.up().text])
    assert "was taken by another copy of this state" in said or "This state is an older copy" in said
    assert "Traceback" not in said


@pytest.mark.whole
def test_two_states_that_restore_one_kept_image_at_once_do_not_both_own_it(before) -> None:
    world = before("up-after-destroy")
    other = second_state(world)
    other.set({"chatglm:state": "running"})
    world.stack.set({"chatglm:state": "running"})
    [image] = world.normal_images()
    results = race(world.stack, other)
    assert any(result.ok for result in results), "\n".join(result.text for result in results)
    [kept] = world.normal_images()
    assert kept.id == image.id
    assert kept.tags[OWNER] in {stack.outputs().get("identity") for stack in (world.stack, other)}
    assert "Traceback" not in "".join(result.text for result in results)
