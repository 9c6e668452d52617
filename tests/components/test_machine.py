"""The machine: what a new one gets, and that nothing of a living one can change."""

from __future__ import annotations

from datetime import UTC, datetime

import pulumi

from components import lifecycle
from components.machine import KEPT_WHILE_LIVING, Machine, MachineArgs
from components.network import Network, NetworkArgs
from tencent.facts import Instance

NEW = lifecycle.MachinePlan("20260102-120000", "ap-guangzhou-3", "img-public", "20260102-120000")
LIVING = lifecycle.MachinePlan(
    "20260102-120000",
    "ap-guangzhou-3",
    "img-public",
    "20260102-120000",
    Instance("ins-1", "RUNNING", "ap-guangzhou-3", "img-public", "20260102-120000", datetime(2026, 1, 2, tzinfo=UTC)),
)


def build(deploy, settings, no_hooks, plan):
    def program() -> list[pulumi.Output[str]]:
        network = Network("network", NetworkArgs("ap-guangzhou-3", settings, no_hooks))
        args = MachineArgs(plan, network, settings, "<powershell>1</powershell>", {"a": "b"}, no_hooks.machine)
        machine = Machine("machine", args)
        return [machine.instance_id, machine.address]

    return deploy(program)


def test_a_new_machine_is_a_spot_gpu_with_a_disk_of_75_gb(deploy, settings, no_hooks) -> None:
    monitor, values = build(deploy, settings, no_hooks, NEW)
    inputs = monitor.inputs("machine-20260102-120000")
    expected = {
        "instanceType": "GN7.2XLARGE32",
        "instanceChargeType": "SPOTPAID",
        "systemDiskSize": 75,
        "systemDiskType": "CLOUD_SSD",
        "imageId": "img-public",
        "hostname": "chatglm",
        "orderlySecurityGroups": ["security-group-id"],
        "subnetId": "subnet-ap-guangzhou-3-id",
        "instanceName": "chatglm-dev",
        "tags": {"a": "b"},
    }
    assert {key: inputs[key] for key in expected} == expected
    assert "spotMaxPrice" not in inputs, "no bid means the market price"
    assert values == ["machine-20260102-120000-id", "127.0.1.5"]


def test_a_bid_goes_with_the_one_time_word_that_tencent_wants(deploy, settings, no_hooks) -> None:
    monitor, _ = build(deploy, settings.model_copy(update={"spot_max_price": "3.5"}), no_hooks, NEW)
    inputs = monitor.inputs(NEW.name)
    assert (inputs["spotMaxPrice"], inputs["spotInstanceType"]) == ("3.5", "ONE-TIME")


def test_password_and_user_data_are_secrets(deploy, settings, no_hooks) -> None:
    monitor, _ = build(deploy, settings, no_hooks, NEW)
    raw = monitor.requests[NEW.name].object
    for key in ("password", "userDataRaw"):
        assert pulumi.runtime.rpc.is_rpc_secret(pulumi.runtime.rpc.deserialize_properties(raw, True)[key]), key


def test_the_plug_in_never_deletes_it(deploy, settings, no_hooks) -> None:
    monitor, _ = build(deploy, settings, no_hooks, NEW)
    assert monitor.requests[NEW.name].retainOnDelete


def test_a_living_machine_keeps_everything_that_would_reinstall_reboot_or_replace_it(
    deploy, settings, no_hooks
) -> None:
    monitor, values = build(deploy, settings, no_hooks, LIVING)
    request = monitor.requests[LIVING.name]
    assert list(request.ignoreChanges) == KEPT_WHILE_LIVING
    assert {"imageId", "keepImageLogin", "disableSecurityService", "password", "hostname"} <= set(KEPT_WHILE_LIVING)
    assert values[0] == request.importId == "ins-1", "a machine that the state does not know is adopted by its id"


def test_a_new_machine_ignores_nothing(deploy, settings, no_hooks) -> None:
    monitor, _ = build(deploy, settings, no_hooks, NEW)
    assert not monitor.requests[NEW.name].ignoreChanges
