"""The resources of a running stack, declared by hand without look-ups, plan or guards."""

import pulumi
from tencentcloud_iac_pulumi import instance, security, subnet, vpc

config = pulumi.Config("chatglm")
zone = "ap-guangzhou-3"
network = vpc.Instance("vpc", name="bare", cidr_block="10.0.0.0/16")
part = subnet.Instance("subnet", name="bare", vpc_id=network.id, availability_zone=zone, cidr_block="10.0.3.0/24")
group = security.Group("security-group", name="bare")
security.GroupRuleSet(
    "rules",
    security_group_id=group.id,
    ingresses=[
        security.GroupRuleSetIngressArgs(action="ACCEPT", cidr_block="127.0.0.1/32", protocol="TCP", port=port)
        for port in ("3389", "5986", "7860")
    ],
    egresses=[security.GroupRuleSetEgressArgs(action="ACCEPT", cidr_block="0.0.0.0/0", protocol="ALL", port="ALL")],
)
machine = instance.Instance(
    "machine",
    instance_name="bare",
    availability_zone=zone,
    vpc_id=network.id,
    subnet_id=part.id,
    orderly_security_groups=[group.id],
    instance_type="GN7.2XLARGE32",
    instance_charge_type="SPOTPAID",
    image_id=config.require("imageId"),
    system_disk_size=75,
    system_disk_type="CLOUD_SSD",
    allocate_public_ip=True,
    internet_charge_type="TRAFFIC_POSTPAID_BY_HOUR",
    internet_max_bandwidth_out=100,
    hostname="chatglm",
    password=config.require_secret("adminPassword"),
)
pulumi.export("address", machine.public_ip)
