"""Machines, images and snapshots through a stack's life: launch, park, restore, reclaim, destroy."""

from __future__ import annotations

from threading import Event
from typing import Any

import httpx
import pytest

from localcloud.control_client import ControlError

from .conftest import LINUX_IMAGE, PASSWORD, launch_request


def disk_folder(cloud: Any, instance_id: str) -> Any:
    machine = next(item for item in cloud.control.instances() if item.id == instance_id)
    return cloud.server.cloud.drives.disk(machine.system_disk_id)


def test_what_is_on_the_disk_is_there_again_after_park_and_restore(cloud: Any) -> None:
    instance_id = cloud.running()
    (disk_folder(cloud, instance_id) / "weights.bin").write_text("trained", encoding="utf-8")
    image_id = cloud.image(instance_id)
    cloud.call("cvm", "TerminateInstances", InstanceIds=[instance_id])
    cloud.pass_time(10)
    restored = cloud.running(ImageId=image_id, LoginSettings={"KeepImageLogin": "TRUE"})
    assert (disk_folder(cloud, restored) / "weights.bin").read_text(encoding="utf-8") == "trained"
    assert cloud.server.cloud.db.instances[restored].password == PASSWORD


def test_a_change_after_the_image_is_not_in_it(cloud: Any) -> None:
    instance_id = cloud.running()
    folder = disk_folder(cloud, instance_id)
    (folder / "file").write_text("before", encoding="utf-8")
    image_id = cloud.image(instance_id)
    (folder / "file").write_text("after", encoding="utf-8")
    restored = cloud.running(ImageId=image_id)
    assert (disk_folder(cloud, restored) / "file").read_text(encoding="utf-8") == "before"


def test_a_terminated_machine_leaves_no_folder(cloud: Any) -> None:
    instance_id = cloud.running()
    folder = disk_folder(cloud, instance_id)
    assert folder.is_dir()
    cloud.call("cvm", "TerminateInstances", InstanceIds=[instance_id])
    cloud.pass_time(10)
    assert not folder.exists()


def test_an_image_of_a_stopped_machine_leaves_it_stopped(cloud: Any) -> None:
    instance_id = cloud.running()
    cloud.call("cvm", "StopInstances", InstanceIds=[instance_id])
    cloud.pass_time(10)
    cloud.image(instance_id)
    assert cloud.state(instance_id) == "STOPPED"


def test_an_image_without_power_off_leaves_the_machine_running(cloud: Any) -> None:
    instance_id = cloud.running()
    cloud.call("cvm", "CreateImage", InstanceId=instance_id, ImageName="online")
    found = cloud.instance(instance_id)
    assert (found["InstanceState"], found["LatestOperationState"]) == ("RUNNING", "OPERATING")


def test_a_machine_can_be_made_of_an_image_in_another_zone(cloud: Any) -> None:
    image_id = cloud.image(cloud.running())
    assert cloud.running(ImageId=image_id, Placement={"Zone": "ap-guangzhou-3"})


def test_images_of_one_region_are_not_seen_in_another(cloud: Any) -> None:
    from localcloud.sdk import Sdk

    image_id = cloud.image(cloud.running())
    nanjing = Sdk(cloud.server.url, cloud.server.keys, "ap-nanjing")
    assert nanjing.call("cvm", "DescribeImages", ImageIds=[image_id])["TotalCount"] == 0
    assert nanjing.call("cvm", "DescribeInstances")["TotalCount"] == 0


def test_a_repeated_client_token_gets_the_first_answer_and_no_second_machine(cloud: Any) -> None:
    first = cloud.launch(ClientToken="token")
    assert cloud.launch(ClientToken="token") == first
    assert len(cloud.control.instances()) == 1


def test_a_lost_answer_and_a_second_try_with_the_token_make_one_machine(cloud: Any) -> None:
    cloud.control.fault("RunInstances", "lost_answer")
    assert cloud.error("cvm", "RunInstances", ClientToken="t", **launch_request()) == "ServerNetworkError"
    assert cloud.launch(ClientToken="t") == cloud.control.instances()[0].id
    assert len(cloud.control.instances()) == 1


@pytest.mark.parametrize("action", ["RunInstances", "CreateImage", "DeleteImages"])
def test_a_passed_dry_run_answers_only_its_id_and_does_nothing(cloud: Any, action: str) -> None:
    image_id = cloud.image(cloud.running())
    params = {
        "RunInstances": launch_request(),
        "CreateImage": {"ImageName": "dry", "InstanceId": cloud.control.instances()[0].id},
        "DeleteImages": {"ImageIds": [image_id]},
    }[action]
    assert list(cloud.sdk.call_json("cvm", action, {**params, "DryRun": True})) == ["RequestId"]
    assert (len(cloud.control.instances()), len(cloud.control.images())) == (1, 1)


def test_a_dry_run_tells_of_missing_stock(cloud: Any) -> None:
    cloud.control.set_stock("ap-guangzhou-6", "GN7.2XLARGE32", "SOLD_OUT")
    code = cloud.error("cvm", "RunInstances", DryRun=True, **launch_request())
    assert code == "ResourcesSoldOut.SpecifiedInstanceType"


def test_a_launch_that_fails_in_the_middle_leaves_nothing(cloud: Any) -> None:
    network = cloud.network()
    full = cloud.call(
        "vpc", "CreateSubnet", VpcId=network["VpcId"], SubnetName="t", CidrBlock="10.0.2.0/28", Zone="ap-guangzhou-6"
    )
    cloud.control.set_quota("spot_vcpu", 1000)
    request = {**launch_request(), "InstanceCount": 14}
    request["VirtualPrivateCloud"] = {"VpcId": network["VpcId"], "SubnetId": full["Subnet"]["SubnetId"]}
    cloud.error("cvm", "RunInstances", **request)
    assert (cloud.control.instances(), cloud.control.disks(), cloud.control.meter().items) == ([], [], [])


def test_several_machines_get_numbered_names_and_addresses_of_their_own(cloud: Any) -> None:
    cloud.call("cvm", "RunInstances", **{**launch_request(), "InstanceCount": 2})
    machines = cloud.control.instances()
    assert [machine.name for machine in machines] == ["chatglm1", "chatglm2"]
    assert [machine.public_ip for machine in machines] == ["127.0.1.1", "127.0.1.2"]


def test_a_public_address_is_free_again_when_its_machine_is_gone(cloud: Any) -> None:
    first = cloud.running()
    cloud.call("cvm", "TerminateInstances", InstanceIds=[first])
    assert cloud.instance(cloud.launch())["PublicIpAddresses"] == ["127.0.1.2"]
    cloud.pass_time(10)
    assert cloud.instance(cloud.launch())["PublicIpAddresses"] == ["127.0.1.1"]


def test_without_bandwidth_there_is_no_public_address(cloud: Any) -> None:
    assert cloud.instance(cloud.launch(InternetAccessible=None))["PublicIpAddresses"] is None


def test_a_vgpu_type_runs_linux(cloud: Any) -> None:
    assert cloud.launch(InstanceType="GN7.2XLARGE40", ImageId=LINUX_IMAGE)


def metadata(cloud: Any, instance_id: str, path: str) -> httpx.Response:
    url = f"{cloud.server.url}/metadata/{instance_id}/latest/meta-data/{path}"
    return httpx.get(url, trust_env=False)


def test_a_reclaimed_machine_has_two_minutes_notice_and_is_gone_with_its_disk(cloud: Any) -> None:
    instance_id = cloud.running()
    assert metadata(cloud, instance_id, "spot/termination-time").status_code == 404
    cloud.control.reclaim(instance_id)
    notice = metadata(cloud, instance_id, "spot/termination-time")
    assert len(notice.text) == len("2018-08-18 12:05:33")
    cloud.pass_time(119)
    assert cloud.state(instance_id) == "RUNNING"
    cloud.pass_time(1)
    assert cloud.state(instance_id) == "TERMINATING"
    cloud.pass_time(10)
    assert (cloud.state(instance_id), cloud.control.disks(), cloud.control.meter().items) == ("gone", [], [])


def test_the_meta_data_know_the_machine(cloud: Any) -> None:
    instance_id = cloud.running()
    assert metadata(cloud, instance_id, "instance-id").text == instance_id
    assert metadata(cloud, instance_id, "placement/zone").text == "ap-guangzhou-6"
    assert metadata(cloud, instance_id, "public-ipv4").text == "127.0.1.1"
    assert "payment/charge-type" in metadata(cloud, instance_id, "").text
    assert metadata(cloud, instance_id, "nothing").status_code == 404
    assert metadata(cloud, "ins-00000000", "instance-id").status_code == 404


def test_a_reclaim_while_the_image_is_made_fails_the_image_and_keeps_the_older_one(cloud: Any) -> None:
    instance_id = cloud.running()
    older = cloud.image(instance_id, "older")
    newer = cloud.call("cvm", "CreateImage", InstanceId=instance_id, ImageName="newer", ForcePoweroff="true")["ImageId"]
    cloud.control.reclaim(instance_id)
    cloud.pass_time(120)
    cloud.pass_time(10)
    assert (cloud.image_state(older), cloud.image_state(newer)) == ("NORMAL", "CREATEFAILED")
    assert cloud.state(instance_id) == "gone"


def test_only_spot_machines_are_reclaimed(cloud: Any) -> None:
    with pytest.raises(ControlError, match="does not exist"):
        cloud.control.reclaim("ins-00000000")


def test_a_disk_that_is_not_deleted_with_its_machine_stays_and_costs(cloud: Any) -> None:
    disks = [{"DiskType": "CLOUD_SSD", "DiskSize": 20, "DeleteWithInstance": False}]
    instance_id = cloud.running(DataDisks=disks)
    cloud.call("cvm", "TerminateInstances", InstanceIds=[instance_id])
    cloud.pass_time(10)
    assert [(disk.usage, disk.state) for disk in cloud.control.disks()] == [("DATA_DISK", "UNATTACHED")]
    assert [item.kind for item in cloud.control.meter().items] == ["disk"]


def test_two_images_can_share_a_snapshot_and_the_last_one_takes_it_along(cloud: Any) -> None:
    first = cloud.image(cloud.running(), "first")
    shared = cloud.control.snapshots()[0].id
    second = cloud.call("cvm", "CreateImage", ImageName="second", SnapshotIds=[shared])["ImageId"]
    cloud.call("cvm", "DeleteImages", ImageIds=[first], DeleteBindedSnap=True)
    assert [snapshot.image_id for snapshot in cloud.control.snapshots()] == [second]
    cloud.call("cvm", "DeleteImages", ImageIds=[second], DeleteBindedSnap=True)
    assert cloud.control.snapshots() == []


def test_rules_changed_meanwhile_make_an_update_fail(cloud: Any) -> None:
    group = cloud.call("vpc", "CreateSecurityGroup", GroupName="g", GroupDescription="d")["SecurityGroup"]
    rule = {"Protocol": "TCP", "Port": "22", "CidrBlock": "1.2.3.4/32", "Action": "ACCEPT"}

    def put(**version: str) -> dict[str, Any]:
        return {"SecurityGroupId": group["SecurityGroupId"], "SecurityGroupPolicySet": {"Ingress": [rule], **version}}

    cloud.call("vpc", "ModifySecurityGroupPolicies", **put())
    cloud.call("vpc", "ModifySecurityGroupPolicies", **put(Version="2"))
    # Somebody in the console.
    cloud.call("vpc", "ModifySecurityGroupPolicies", **put())
    assert cloud.error("vpc", "ModifySecurityGroupPolicies", **put(Version="3")) == (
        "UnsupportedOperation.VersionMismatch"
    )


def test_calls_are_answered_while_a_disk_is_being_copied(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    instance_id = cloud.running()
    guest_has_ended = Event()
    monkeypatch.setattr(cloud.server.cloud.drives, "_is_running", lambda _: not guest_has_ended.is_set())
    image_id = cloud.call("cvm", "CreateImage", InstanceId=instance_id, ImageName="i", ForcePoweroff="true")["ImageId"]
    cloud.control.advance(600)
    assert (cloud.image_state(image_id), cloud.state(instance_id)) == ("CREATING", "STOPPED")
    guest_has_ended.set()
    cloud.settle()
    assert cloud.image_state(image_id) == "NORMAL"
