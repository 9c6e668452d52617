"""The network admits the operator on three ports, everybody outbound, and nobody else."""

from __future__ import annotations

import pulumi
import pytest

from components.network import Network, NetworkArgs, subnet_cidr


def build(deploy, settings, no_hooks):
    def program() -> list[pulumi.Output[str]]:
        network = Network("network", NetworkArgs("ap-guangzhou-3", settings, no_hooks))
        return [network.vpc_id, network.subnet_id, network.security_group_id]

    return deploy(program)


def test_it_tells_the_ids_that_the_machine_needs(deploy, settings, no_hooks) -> None:
    _, values = build(deploy, settings, no_hooks)
    assert values == ["vpc-id", "subnet-ap-guangzhou-3-id", "security-group-id"]


def test_only_the_operator_reaches_the_three_ports_in_order(deploy, settings, no_hooks) -> None:
    monitor, _ = build(deploy, settings, no_hooks)
    rules = monitor.inputs("rules")
    assert [(r["port"], r["cidrBlock"]) for r in rules["ingresses"]] == [
        (port, cidr) for port in ("3389", "5986", "7860") for cidr in ("203.0.113.7/32", "198.51.100.0/24")
    ]
    assert {(r["action"], r["protocol"]) for r in rules["ingresses"]} == {("ACCEPT", "TCP")}


def test_outbound_traffic_is_let_out_by_a_rule_of_its_own(deploy, settings, no_hooks) -> None:
    monitor, _ = build(deploy, settings, no_hooks)
    egress = monitor.inputs("rules")["egresses"]
    assert [(r["action"], r["cidrBlock"], r["protocol"], r["port"]) for r in egress] == [
        ("ACCEPT", "0.0.0.0/0", "ALL", "ALL")
    ]


def test_names_are_given_and_fit_tencents_limit(deploy, settings, no_hooks) -> None:
    monitor, _ = build(deploy, settings, no_hooks)
    names = [monitor.inputs(name)["name"] for name in ("vpc", "subnet-ap-guangzhou-3", "security-group")]
    assert names == ["chatglm-dev"] * 3


@pytest.mark.parametrize(("zone", "cidr"), [("ap-guangzhou-3", "10.0.3.0/24"), ("ap-nanjing-12", "10.0.12.0/24")])
def test_each_zone_has_a_range_of_its_own(zone: str, cidr: str) -> None:
    assert subnet_cidr(zone) == cidr
