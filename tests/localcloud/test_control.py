"""The control interface and its typed client."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from localcloud.control_client import Control, ControlError
from localcloud.journal import MASK

from .conftest import PASSWORD, launch_request


def test_the_journal_has_every_call_in_order_with_secrets_masked(cloud: Any) -> None:
    cloud.launch(UserData="c2VjcmV0", ClientToken="t")
    cloud.error("cvm", "TerminateInstances", InstanceIds=["ins-00000000"])
    calls = cloud.control.journal()
    assert [(call.service, call.action, call.error) for call in calls] == [
        ("cvm", "RunInstances", None),
        ("cvm", "TerminateInstances", "InvalidInstanceId.NotFound"),
    ]
    assert calls[0].params["LoginSettings"]["Password"] == MASK
    assert calls[0].params["UserData"] == MASK
    assert calls[0].params["InstanceName"] == "chatglm"
    assert PASSWORD not in str(calls)
    assert cloud.control.journal(since=calls[0].seq) == calls[1:]


def test_refused_signatures_are_in_the_journal(cloud: Any) -> None:
    headers = {"Host": "cvm.tencentcloudapi.com", "X-TC-Action": "RunInstances", "Content-Type": "application/json"}
    httpx.post(cloud.server.url, headers=headers, content=b"{}", trust_env=False)
    assert [call.error for call in cloud.control.journal()] == ["AuthFailure.InvalidAuthorization"]


def test_what_there_is_can_be_listed(cloud: Any) -> None:
    instance_id = cloud.running()
    image_id = cloud.image(instance_id)
    machine, image = cloud.control.instances()[0], cloud.control.images()[0]
    assert (machine.id, machine.state, machine.public_ip, machine.guest_ready) == (
        instance_id,
        "RUNNING",
        "127.0.1.1",
        True,
    )
    assert (image.id, image.instance_id, image.snapshot_ids) == (
        image_id,
        instance_id,
        [cloud.control.snapshots()[0].id],
    )
    assert cloud.control.snapshots()[0].image_id == image_id
    assert cloud.control.disks()[0].instance_id == instance_id


def test_stock_can_be_set_per_zone_and_type(cloud: Any) -> None:
    cloud.control.set_stock("ap-guangzhou-6", "GN7.2XLARGE32", "SOLD_OUT")
    filters = [
        {"Name": "instance-type", "Values": ["GN7.2XLARGE32"]},
        {"Name": "instance-charge-type", "Values": ["SPOTPAID"]},
    ]
    found = cloud.call("cvm", "DescribeZoneInstanceConfigInfos", Filters=filters)["InstanceTypeQuotaSet"]
    assert {item["Zone"]: (item["Status"], item["StatusCategory"]) for item in found} == {
        "ap-guangzhou-3": ("SELL", "EnoughStock"),
        "ap-guangzhou-4": ("SELL", "EnoughStock"),
        "ap-guangzhou-6": ("SOLD_OUT", "WithoutStock"),
    }
    cloud.control.set_stock("ap-guangzhou-6", "GN7.2XLARGE32", "SELL")
    assert cloud.launch()


@pytest.mark.parametrize(
    ("act", "word"),
    [
        (lambda c: c.set_stock("ap-guangzhou-6", "GN7.2XLARGE32", "PLENTY"), "PLENTY"),
        (lambda c: c.set_stock("mars-1", "GN7.2XLARGE32", "SELL"), "not offered"),
        (lambda c: c.set_price("ap-guangzhou-6", "GN7.2XLARGE32", -1), "price"),
        (lambda c: c.set_quota("patience", 1), "patience"),
        (lambda c: c.set_settings(colour=1), "colour"),
        (lambda c: c.set_settings(recycle_bin=1), "true or false"),
        (lambda c: c.set_settings(image_seconds_per_gb=-1), "image_seconds_per_gb"),
        (lambda c: c.advance(-5), "advance"),
        (lambda c: c.set_speed("fast"), "fast"),
        (lambda c: c.set_balance(float("nan")), "JSON"),
    ],
)
def test_nonsense_is_refused_with_a_reason(cloud: Any, act: Any, word: str) -> None:
    with pytest.raises((ControlError, ValueError), match=word):
        act(cloud.control)


def test_settings_can_be_read_and_changed(cloud: Any) -> None:
    cloud.control.set_settings(launch_seconds=1, recycle_bin=True, snapshot_free_gb=50)
    settings = cloud.control.settings()
    assert (settings["launch_seconds"], settings["recycle_bin"], settings["snapshot_free_gb"]) == (1.0, True, 50)
    instance_id = cloud.launch()
    cloud.pass_time(1)
    assert cloud.state(instance_id) == "RUNNING"


def test_a_reset_forgets_everything_but_the_settings(cloud: Any) -> None:
    cloud.control.set_settings(snapshot_free_gb=50)
    cloud.image(cloud.running())
    cloud.control.reset()
    cloud.settle()
    assert (cloud.control.instances(), cloud.control.images(), cloud.control.journal()) == ([], [], [])
    assert cloud.control.meter().total_cny == 0
    assert cloud.control.settings()["snapshot_free_gb"] == 50
    drives = cloud.server.cloud.drives
    assert [*drives.disk("").iterdir(), *drives.snapshot("").iterdir()] == []


def test_after_a_reset_the_whole_balance_can_be_spent_and_no_more(cloud: Any) -> None:
    cloud.launch()
    cloud.control.advance(3600)
    cloud.control.set_balance(3)
    cloud.control.reset()
    cloud.launch()
    assert cloud.error("cvm", "RunInstances", **launch_request()) == "InvalidAccount.InsufficientBalance"


def test_the_time_can_be_read_and_moved(cloud: Any) -> None:
    before = cloud.control.now()
    assert cloud.control.advance(100) >= before + 100
    cloud.control.set_speed("max")
    assert cloud.control.status().speed == "max"


def test_nobody_there_is_told_with_what_to_do() -> None:
    with pytest.raises(ControlError, match="python -m localcloud start"), Control("http://127.0.0.1:1") as control:
        control.meter()


def test_a_web_page_cannot_post(cloud: Any) -> None:
    response = httpx.post(f"{cloud.server.url}/control/reset", content=b"{}", trust_env=False)
    assert response.status_code == 415


def test_proxy_settings_do_not_lead_the_client_astray(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with Control(cloud.server.url) as control:
        assert control.status().url == cloud.server.url
