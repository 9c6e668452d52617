"""The functions ask the cloud what the official plug-in asks, and give the same shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from localcloud.plugin import functions
from localcloud.plugin.schema import package
from tests.localcloud.plugin.conftest import CONFIGURATION, Plugin
from tests.localcloud.plugin.machines import described, found
from tests.localcloud.plugin.small_cloud import ScriptedCloud

IMAGES = {
    "TotalCount": 3,
    "ImageSet": [
        {"ImageId": "img-old", "ImageName": "Windows Server 2022 x", "OsName": "Windows", "CreatedTime": "2023-01-01"},
        {"ImageId": "img-new", "ImageName": "Windows Server 2022 y", "OsName": "Windows", "CreatedTime": "2024-01-01"},
        {"ImageId": "img-lin", "ImageName": "TencentOS", "OsName": "TencentOS", "CreatedTime": "2025-01-01"},
    ],
}
TYPES = {
    "InstanceTypeQuotaSet": [
        {"Zone": "ap-guangzhou-6", "InstanceType": "GN7.2XLARGE32", "Cpu": 8, "Gpu": 1, "Memory": 32, "Status": "SELL"},
        {
            "Zone": "ap-guangzhou-6",
            "InstanceType": "GN7.LARGE20",
            "Cpu": 4,
            "Gpu": 0,
            "Memory": 20,
            "Status": "SOLD_OUT",
        },
    ]
}
ZONES = {
    "ZoneSet": [
        {"Zone": "ap-guangzhou-6", "ZoneName": "六", "ZoneId": "100006", "ZoneState": "AVAILABLE"},
        {"Zone": "ap-guangzhou-1", "ZoneName": "一", "ZoneId": "100001", "ZoneState": "UNAVAILABLE"},
    ]
}
SNAPSHOT = {"SnapshotId": "snap-1", "Placement": {"Zone": "ap-guangzhou-6"}, "DiskSize": 75, "DiskUsage": "SYSTEM_DISK"}


def invoke(start_plugin: Callable[[str], Plugin], token: str, arguments: dict[str, Any], **script: Any) -> Any:
    with ScriptedCloud(**script) as cloud:
        plugin = start_plugin(cloud.url)
        plugin.call("Configure", CONFIGURATION)
        answer = plugin.call("Invoke", {"tok": f"tencentcloud:{token}", "args": arguments})
    return answer.get("return", answer), cloud


def test_images_come_newest_first(start_plugin: Callable[[str], Plugin]) -> None:
    arguments = {"imageNameRegex": "Server 2022"}
    got, _ = invoke(start_plugin, "Images/getInstance:getInstance", arguments, DescribeImages=IMAGES)
    assert [image["imageId"] for image in got["images"]] == ["img-new", "img-old"]


def test_images_are_found_by_any_part_of_the_systems_name(start_plugin: Callable[[str], Plugin]) -> None:
    got, _ = invoke(start_plugin, "Images/getInstance:getInstance", {"osName": "tencent"}, DescribeImages=IMAGES)
    assert [image["imageId"] for image in got["images"]] == ["img-lin"]


def test_one_image_is_the_newest_that_matches(start_plugin: Callable[[str], Plugin]) -> None:
    arguments = {"osName": "windows", "filters": [{"name": "image-type", "values": ["PUBLIC_IMAGE"]}]}
    got, cloud = invoke(start_plugin, "Image/getInstance:getInstance", arguments, DescribeImages=IMAGES)
    assert got["imageId"] == "img-new"
    assert cloud.calls[0][1]["Filters"] == [{"Name": "image-type", "Values": ["PUBLIC_IMAGE"]}]


def test_no_image_is_an_error(start_plugin: Callable[[str], Plugin]) -> None:
    with ScriptedCloud(DescribeImages=IMAGES) as cloud:
        plugin = start_plugin(cloud.url)
        plugin.call("Configure", CONFIGURATION)
        request = {"tok": "tencentcloud:Image/getInstance:getInstance", "args": {"osName": "solaris"}}
        assert "No image found" in plugin.failure("Invoke", request).details()


def test_types_are_filtered_by_size_and_stock(start_plugin: Callable[[str], Plugin]) -> None:
    arguments = {"availabilityZone": "ap-guangzhou-6", "excludeSoldOut": True}
    token = "Instance/getTypes:getTypes"
    got, cloud = invoke(start_plugin, token, arguments, DescribeZoneInstanceConfigInfos=TYPES)
    assert [item["instanceType"] for item in got["instanceTypes"]] == ["GN7.2XLARGE32"]
    assert cloud.calls[0][1] == {"Filters": [{"Name": "zone", "Values": ["ap-guangzhou-6"]}]}
    by_size, _ = invoke(start_plugin, token, {"cpuCoreCount": 4}, DescribeZoneInstanceConfigInfos=TYPES)
    assert [item["instanceType"] for item in by_size["instanceTypes"]] == ["GN7.LARGE20"]


def test_zones_out_of_order_are_left_out(start_plugin: Callable[[str], Plugin]) -> None:
    token = "Availability/getZonesByProduct:getZonesByProduct"
    got, _ = invoke(start_plugin, token, {"product": "cvm"}, DescribeZones=ZONES)
    assert [zone["name"] for zone in got["zones"]] == ["ap-guangzhou-6"]
    every, _ = invoke(start_plugin, token, {"product": "cvm", "includeUnavailable": True}, DescribeZones=ZONES)
    assert len(every["zones"]) == 2


def test_machines_are_found_by_tags(start_plugin: Callable[[str], Plugin]) -> None:
    arguments = {"tags": {"stack": "dev"}}
    token = "Instances/getInstance:getInstance"
    got, cloud = invoke(start_plugin, token, arguments, DescribeInstances=found(described()))
    assert got["instanceLists"][0]["publicIp"] == "127.0.1.5"
    assert cloud.calls[0][1]["Filters"] == [{"Name": "tag:stack", "Values": ["dev"]}]


def test_snapshots_are_found_by_disk(start_plugin: Callable[[str], Plugin]) -> None:
    token = "Cbs/getSnapshots:getSnapshots"
    got, cloud = invoke(start_plugin, token, {"storageId": "disk-1"}, DescribeSnapshots={"SnapshotSet": [SNAPSHOT]})
    assert got["snapshotLists"][0]["snapshotId"] == "snap-1"
    assert cloud.calls[0][1]["Filters"] == [{"Name": "disk-id", "Values": ["disk-1"]}]


def test_the_quota_of_images(start_plugin: Callable[[str], Plugin]) -> None:
    got, _ = invoke(start_plugin, "Cvm/getImageQuota:getImageQuota", {}, DescribeImageQuota={"ImageNumQuota": 500})
    assert got["imageNumQuota"] == 500


@pytest.mark.parametrize(
    ("token", "arguments", "script"),
    [
        ("Images/getInstance:getInstance", {}, {"DescribeImages": IMAGES}),
        ("Image/getInstance:getInstance", {}, {"DescribeImages": IMAGES}),
        (
            "Image/getFromFamily:getFromFamily",
            {"imageFamily": "f"},
            {"DescribeImageFromFamily": {"Image": {"ImageId": "img-1", "SnapshotSet": [{"SnapshotId": "snap-1"}]}}},
        ),
        ("Instance/getTypes:getTypes", {}, {"DescribeZoneInstanceConfigInfos": TYPES}),
        ("Instances/getInstance:getInstance", {}, {"DescribeInstances": found(described())}),
        ("Availability/getZonesByProduct:getZonesByProduct", {"product": "cvm"}, {"DescribeZones": ZONES}),
        ("Cbs/getSnapshots:getSnapshots", {}, {"DescribeSnapshots": {"SnapshotSet": [SNAPSHOT]}}),
        ("Cvm/getImageQuota:getImageQuota", {}, {"DescribeImageQuota": {"ImageNumQuota": 1}}),
    ],
)
def test_results_have_the_schemas_properties(
    start_plugin: Callable[[str], Plugin], token: str, arguments: dict[str, Any], script: dict[str, Any]
) -> None:
    got, _ = invoke(start_plugin, token, arguments, **script)
    outputs = package()["functions"][f"tencentcloud:{token}"]["outputs"]
    assert set(got) <= set(outputs["properties"])
    assert set(outputs["required"]) <= set(got)
    for name, spec in outputs["properties"].items():
        reference = spec.get("items", {}).get("$ref")
        if reference and got.get(name):
            element = package()["types"][reference.removeprefix("#/types/")]
            assert set(got[name][0]) == set(element["properties"])


def test_bad_arguments_are_told_all_at_once(start_plugin: Callable[[str], Plugin]) -> None:
    got, cloud = invoke(start_plugin, "Image/getFromFamily:getFromFamily", {"family": "f"})
    assert [failure["reason"] for failure in got["failures"]] == [
        "Invalid or unknown key. Examine values at 'family'.",
        'Missing required argument. The argument "image_family" is required, but no definition was found.. '
        "Examine values at 'imageFamily'.",
    ]
    assert cloud.calls == []


def test_every_function_of_the_schema_is_there_or_listed_as_missing() -> None:
    missing = {"tencentcloud:Vpc/getInstances:getInstances", "tencentcloud:Vpc/getSubnets:getSubnets"}
    assert set(package()["functions"]) - set(functions.MODULES) == missing
