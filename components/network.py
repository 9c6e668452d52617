"""The network of the machine: a VPC, a subnet in the machine's zone, and a security group that admits the operator."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from tencentcloud_iac_pulumi import security, subnet, vpc

from components.firewall import operator_rules
from components.hooks import Hooks
from components.settings import Settings

VPC_CIDR = "10.0.0.0/16"


@dataclass(frozen=True)
class NetworkArgs:
    """`zone` places the subnet; the settings say to whom the ports are open."""

    zone: str
    settings: Settings
    hooks: Hooks


def subnet_cidr(zone: str) -> str:
    """A range for each zone, so that the machine can move: two subnets stand side by side while it does."""
    number = int(zone.rpartition("-")[2])
    return f"10.0.{number % 256}.0/24"


def ingress(settings: Settings) -> list[security.GroupRuleSetIngressArgs]:
    """The operator's rules, for the plug-in."""
    return [
        security.GroupRuleSetIngressArgs(
            action=rule.action,
            cidr_block=rule.cidr,
            protocol=rule.protocol,
            port=rule.port,
            description=rule.description,
        )
        for rule in operator_rules(settings)
    ]


class Network(pulumi.ComponentResource):
    """VPC, subnet and security group. Nothing of it costs money, so a parked stack keeps it."""

    vpc_id: pulumi.Output[str]
    subnet_id: pulumi.Output[str]
    security_group_id: pulumi.Output[str]

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("chatglm:index:Network", name, None, opts)
        tags = dict(args.settings.tags)
        vpc_options = pulumi.ResourceOptions(parent=self, hooks=args.hooks.vpc)
        subnet_options = pulumi.ResourceOptions(parent=self, hooks=args.hooks.subnet)
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
            ),
        )
        security.GroupRuleSet(
            "rules",
            security_group_id=group.id,
            ingresses=ingress(args.settings),
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
