"""The look-ups, through the official SDK over HTTP against a local cloud."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from components.settings import WINDOWS_2022_CHINESE
from tencent.access import Access, find_region
from tencent.cloud import Cloud, ask
from tencent.errors import CloudError
from tencent.facts import TAG_GENERATION, TAG_LAUNCH, TAG_MACHINE, TAG_STACK
from tests.localcloud.conftest import Served

STACK = "organization/chatglm/dev"
ZONE = "ap-guangzhou-6"


def tags(**values: str) -> list[dict[str, object]]:
    """A TagSpecification for an instance or an image."""
    kind = "image" if TAG_GENERATION.replace("-", "_") in values else "instance"
    rows = [{"Key": key.replace("_", "-"), "Value": value} for key, value in values.items()]
    return [{"ResourceType": kind, "Tags": rows}]


def launch_running(served: Served) -> str:
    """A machine that has come up."""
    machine = served.launch()
    served.control.advance(3600)
    return machine


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served.start(tmp_path, speed=float("inf"))
    yield served
    served.stop()


@pytest.fixture
def cloud(served: Served, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setenv("HTTP_PROXY", served.server.url)
    keys = served.server.keys
    access = Access(keys.secret_id, keys.secret_key, "", "ap-guangzhou", "HTTP", "tencentcloudapi.com")
    return Cloud(access, patience_seconds=10)


def test_every_stacks_machines_are_found_by_tag_and_others_by_their_id(served: Served, cloud: Cloud) -> None:
    own = served.launch(TagSpecification=tags(chatglm_stack=STACK, chatglm_launch="20260102-120000"))
    other = served.launch(TagSpecification=tags(chatglm_stack="organization/chatglm/other"))
    untagged, _ = served.launch(), served.launch()
    served.control.advance(3600)
    found = {machine.id: machine for machine in cloud.seen_machines({untagged})}
    assert set(found) == {own, other, untagged}
    assert {machine.stack for machine in found.values()} == {STACK, "organization/chatglm/other", ""}
    machine = found[own]
    assert (machine.id, machine.state, machine.launch, machine.zone) == (own, "RUNNING", "20260102-120000", ZONE)
    assert cloud.instance(own) == machine
    assert cloud.instance("ins-00000000") is None


def test_captures_tell_their_machine_by_tag_or_by_name_where_they_never_got_tags(served: Served, cloud: Cloud) -> None:
    machine = launch_running(served)
    tagged = tags(chatglm_stack=STACK, chatglm_machine=machine, chatglm_generation="7")
    first = cloud.call("cvm", "CreateImage", InstanceId=machine, ImageName="any", TagSpecification=tagged)
    served.control.advance(3600)
    untagged = cloud.call("cvm", "CreateImage", InstanceId=machine, ImageName=f"chatglm-dev-8-{machine}")
    served.control.advance(3600)
    other = cloud.call("cvm", "CreateImage", InstanceId=machine, ImageName="somebody-elses")
    served.control.advance(3600)
    found = {image.id: image for image in cloud.custom_images()}
    assert found.pop(other["ImageId"]).stack == ""
    assert set(found) == {first["ImageId"], untagged["ImageId"]}
    assert {(image.generation, image.machine_id) for image in found.values()} == {(7, machine), (8, machine)}
    assert all(image.usable and image.size_gb == 75 and image.snapshot_ids for image in found.values())


def test_the_newest_chinese_windows_server_2022_is_found_by_name(cloud: Cloud) -> None:
    import re

    pattern = re.compile(WINDOWS_2022_CHINESE, re.IGNORECASE)
    assert cloud.public_image(lambda name: bool(pattern.search(name)), "GN7.2XLARGE32") == "img-m07ny34j"
    assert cloud.public_image(lambda _: False, "GN7.2XLARGE32") is None


@pytest.mark.parametrize(
    "name",
    [
        "Windows Server 2022 数据中心版 64位中文版",
        "Windows Server 2022  数据中心版 64位 中文版",
        "Windows Server 2022 DataCenter 64bit CN",
        "Windows Server 2022 Data Center 64bit CN",
    ],
)
def test_the_image_is_matched_in_whichever_language_tencent_answers(name: str) -> None:
    import re

    assert re.search(WINDOWS_2022_CHINESE, name, re.IGNORECASE)
    assert not re.search(WINDOWS_2022_CHINESE, name.replace("2022", "2019"), re.IGNORECASE)
    assert not re.search(WINDOWS_2022_CHINESE, name.replace("中文", "英文").replace("CN", "EN"), re.IGNORECASE)


def test_offers_tell_stock_and_the_spot_price(served: Served, cloud: Cloud) -> None:
    [offer] = cloud.offers(["ap-guangzhou-3"], "SPOTPAID", "GN7.2XLARGE32")
    [hourly] = cloud.offers(["ap-guangzhou-3"], "POSTPAID_BY_HOUR", "GN7.2XLARGE32")
    assert offer.in_stock
    assert offer.price is not None
    assert hourly.price is not None
    assert offer.price * 5 == hourly.price
    served.control.set_stock("ap-guangzhou-3", "GN7.2XLARGE32", "SOLD_OUT")
    assert not cloud.offers(["ap-guangzhou-3"], "SPOTPAID", "GN7.2XLARGE32")[0].in_stock


def test_offers_of_every_type_leave_out_slices_of_a_card(cloud: Cloud) -> None:
    types = {offer.instance_type for offer in cloud.offers(["ap-guangzhou-3"], "SPOTPAID")}
    assert "GN7.2XLARGE32" in types
    assert not types & {"GN7.2XLARGE40", "GN7.LARGE20"}


def test_disks_tell_sizes_and_the_price_of_the_disk_itself(cloud: Cloud) -> None:
    offer = cloud.disk_offer("ap-guangzhou-3", "CLOUD_SSD", "GN7")
    assert offer is not None
    assert offer.minimum <= 75 <= offer.maximum
    assert cloud.disk_price("CLOUD_SSD", 75) == Decimal("0.1875")


def test_an_image_goes_with_its_snapshots(served: Served, cloud: Cloud) -> None:
    machine = launch_running(served)
    cloud.call("cvm", "CreateImage", InstanceId=machine, ImageName=f"chatglm-dev-1-{machine}")
    served.control.advance(3600)
    [image] = cloud.custom_images()
    assert cloud.snapshots(image.snapshot_ids) == image.snapshot_ids
    cloud.delete_image(image)
    assert cloud.image(image.id) is None
    assert served.control.snapshots() == []


def test_throttling_is_waited_out(served: Served, cloud: Cloud) -> None:
    served.control.fault("TerminateInstances", "throttle", times=2)
    machine = served.launch()
    cloud.terminate(machine)
    assert [c.error for c in served.control.journal() if c.action == "TerminateInstances"] == [
        "RequestLimitExceeded",
        "RequestLimitExceeded",
        None,
    ]


def test_a_read_is_repeated_after_a_cut_and_a_write_is_not(served: Served, cloud: Cloud) -> None:
    served.control.fault("DescribeInstances", "cut_before")
    assert cloud.seen_machines() == ()
    machine = served.launch()
    served.control.fault("TerminateInstances", "cut_before")
    with pytest.raises(CloudError, match="could not be reached"):
        cloud.terminate(machine)


def test_a_refusal_says_words_first_then_code_and_request(cloud: Cloud) -> None:
    with pytest.raises(CloudError) as caught:
        cloud.terminate("ins-00000000")
    assert str(caught.value).startswith("TerminateInstances: the machine is gone (reclaimed or terminated); run pulumi")
    assert "InvalidInstanceId.NotFound" in str(caught.value)
    assert "request " in str(caught.value)


def test_a_dry_run_buys_nothing(served: Served, cloud: Cloud) -> None:
    from tests.localcloud.conftest import launch_request

    cloud.dry_run(launch_request())
    assert served.control.instances() == []
    served.control.set_balance(0)
    with pytest.raises(CloudError, match="top up"):
        cloud.dry_run(launch_request())


def test_questions_are_put_at_once_and_a_failed_one_leaves_its_reason() -> None:
    def fail() -> None:
        raise CloudError("X", "RequestLimitExceeded", "slow down")

    answers, failures = ask({"good": lambda: 1, "bad": fail})
    assert answers == {"good": 1}
    assert failures == {"bad": "Too many calls in a short time; wait a minute (RequestLimitExceeded)."}


def test_keys_come_from_the_config_then_the_environment_then_tcclis_profile(tmp_path: Path) -> None:
    (tmp_path / "default.credential").write_text('{"secretId": "p", "secretKey": "k", "token": "t"}', "utf-8")
    (tmp_path / "default.configure").write_text('{"_sys_param": {"region": "ap-nanjing"}}', "utf-8")
    profile = {"TENCENTCLOUD_SHARED_CREDENTIALS_DIR": str(tmp_path)}
    environment = {**profile, "TENCENTCLOUD_SECRET_ID": "e", "TENCENTCLOUD_SECRET_KEY": "k", "TENCENTCLOUD_REGION": "r"}
    configured = {"tencentcloud:secretId": "c", "tencentcloud:region": "ap-shanghai"}

    def found(config: dict[str, str], environ: dict[str, str]) -> tuple[str, str] | None:
        access = Access.find(config, environ)
        return access and (access.secret_id, access.region)

    assert found(configured, environment) == ("c", "ap-shanghai")
    assert found({}, environment) == ("e", "r")
    assert found({}, profile) == ("p", "ap-nanjing")
    assert found({}, {"TENCENTCLOUD_SHARED_CREDENTIALS_DIR": str(tmp_path / "none")}) is None


def test_the_region_is_guangzhou_where_nothing_is_said(tmp_path: Path) -> None:
    assert find_region({}, {"TENCENTCLOUD_SHARED_CREDENTIALS_DIR": str(tmp_path)}) == "ap-guangzhou"
    assert (TAG_LAUNCH, TAG_MACHINE, TAG_STACK) == ("chatglm-launch", "chatglm-machine", "chatglm-stack")


def test_a_dry_run_makes_no_default_network(served: Served, cloud: Cloud) -> None:
    from tests.localcloud.conftest import launch_request

    cloud.dry_run(launch_request())
    assert [list(table) for table in (served.server.cloud.db.vpcs, served.server.cloud.db.security_groups)] == [[], []]
