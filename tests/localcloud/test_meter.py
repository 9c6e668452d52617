"""The meter: exact to the second of cloud time, and the sum of its parts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.billing import cost, read_meter
from localcloud.records import Charge

TIMES = st.integers(0, 10**9).map(float)
CHARGES = st.lists(
    st.builds(
        Charge,
        charge_id=st.uuids().map(str),
        kind=st.sampled_from(["instance", "disk", "snapshot"]),
        resource_id=st.sampled_from(["a", "b", "c", "d"]),
        name=st.just("n"),
        belongs_to=st.just(""),
        hourly=st.decimals(0, 100, places=4).map(str),
        since=TIMES,
        until=st.none() | TIMES,
    ),
    max_size=20,
)


@given(CHARGES, TIMES)
def test_nothing_is_ever_negative(charges: list[Charge], now: float) -> None:
    meter = read_meter(charges, now)
    assert meter.hourly >= 0
    assert meter.ended >= 0
    assert meter.total >= 0
    assert all(item.total >= 0 for item in meter.items)


@given(CHARGES, TIMES)
def test_the_total_is_the_sum_of_what_is_billed_and_what_has_ended(charges: list[Charge], now: float) -> None:
    meter = read_meter(charges, now)
    assert meter.total == sum((item.total for item in meter.items), meter.ended)
    assert float(meter.total) == pytest.approx(float(sum((cost(charge, now) for charge in charges), Decimal(0))))
    assert meter.hourly == sum((item.hourly for item in meter.items), Decimal(0))


@given(CHARGES, TIMES, st.integers(0, 10**6))
def test_the_total_never_falls(charges: list[Charge], now: float, later: int) -> None:
    assert read_meter(charges, now + later).total >= read_meter(charges, now).total


def frozen(cloud: Any) -> None:
    """Stop the clock but for what a test moves: real milliseconds would show in the sums."""
    cloud.control.set_speed(1e-9)


# Guangzhou, GN7.2XLARGE32: a fifth of 8.68 an hour; 75 GB of CLOUD_SSD: 0.0025 each.
SPOT, DISK = 8.68 * 0.2, 75 * 0.0025
SNAPSHOT = 60 * 0.13 / 720


def test_a_machine_and_its_disk_cost_from_the_launch_on(cloud: Any) -> None:
    frozen(cloud)
    instance_id = cloud.launch()
    assert [(item.kind, item.belongs_to) for item in cloud.control.meter().items] == [
        ("disk", instance_id),
        ("instance", ""),
    ]
    cloud.control.advance(3600)
    meter = cloud.control.meter()
    assert meter.hourly_cny == pytest.approx(SPOT + DISK)
    assert meter.total_cny == pytest.approx(SPOT + DISK)


def test_the_disk_is_not_discounted_and_hourly_machines_cost_five_times_as_much(cloud: Any) -> None:
    cloud.launch(InstanceChargeType="POSTPAID_BY_HOUR")
    assert cloud.control.meter().hourly_cny == pytest.approx(8.68 + DISK)


def test_a_stopped_machine_costs_on(cloud: Any) -> None:
    instance_id = cloud.running()
    cloud.call("cvm", "StopInstances", InstanceIds=[instance_id])
    cloud.pass_time(10)
    assert cloud.control.meter().hourly_cny == pytest.approx(SPOT + DISK)


def test_parked_only_the_snapshot_costs(cloud: Any) -> None:
    frozen(cloud)
    instance_id = cloud.running()
    image_id = cloud.image(instance_id)
    cloud.call("cvm", "TerminateInstances", InstanceIds=[instance_id])
    before = cloud.control.meter()
    assert [(item.kind, item.belongs_to) for item in before.items] == [("snapshot", image_id)]
    cloud.control.advance(720 * 3600)
    after = cloud.control.meter()
    assert after.total_cny - before.total_cny == pytest.approx(60 * 0.13)
    # 30 s to start, 600 s for the image, 20 s to start again.
    assert after.ended_cny == pytest.approx((SPOT + DISK) * 650 / 3600)


def test_an_image_costs_from_the_moment_it_is_normal_even_when_nobody_looked(cloud: Any) -> None:
    frozen(cloud)
    instance_id = cloud.running()
    cloud.call("cvm", "CreateImage", InstanceId=instance_id, ImageName="i")
    cloud.settle()
    cloud.control.advance(600 + 3600)
    snapshot = next(item for item in cloud.control.meter().items if item.kind == "snapshot")
    assert snapshot.total_cny == pytest.approx(SNAPSHOT)


def test_a_deleted_image_costs_on_through_its_snapshots(cloud: Any) -> None:
    image_id = cloud.image(cloud.running())
    cloud.call("cvm", "DeleteImages", ImageIds=[image_id])
    left = [item for item in cloud.control.meter().items if item.kind == "snapshot"]
    assert [(item.belongs_to, item.hourly_cny) for item in left] == [("", pytest.approx(SNAPSHOT))]
    cloud.call("cbs", "DeleteSnapshots", SnapshotIds=[left[0].id])
    assert "snapshot" not in {item.kind for item in cloud.control.meter().items}


def test_the_free_amount_is_taken_off_the_oldest_snapshots_of_a_region(cloud: Any) -> None:
    instance_id = cloud.running()
    cloud.image(instance_id, "one")
    cloud.image(instance_id, "two")
    cloud.control.set_settings(snapshot_free_gb=80)
    prices = [item.hourly_cny for item in cloud.control.meter().items if item.kind == "snapshot"]
    assert prices == [0, pytest.approx(40 * 0.13 / 720)]


def test_a_new_price_counts_from_then_on(cloud: Any) -> None:
    frozen(cloud)
    cloud.launch()
    cloud.control.advance(3600)
    cloud.control.set_price("ap-guangzhou-6", "GN7.2XLARGE32", 10.0)
    cloud.control.advance(3600)
    machine = next(item for item in cloud.control.meter().items if item.kind == "instance")
    assert machine.hourly_cny == pytest.approx(2.0)
    assert machine.total_cny == pytest.approx(SPOT + 2.0)


def test_the_recycle_bin_costs_nothing(cloud: Any) -> None:
    cloud.control.set_settings(recycle_bin=True)
    instance_id = cloud.running()
    cloud.call("cvm", "TerminateInstances", InstanceIds=[instance_id])
    assert cloud.state(instance_id) == "SHUTDOWN"
    assert cloud.control.meter().items == []
    cloud.pass_time(7200)
    cloud.pass_time(10)
    assert cloud.state(instance_id) == "gone"


def test_after_everything_is_gone_nothing_is_billed_and_the_sum_stays(cloud: Any) -> None:
    frozen(cloud)
    instance_id = cloud.running()
    cloud.call("cvm", "TerminateInstances", InstanceIds=[instance_id])
    cloud.pass_time(10)
    meter = cloud.control.meter()
    assert (meter.items, meter.hourly_cny) == ([], 0)
    assert meter.total_cny == pytest.approx((SPOT + DISK) * 30 / 3600)


def test_the_frozen_hours_of_running_machines_are_not_free_for_more(cloud: Any) -> None:
    frozen(cloud)
    cloud.control.set_balance(3.0)
    cloud.launch()
    request = {"InstanceChargeType": "SPOTPAID", "InstanceType": "GN7.2XLARGE32", "ImageId": "img-m07ny34j"}
    code = cloud.error("cvm", "RunInstances", Placement={"Zone": "ap-guangzhou-6"}, **request)
    assert code == "InvalidAccount.InsufficientBalance"
