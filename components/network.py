"""The network of the machine: a VPC, a subnet in the machine's zone, and a security group that admits the operator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
from tencentcloud_iac_pulumi import security, subnet, vpc

from components.firewall import as_stored, operator_rules
from components.hooks import Hooks
from components.settings import Settings
from tencent.firewall import Rule

VPC_CIDR = "10.0.0.0/16"


@dataclass(frozen=True)
class NetworkArgs:
    """`zone` places the subnet; the settings say to whom the ports are open.

    `found` names, by its word, what is there though the state forgot it: it is adopted, not made a second time.
    `marks` are the owner's tags. `after` is what stays in the state for as long as the network does.
    """

    zone: str
    settings: Settings
    hooks: Hooks
    found: Mapping[str, str] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)
    after: Sequence[pulumi.Resource] = ()
    parking: bool = False
    as_of: str = ""  # when the caller's own address was sent
    stored: Sequence[Rule] = ()  # what the group has, where nothing is sent


def subnet_cidr(zone: str) -> str:
    """A range for each zone, so that the machine can move: two subnets stand side by side while it does."""
    number = int(zone.rpartition("-")[2])
    return f"10.0.{number % 256}.0/24"


def ingress(rules: Iterable[Rule]) -> list[security.GroupRuleSetIngressArgs]:
    """The operator's rules, for the plug-in."""
    return [
        security.GroupRuleSetIngressArgs(
            action=rule.action,
            cidr_block=rule.cidr,
            protocol=rule.protocol,
            port=rule.port,
            description=rule.description,
        )
        for rule in rules
    ]


def _adopting(found: str | None, kept: Sequence[str]) -> dict[str, Any]:
    """The options that leave the `kept` inputs as they are, and take over as it is what was found."""
    if found:
        return {"import_": found, "ignore_changes": ["tags", "name", "description"]}
    return {"ignore_changes": list(kept)} if kept else {}


class Network(pulumi.ComponentResource):
    """VPC, subnet and security group. Nothing of it costs money, so a parked stack keeps it."""

    vpc_id: pulumi.Output[str]
    subnet_id: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    rules: pulumi.CustomResource

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("chatglm:index:Network", name, None, opts)
        tags = {**args.settings.tags, **args.marks}
        # Not to be able to write tags must not keep anybody from parking, which ends a bill.
        kept = ["tags"] if args.parking else []
        vpc_options = pulumi.ResourceOptions(
            parent=self,
            hooks=args.hooks.vpc,
            depends_on=list(args.after),
            **_adopting(args.found.get("network"), kept),
        )
        subnet_options = pulumi.ResourceOptions(
            parent=self, hooks=args.hooks.subnet, **_adopting(args.found.get("subnet"), kept)
        )
        # Names are given: the plug-in would add random letters up to 255 characters, and Tencent takes 60.
        title = f"{pulumi.get_project()}-{pulumi.get_stack()}"[:60]
        cloud = vpc.Instance("vpc", name=title, cidr_block=VPC_CIDR, tags=tags, opts=vpc_options)
        part = subnet.Instance(
            f"subnet-{args.zone}",
            name=title,
            vpc_id=cloud.id,
            availability_zone=args.zone,
            cidr_block=subnet_cidr(args.zone),
            tags=tags,
            opts=subnet_options,
        )
        group = security.Group(
            "security-group",
            name=title,
            description="ChatGLM: the operator only",
            tags=tags,
            opts=pulumi.ResourceOptions(
                parent=self,
                # Behind the VPC, so that a refused update is refused once, and before anything is made.
                depends_on=[cloud],
                # The hook deletes it, since the plug-in fails for ever when the group is gone already.
                retain_on_delete=True,
                hooks=args.hooks.security_group,
                **_adopting(args.found.get("security group"), kept),
            ),
        )
        self.rules = security.GroupRuleSet(
            "rules",
            security_group_id=group.id,
            ingresses=ingress(as_stored(operator_rules(args.settings, args.as_of), args.stored)),
            # A new group denies outbound traffic too; without this rule Windows could download nothing.
            egresses=[
                security.GroupRuleSetEgressArgs(
                    action="ACCEPT", cidr_block="0.0.0.0/0", protocol="ALL", port="ALL", description="all outbound"
                )
            ],
            # The rules go with their group.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        self.vpc_id, self.subnet_id, self.security_group_id = cloud.id, part.id, group.id
        self.register_outputs(
            {"vpcId": self.vpc_id, "subnetId": self.subnet_id, "securityGroupId": self.security_group_id}
        )
