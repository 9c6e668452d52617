"""An image of a running machine holds what was flushed, and zeros for the rest; conditions on tags in policies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from guest.rehearsal.volume import mark_flushed
from localcloud.drives import FLUSHED
from localcloud.sdk import Sdk
from localcloud.signature import Keys
from tests.localcloud.conftest import Served, launch_request


def disk_of(cloud: Served, machine: str) -> Path:
    return cloud.server.cloud.drives.disk(cloud.server.cloud.db.instances[machine].system_disk_id)


def image(cloud: Served, machine: str, **changes: Any) -> Path:
    """The folder of a new image's snapshot."""
    made = cloud.call("cvm", "CreateImage", InstanceId=machine, ImageName=f"kept-{len(changes)}", **changes)
    cloud.pass_time(3600)
    cloud.pass_time(60)
    found = cloud.call("cvm", "DescribeImages", ImageIds=[made["ImageId"]])["ImageSet"][0]
    assert found["ImageState"] == "NORMAL"
    return cloud.server.cloud.drives.snapshot(found["SnapshotSet"][0]["SnapshotId"])


def test_an_image_of_a_running_machine_lacks_what_was_not_flushed(cloud: Served) -> None:
    machine = cloud.running()
    disk = disk_of(cloud, machine)
    (disk / "before.txt").write_text("flushed", encoding="ascii")
    (disk / "changed.txt").write_text("old", encoding="ascii")
    mark_flushed(disk / FLUSHED)
    (disk / "changed.txt").write_text("newer", encoding="ascii")
    (disk / "after.txt").write_text("lost", encoding="ascii")
    folder = image(cloud, machine)
    read = {path.name: path.read_bytes() for path in folder.glob("*.txt")}
    assert read == {"before.txt": b"flushed", "changed.txt": b"\0" * 5, "after.txt": b"\0" * 4}
    assert cloud.state(machine) == "RUNNING"


def test_an_image_with_the_power_off_holds_everything(cloud: Served) -> None:
    machine = cloud.running()
    disk = disk_of(cloud, machine)
    mark_flushed(disk / FLUSHED)
    (disk / "after.txt").write_text("kept", encoding="ascii")
    assert (image(cloud, machine, ForcePoweroff="true") / "after.txt").read_text(encoding="ascii") == "kept"


def tagged(kind: str, **tags: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]


def statement(actions: list[str], resource: str, **condition: list[str]) -> dict[str, Any]:
    asked = {f"qcs:{key}": values for key, values in condition.items()}
    return {
        "effect": "allow", "action": actions, "resource": [resource],
        "condition": {"for_any_value:string_equal": asked},
    }  # fmt: skip


def test_a_policy_may_ask_for_tags_of_the_thing_and_of_the_request(cloud: Served) -> None:
    ours, theirs = cloud.running(TagSpecification=tagged("instance", team="a")), cloud.running()
    keys = cloud.control.add_user("intern")
    statements = [
        statement(["cvm:CreateImage", "cvm:StopInstances"], "qcs::cvm:::instance/*", resource_tag=["team&a"]),
        statement(["cvm:CreateImage"], "qcs::cvm:::image/*", request_tag=["team&a", "team&b"]),
    ]
    cloud.control.add_policy({"version": "2.0", "statement": statements}, principal="intern")

    intern = Served(
        cloud.server, cloud.thread, Sdk(cloud.server.url, Keys(keys.secret_id, keys.secret_key)), cloud.control
    )
    denied = "AuthFailure.UnauthorizedOperation"
    marked = tagged("image", team="b")
    assert intern.error("cvm", "CreateImage", InstanceId=theirs, ImageName="x", TagSpecification=marked) == denied
    assert intern.error("cvm", "CreateImage", InstanceId=ours, ImageName="x") == denied
    assert intern.error("cvm", "StopInstances", InstanceIds=[ours, theirs]) == denied
    assert intern.call("cvm", "CreateImage", InstanceId=ours, ImageName="x", TagSpecification=marked)["ImageId"]


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"ip_equal": {"qcs:ip": "1.2.3.4"}}, "of conditions this cloud knows for_any_value:string_equal alone"),
        ({"for_any_value:string_equal": {"qcs:ip": "1"}}, "a condition is on qcs:resource_tag or qcs:request_tag"),
    ],
)
def test_a_condition_that_this_cloud_does_not_know_is_refused(cloud: Served, condition: Any, words: str) -> None:
    entry = {"effect": "allow", "action": ["cvm:*"], "resource": ["*"], "condition": condition}
    with pytest.raises(Exception, match=words):
        cloud.control.add_policy({"version": "2.0", "statement": [entry]})


def test_whoever_gives_a_machine_a_role_must_be_allowed_to_pass_it_on(cloud: Served) -> None:
    cloud.control.add_role("of-machines")
    cloud.control.deny("cam:PassRole")
    error = cloud.error("cvm", "RunInstances", **launch_request(), CamRoleName="of-machines")
    assert error == "AuthFailure.UnauthorizedOperation"
    cloud.control.clear_policies()
    machine = cloud.running()
    cloud.call("cvm", "ModifyInstancesAttribute", InstanceIds=[machine], CamRoleName="of-machines")
    assert (cloud.instance(machine) or {})["CamRoleName"] == "of-machines"
